"""How the database connections of all processes are used, and how much waits in the queues."""

import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import redis
from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper

from paytrust.operations import shared_state
from paytrust.operations.metrics import Metric

# A hash: the field is the process, the value is when, and the figures of `_here`.
KEY: Final = "paytrust:pools"
EVERY_SECONDS: Final = 5.0
DROPPED_AFTER_SECONDS: Final = 60.0


class _Reported:
    """Remembers, per process, when it may report again."""

    again_at = 0.0  # time.monotonic()


def report() -> None:
    """Say how this process's pool is used, unless it did so a moment ago."""
    now = time.monotonic()
    if now < _Reported.again_at:
        return
    _Reported.again_at = now + EVERY_SECONDS
    line = " ".join(map(str, (int(time.time()), *_here())))
    who = f"{socket.gethostname()}:{os.getpid()}"
    shared_state.with_redis(lambda client: client.hset(KEY, who, line), otherwise=0)


def collect(_now: datetime) -> Iterator[Metric]:
    """Yield whether Valkey is there, what waits in its queues, and how the pools are used."""
    depths = shared_state.with_redis(_depths, otherwise=None)
    yield Metric("valkey_up", int(depths is not None), help="1 while Valkey or Redis answers")
    if depths is None:
        return
    for queue, depth in depths.items():
        yield Metric("queue_depth", depth, {"queue": queue}, "jobs that no worker has taken yet")
    nothing: list[tuple[int, int, int]] = []
    found = shared_state.with_redis(_pools, otherwise=nothing)
    used, most, waiting = (sum(figures) for figures in zip((0, 0, 0), *found, strict=True))
    yield Metric("database_connections_used", used, help="connections taken from their pools")
    yield Metric("database_connections_most", most, help="connections that the pools may have")
    yield Metric("database_connections_waited_for", waiting, help="threads that wait for one")


def _here() -> tuple[int, int, int]:
    """Return how many connections this process has taken, may have, and has threads waiting for.

    Of all its pools: merchants' requests have one of their own, kept by a class of its own.
    """
    used = most = waiting = 0
    for kind in _kinds(DatabaseWrapper):
        for pool in vars(kind).get("_connection_pools", {}).values():
            figures = pool.get_stats()
            used += figures.get("pool_size", 0) - figures.get("pool_available", 0)
            most += pool.max_size
            waiting += figures.get("requests_waiting", 0)
    return used, most, waiting


def _kinds(kind: type[DatabaseWrapper]) -> Iterator[type[DatabaseWrapper]]:
    yield kind
    for more in kind.__subclasses__():
        yield from _kinds(more)


def _depths(client: redis.Redis) -> dict[str, int]:
    return {queue: int(client.llen(queue)) for queue in settings.QUEUES}


def _pools(client: redis.Redis) -> list[tuple[int, int, int]]:
    """Return the figures of processes that reported lately, and delete the others."""
    found = []
    kept: dict[Any, Any] = client.hgetall(KEY)
    for who, line in kept.items():
        at, used, most, waiting = map(int, line.split())
        if time.time() - at > DROPPED_AFTER_SECONDS:
            client.hdel(KEY, who)
        else:
            found.append((used, most, waiting))
    return found
