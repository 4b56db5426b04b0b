"""State that all processes share and may lose: it is in Redis, and PayTrust works without it."""

import functools
import time
from collections.abc import Callable
from typing import TypeVar

import redis
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

TIMEOUT_SECONDS = 0.25
PAUSE_SECONDS = 5.0  # after a failure no other caller waits for the time-out


class _Redis:
    """Remembers, per process, how long to treat Redis as unreachable."""

    away_until = 0.0  # time.monotonic()


def ask(work: Callable[[redis.Redis], Result], *, otherwise: Result) -> Result:
    """Run `work` with Redis; return `otherwise` if Redis does not answer within a quarter second.

    The answer must never decide about money: only PostgreSQL holds the truth.
    """
    if time.monotonic() < _Redis.away_until:
        return otherwise
    try:
        return work(_client())
    except redis.RedisError as error:
        _Redis.away_until = time.monotonic() + PAUSE_SECONDS
        log.warning("redis away, doing without", reason=str(error))
        return otherwise


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        decode_responses=True,
    )
