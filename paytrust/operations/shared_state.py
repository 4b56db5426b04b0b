"""State that all processes share and may lose: it is in Redis, and PayTrust works without it."""

import functools
from collections.abc import Callable
from typing import TypeVar

import redis
from django.conf import settings

from paytrust.operations.outage import Switch

Result = TypeVar("Result")

TIMEOUT_SECONDS = 0.25
PAUSE_SECONDS = 5.0  # after a failure no other caller waits for the time-out


switch = Switch("redis away, doing without", pause_seconds=PAUSE_SECONDS)


def with_redis(work: Callable[[redis.Redis], Result], *, otherwise: Result) -> Result:
    """Run `work` with Redis; return `otherwise` if Redis does not answer within a quarter second.

    The answer must never decide about money: only PostgreSQL holds the truth.
    """
    return switch.run(lambda: work(_client()), otherwise=otherwise)


@functools.cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        decode_responses=True,
    )
