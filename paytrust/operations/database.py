"""How transactions, locks and connections are used here."""

import random
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

import structlog
from django.db import IntegrityError, OperationalError, connection
from django.utils.translation import gettext_lazy as _
from psycopg.errors import LockNotAvailable
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from paytrust.errors import PayTrustError

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

LOCK_TRIES = 3
LOCK_WAITS_SECONDS = (0.1, 0.2)  # between the tries, each +- LOCK_JITTER_SECONDS
LOCK_JITTER_SECONDS = 0.02


class PaymentInProgress(PayTrustError):
    """Another call is changing this invoice right now. Try again in a moment."""

    status = HTTPStatus.CONFLICT
    code = "payment_in_progress"
    for_staff = _("A payment of this invoice is being worked on. Try again in a minute.")
    resumable = True


def release_connection() -> None:
    """Give the database connection back to the pool before waiting for something slow.

    Raises:
        AssertionError: a transaction is open; no network call may be made inside one.
    """
    assert not connection.in_atomic_block, "a gateway was about to be called in a transaction"
    connection.close()


def is_lock_timeout(error: BaseException) -> bool:
    """Tell whether a lock could not be had: NOWAIT refused, or lock_timeout ran out."""
    return isinstance(error, OperationalError) and isinstance(error.__cause__, LockNotAvailable)


def violated_constraint(error: IntegrityError) -> str | None:
    """Return the name of the constraint that a write broke."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


def with_lock_tries(work: Callable[[], Result]) -> Result:
    """Run `work`, which takes its own transaction and locks, trying again while they are held.

    Raises:
        PaymentInProgress: the lock was still held at the third try.

    Source: FR-047, FR-048 (3 tries, 100 ms and 200 ms between them, each +-20 ms).
    """
    try:
        return Retrying(
            retry=retry_if_exception(is_lock_timeout),
            stop=stop_after_attempt(LOCK_TRIES),
            wait=_lock_wait,
            reraise=True,
        )(work)
    except OperationalError as error:
        if is_lock_timeout(error):
            log.info("lock not available", tries=LOCK_TRIES)
            raise PaymentInProgress from error
        raise


def _lock_wait(state: RetryCallState) -> float:
    wait = LOCK_WAITS_SECONDS[min(state.attempt_number, len(LOCK_WAITS_SECONDS)) - 1]
    return wait + random.uniform(-LOCK_JITTER_SECONDS, LOCK_JITTER_SECONDS)  # noqa: S311  # jitter
