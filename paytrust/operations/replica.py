"""Reads that may be some seconds old go to a streaming replica, where there is one (ADR 45).

Reports, exports, statements and the lists of the back office name their reads with `reading`.
Everything else, and so everything that decides about money, reads the primary.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from paytrust.operations import trips
from paytrust.operations.metrics import Metric
from paytrust.operations.postgresql.base import TOOK_TOO_LONG, DatabaseWrapper

log = structlog.get_logger(__name__)

ASKED_EVERY_SECONDS: Final = 1.0
AWAY_FOR_SECONDS: Final = 10.0  # a replica that did not answer is left alone so long
# The age of the last commit that it has. Beat commits every 5 seconds, so an idle primary is no
# reason for a large age. A server that was promoted is no replica any more.
_LAG: Final = """
SELECT extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
 WHERE pg_is_in_recovery()"""

_threads = threading.local()


class _Replica(DatabaseWrapper):
    """A connection to the replica that has the name of the one it replaces."""

    unavailable = TOOK_TOO_LONG  # a write here is a fault of ours


class _OfApplication(_Replica):
    _connection_pools: dict[str, Any] = {}  # Django's name; shadows its own


class _OfMerchants(_Replica):
    _connection_pools: dict[str, Any] = {}


class _Watch:
    """What this process last heard of the replica's lag."""

    lock = threading.Lock()
    again_at = 0.0  # time.monotonic()
    lag: float | None = None  # seconds; None: it does not answer, or is no replica


@contextmanager
def reading() -> Iterator[None]:
    """Let this thread's statements go to the replica, if it is near enough to the primary.

    Inside a transaction nothing changes. The tenants' wall stays before each transaction; raise
    it first.
    """
    primary = connections[DEFAULT_DB_ALIAS]
    if settings.REPLICA is None or not _may_change(primary) or not _is_near():
        yield
        return
    trips.send_awaited()  # what must hold, must hold on the primary
    replica = _of(primary)
    replica.execute_wrappers[:] = primary.execute_wrappers
    primary.close()  # back to its pool
    connections[DEFAULT_DB_ALIAS] = replica
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = primary
        replica.close()


def collect(_now: datetime) -> Iterator[Metric]:
    """Yield whether the replica is read, and how far it is behind."""
    if settings.REPLICA is None:
        return
    near = _is_near()
    yield Metric("replica_read", int(near), help="1 while reports and lists read the replica")
    if _Watch.lag is not None:
        yield Metric("replica_lag_seconds", _Watch.lag, help="age of the replica's last commit")


def _is_near() -> bool:
    """Ask at most once a second and process; while a thread asks, others use the last answer."""
    if time.monotonic() >= _Watch.again_at and _Watch.lock.acquire(blocking=False):
        try:
            _Watch.lag = _lag()
            pause = AWAY_FOR_SECONDS if _Watch.lag is None else ASKED_EVERY_SECONDS
            _Watch.again_at = time.monotonic() + pause
        finally:
            _Watch.lock.release()
    return _Watch.lag is not None and _Watch.lag <= settings.DATABASE_REPLICA_MAX_LAG_SECONDS


def _lag() -> float | None:
    primary = connections[DEFAULT_DB_ALIAS]
    replica = _of(primary)
    replica.execute_wrappers.clear()
    try:
        with replica.cursor() as cursor:
            cursor.execute(_LAG)
            found = cursor.fetchone()
    except Error as error:
        log.warning("the replica does not answer; the primary is read", reason=str(error))
        return None
    finally:
        replica.close()
    return None if found is None else found[0]


def _of(primary: BaseDatabaseWrapper) -> _Replica:
    """Return this thread's connection to the replica, with the login of another connection."""
    options = {**primary.settings_dict["OPTIONS"]}
    options["pool"] = {**options["pool"], "min_size": 0, "timeout": 2}
    wanted = {**primary.settings_dict, **(settings.REPLICA or {}), "OPTIONS": options}
    is_own = type(primary) is DatabaseWrapper
    known: dict[bool, _Replica] = vars(_threads).setdefault("replicas", {})
    if is_own not in known or known[is_own].settings_dict != wanted:
        kind = _OfApplication if is_own else _OfMerchants
        known[is_own] = kind(wanted, primary.alias)
    return known[is_own]


def _may_change(connection: BaseDatabaseWrapper) -> bool:
    return not isinstance(connection, _Replica) and not connection.in_atomic_block
