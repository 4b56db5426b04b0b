"""Who is served next, while a caller uses much of the processor for requests that are refused.

Pure: knows nothing of sockets, threads and HTTP. Most callers are never held back. A caller whose
refused requests have used more than ALLOWED_SECONDS of CPU lately has one request served at a
time, and rests after each, the longer the more it has used, as long as somebody else is here
(ADR 39).
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

ALLOWED_SECONDS: Final = 0.25  # of CPU for refusals, of which half is forgiven per HALF_LIFE
HALF_LIFE_SECONDS: Final = 5.0
PAUSE: Final = 4.0  # times a request's cost, and once more for each ALLOWED_SECONDS used
LONGEST_PAUSE_SECONDS: Final = 5.0
MOST_WAITING: Final = 64  # requests of one caller
ELSE_SECONDS: Final = 5.0  # somebody who was here within this time is still here
NEGLIGIBLE_SECONDS: Final = 0.01
MOST_REMEMBERED: Final = 10_000  # callers

R = TypeVar("R")


class TooManyWaiting(Exception):
    """A caller that is held back has MOST_WAITING requests in its queue already."""


@dataclass(slots=True)
class _Caller(Generic[R]):
    spent_seconds: float = 0.0  # at the moment `spent_at`
    spent_at: float = 0.0
    running: int = 0
    rests_until: float = 0.0
    waiting: deque[R] = field(default_factory=deque)

    def spent(self, now: float) -> float:
        """Return the CPU seconds for refusals that are not forgiven yet."""
        return float(self.spent_seconds * 0.5 ** ((now - self.spent_at) / HALF_LIFE_SECONDS))


class Turns(Generic[R]):
    """The requests that are here and have no thread yet, by caller."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._callers: dict[str, _Caller[R]] = {}
        self._waiting: set[str] = set()
        self._latest: list[tuple[str, float]] = []  # the last two callers, and when they came

    def arrived(self, name: str, request: R) -> None:
        """Queue a request of a caller.

        Raises:
            TooManyWaiting: the caller is held back and has too many in its queue.
        """
        now = self._clock()
        caller = self._callers.setdefault(name, _Caller(spent_at=now))
        if len(caller.waiting) >= MOST_WAITING:
            raise TooManyWaiting
        others = [seen for seen in self._latest if seen[0] != name]
        self._latest = [(name, now), *others[:1]]
        caller.waiting.append(request)
        self._waiting.add(name)

    def due(self, *, all_of_them: bool = False) -> list[R]:
        """Take out of the queue, and return, the requests that may be served now."""
        now, started = self._clock(), list[R]()
        for name in list(self._waiting):
            caller = self._callers[name]
            while caller.waiting and (all_of_them or self._may_start(name, caller, now)):
                caller.running += 1
                started.append(caller.waiting.popleft())
            if not caller.waiting:
                self._waiting.discard(name)
        return started

    def ended(self, name: str, *, cpu_seconds: float, refused: bool) -> None:
        """Note what a request that was served has cost, and whether it was refused."""
        now = self._clock()
        caller = self._callers[name]
        caller.running -= 1
        if refused:
            caller.spent_seconds, caller.spent_at = caller.spent(now) + cpu_seconds, now
            pause = PAUSE * cpu_seconds * (1 + caller.spent_seconds / ALLOWED_SECONDS)
            caller.rests_until = now + min(pause, LONGEST_PAUSE_SECONDS)
        if self._is_nothing(caller, now):
            del self._callers[name]
        elif len(self._callers) > MOST_REMEMBERED:
            for other, one in list(self._callers.items()):
                if self._is_nothing(one, now):
                    del self._callers[other]

    def seconds_to_next(self) -> float | None:
        """Return how long the next request waits for its caller's rest to end, if one does."""
        now = self._clock()
        rests = [
            caller.rests_until - now
            for caller in (self._callers[name] for name in self._waiting)
            if not caller.running
        ]
        return max(0.0, min(rests)) if rests else None

    def _may_start(self, name: str, caller: _Caller[R], now: float) -> bool:
        if caller.spent(now) <= ALLOWED_SECONDS or not self._somebody_else(name, now):
            return True
        return caller.running == 0 and now >= caller.rests_until

    def _somebody_else(self, name: str, now: float) -> bool:
        return any(other != name and now - at < ELSE_SECONDS for other, at in self._latest)

    @staticmethod
    def _is_nothing(caller: _Caller[R], now: float) -> bool:
        idle = not caller.running and not caller.waiting
        return idle and caller.spent(now) < NEGLIGIBLE_SECONDS
