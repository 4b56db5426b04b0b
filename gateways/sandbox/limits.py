"""The limit of a gateway's calls a minute, by endpoint (gateways-2.md C3)."""

import threading
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Room:
    """How many calls an endpoint's minute has left, and when the oldest call leaves it."""

    remaining: int
    reset_seconds: float
    passed: bool = False


class Limiter:
    """Counts the calls of the last 60 seconds (sliding); refused calls do not count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str], deque[datetime]] = {}
        self._taken: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()

    def take(self, gateway: str, route: str, *, limit: int, now: datetime) -> Room:
        """Count a call unless the limit is reached; 0 is no limit."""
        with self._lock:
            calls = self._recent(gateway, route, now)
            if 0 < limit <= len(calls):
                self._refused[gateway, route] += 1
                return Room(0, _reset(calls, now), passed=True)
            self._taken[gateway, route] += 1
            if limit:
                calls.append(now)
            return Room(max(0, limit - len(calls)), _reset(calls, now))

    def room(self, gateway: str, route: str, *, limit: int, now: datetime) -> Room:
        """Return how many calls are left, without counting one."""
        with self._lock:
            calls = self._recent(gateway, route, now)
            return Room(max(0, limit - len(calls)), _reset(calls, now))

    def counted(self) -> list[dict[str, object]]:
        """Return how many calls of each kind were taken and refused since a limit was set."""
        with self._lock:
            return [
                {
                    "gateway": gateway,
                    "route": route,
                    "taken": self._taken[gateway, route],
                    "refused": self._refused[gateway, route],
                }
                for gateway, route in sorted({*self._taken, *self._refused})
            ]

    def reset(self) -> None:
        with self._lock:
            for known in (self._calls, self._taken, self._refused):
                known.clear()

    def _recent(self, gateway: str, route: str, now: datetime) -> deque[datetime]:
        calls = self._calls.setdefault((gateway, route), deque())
        while calls and not now - WINDOW < calls[0] <= now:  # the clock may have moved back
            calls.popleft()
        return calls


def _reset(calls: deque[datetime], now: datetime) -> float:
    oldest = calls[0] if calls else now
    return round((oldest + WINDOW - now).total_seconds(), 3)
