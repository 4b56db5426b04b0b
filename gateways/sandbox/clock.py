"""The simulated clock and the jobs that wait for it."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

logger = logging.getLogger(__name__)

LONGEST_SLEEP_SECONDS = 1.0


def real_now() -> datetime:
    """Return the machine's time, also in a process where a file moves `timezone.now`."""
    return datetime.fromtimestamp(time.time(), UTC)


class Clock:
    """Real time plus an offset that the control API changes.

    `file` holds by how many seconds the merchant's clock is ahead of real time, in stacks whose
    PayTrust reads that file.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._offset = self.merchants_offset()

    @property
    def offset(self) -> timedelta:
        return self._offset

    @property
    def leads_the_merchant(self) -> bool:
        return self._file is not None

    def now(self) -> datetime:
        return real_now() + self._offset

    def set(self, at: datetime) -> None:
        self._offset = at - real_now()

    def shift(self, offset: timedelta) -> None:
        """Set how far this clock is ahead of real time."""
        self._offset = offset

    def merchants_offset(self) -> timedelta:
        try:
            return timedelta(seconds=float(self._file.read_text())) if self._file else timedelta(0)
        except FileNotFoundError:
            return timedelta(0)

    def set_merchant(self, offset: timedelta) -> None:
        """Set how far the merchant's clock is ahead of real time."""
        if self._file is None:
            raise RuntimeError("no merchant follows this clock")
        written = self._file.with_name(f"{self._file.name}.new")
        written.write_text(f"{offset.total_seconds()}\n")
        written.replace(self._file)

    def as_simulated(self, at: datetime) -> datetime:
        """Return a moment of the merchant's clock on this clock, which may be ahead of it."""
        merchants = self.merchants_offset()
        if abs(at - (real_now() + merchants)) < abs(at - self.now()):
            return at + (self._offset - merchants)
        return at

    def reset(self) -> None:
        """Set this clock to the merchant's time."""
        self._offset = self.merchants_offset()


class Agenda:
    """Runs jobs, one after another and in order, when the clock reaches their time."""

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
        """Move the clock to `to`, stop at each job on the way, and return when all have run."""
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
