"""Doing without Redis while it is away: the one switch of all who can."""

import time
from collections.abc import Callable
from typing import TypeVar

import redis
import structlog
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

AWAY = (redis.RedisError, OSError, OperationalError)  # the last is kombu's, for the broker


class Switch:
    """Remembers, per process, until when Redis is taken to be away.

    Each user of Redis has its own switch, because each waits for Redis for another time and tries
    again after another pause. After a failure no other caller waits for the time-out.
    """

    def __init__(self, message: str, *, pause_seconds: float) -> None:
        """Make a switch that logs `message` when Redis goes away."""
        self._message, self._pause_seconds = message, pause_seconds
        self.away_until = 0.0  # time.monotonic()

    @property
    def is_away(self) -> bool:
        return time.monotonic() < self.away_until

    def run(self, work: Callable[[], Result], *, otherwise: Result, **logged: str | None) -> Result:
        """Return what `work` returns; `otherwise`, if Redis is away or goes away meanwhile."""
        if self.is_away:
            return otherwise
        try:
            return work()
        except AWAY as error:
            self.away_until = time.monotonic() + self._pause_seconds
            log.warning(self._message, reason=str(error), **logged)
            return otherwise
