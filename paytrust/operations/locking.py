"""Writes that need a row lock, and due rows of which each goes to one caller only."""

import random
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models import Func, Model, QuerySet
from psycopg.errors import DeadlockDetected, LockNotAvailable
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from paytrust.errors import PayTrustError

log = structlog.get_logger(__name__)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Row = TypeVar("Row", bound=Model)

LOCK_TRIES = 3
LOCK_WAITS_SECONDS = (0.1, 0.2)  # between the tries, each +- LOCK_JITTER_SECONDS
LOCK_JITTER_SECONDS = 0.02


def in_locked_transaction(
    *, held: type[PayTrustError]
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Run a function in its own transaction, and again if another transaction holds its locks.

    Each try is a new transaction, so the function must take its locks before it reads what it
    decides by. A lock with NOWAIT fails at once, any other lock after `lock_timeout`. Of two
    transactions that wait for each other PostgreSQL ends one. Inside another transaction the
    function is a part of it, and the outer one does the tries.

    Args:
        held: the error to raise if a lock is still held at the third try; it belongs to the app
            whose rows are locked.

    Source: FR-047, FR-048, spec 4.2 (3 tries, 100 ms and 200 ms between them, each +-20 ms).
    """

    def decorate(work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        once = transaction.atomic(work)

        @wraps(work)
        def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            if connection.in_atomic_block:
                return once(*args, **kwargs)
            tries = Retrying(
                retry=retry_if_exception(is_lock_timeout),
                stop=stop_after_attempt(LOCK_TRIES),
                wait=_lock_wait,
                reraise=True,
            )
            try:
                return tries(once, *args, **kwargs)
            except OperationalError as error:
                if not is_lock_timeout(error):
                    raise
                log.info("lock not available", work=work.__qualname__, tries=LOCK_TRIES)
                raise held from error

        return run

    return decorate


def is_lock_timeout(error: BaseException) -> bool:
    """Return whether a lock could not be had: by NOWAIT, `lock_timeout` or a deadlock."""
    missed = (LockNotAvailable, DeadlockDetected)
    return isinstance(error, OperationalError) and isinstance(error.__cause__, missed)


def lock_sql(rows: QuerySet[Row], *names: str) -> str:
    """Return the SQL of a queryset that locks rows, for trips, with these names for its values.

    Callers make it once: the ORM takes longer to make it than PostgreSQL to run it.
    """
    with transaction.atomic():  # Django makes a lock's SQL nowhere else
        sql, _ = rows.query.sql_with_params()
    return sql % tuple(f"%({name})s" for name in names)


def one_at_a_time(name: str) -> None:
    """Wait until no other transaction does the work of this name; keep others out until the commit.

    For work that no row stands for. It waits as long as `lock_timeout` allows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"paytrust {name}"])


def claim(
    due: QuerySet[Row], *, by: str | Func, taken: Callable[[list[int]], object], limit: int
) -> list[int]:
    """Return the ids of due rows, each to one caller only, and change them in the same commit.

    Rows that another caller is taking now are skipped (SKIP LOCKED).

    Args:
        due: the rows that are due.
        by: the column of their due time, or else their order; the first come first.
        taken: records that the rows with these ids are taken, so that they are no longer due.
        limit: how many at most.

    Source: spec 4.7.
    """
    with transaction.atomic():
        rows = due.order_by(by, "pk").select_for_update(skip_locked=True)
        ids: list[int] = list(rows.values_list("pk", flat=True)[:limit])
        if ids:
            taken(ids)
    return ids


def _lock_wait(state: RetryCallState) -> float:
    wait = LOCK_WAITS_SECONDS[min(state.attempt_number, len(LOCK_WAITS_SECONDS)) - 1]
    return wait + random.uniform(-LOCK_JITTER_SECONDS, LOCK_JITTER_SECONDS)  # noqa: S311  # jitter
