"""The simulated clock and the jobs that wait for it."""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

logger = logging.getLogger(__name__)

LONGEST_SLEEP_SECONDS = 1.0


class Clock:
    """Real time plus an offset that the control API moves."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return timezone.now() + self._offset

    def set(self, at: datetime) -> None:
        self._offset = at - timezone.now()

    def as_simulated(self, at: datetime) -> datetime:
        """Return a moment told by a merchant, whose own clock this one may have left behind."""
        if abs(at - timezone.now()) < abs(at - self.now()):
            return at + self._offset
        return at

    def reset(self) -> None:
        self._offset = timedelta(0)


class Agenda:
    """Runs jobs when the clock reaches their time, in order, one after another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count()
        self._jobs: list[tuple[datetime, int, Callable[[], None]]] = []
        self._changed = threading.Condition()
        self._running = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._run_forever, name="sandbox-agenda", daemon=True).start()

    def at(self, due: datetime, job: Callable[[], None]) -> None:
        """Run `job` once the simulated clock shows `due`."""
        with self._changed:
            heapq.heappush(self._jobs, (due, next(self._numbers), job))
            self._changed.notify()

    def travel(self, to: datetime) -> None:
        """Move the clock to `to`, stopping at each job on the way, and return when all have run."""
        with self._running:
            while (due := self._next_due()) is not None and due <= to:
                if due > self._clock.now():
                    self._clock.set(due)
                self._run_next()
            self._clock.set(to)

    def clear(self) -> None:
        with self._changed:
            self._jobs.clear()

    def _next_due(self) -> datetime | None:
        with self._changed:
            return self._jobs[0][0] if self._jobs else None

    def _run_next(self) -> None:
        with self._changed:
            if not self._jobs:
                return
            _due, _number, job = heapq.heappop(self._jobs)
        try:
            job()
        except Exception:
            logger.exception("a job of the sandbox's clock failed")

    def _run_forever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait(timeout=self._seconds_to_wait())
            with self._running:
                while (due := self._next_due()) is not None and due <= self._clock.now():
                    self._run_next()

    def _seconds_to_wait(self) -> float:
        if not self._jobs:
            return LONGEST_SLEEP_SECONDS
        wait = (self._jobs[0][0] - self._clock.now()).total_seconds()
        return min(max(wait, 0.0), LONGEST_SLEEP_SECONDS)
