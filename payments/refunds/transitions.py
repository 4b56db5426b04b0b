"""What can happen to a refund: each function is one event.

No other module writes a refund's status, lease, next check or failure. `states.LEGAL_CHANGES` says
which state may follow which, and the database enforces it too. The caller holds the invoice's row
lock, unless the function says that it needs none.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from events.outbox import services as outbox
from invoices.models import Transaction
from payments.refunds import telling
from payments.refunds.models import Refund
from payments.refunds.states import ASKED, Status
from paytrust.operations import rows
from paytrust.operations.trips import KEEP_ID, Statement, join

LEASE = timedelta(seconds=60)  # three calls of 3 s + 10 s at most, and a margin
FIRST_CHECK_AFTER = timedelta(minutes=10)
SECOND_CHECK_AFTER = timedelta(hours=1)
EVERY = timedelta(days=1)
LONGEST_WAIT = timedelta(hours=1)  # between tries to send
CREATED, SUCCEEDED, FAILED = "refund.created", "refund.succeeded", "refund.failed"
_RECORD: Final = rows.insertion(Refund, returning=f"id, {KEEP_ID}")
CHANGING = ("status", "updated_at", "leased_until", "next_check_at")


def requested(*, refund: Refund, now: datetime, with_it: Sequence[Statement] = ()) -> Refund:
    """Save a refund that waits for two people, and run statements in the same trip before it."""
    refund.status, refund.created_at, refund.updated_at = Status.REQUESTED, now, now
    return _saved(refund, now, with_it)


def found(*, refund: Refund, booked_as: Transaction, now: datetime) -> None:
    """Save a refund that was made at the gateway's own dashboard; it counts the same."""
    refund.status, refund.booked_as = Status.SUCCEEDED, booked_as
    refund.created_at = refund.updated_at = refund.ended_at = now
    refund.save(force_insert=True)
    telling.tell(refund=refund, type=CREATED, now=now)
    telling.tell(refund=refund, type=SUCCEEDED, now=now)


def recorded(*, refund: Refund, now: datetime, with_it: Sequence[Statement] = ()) -> Refund:
    """Save a refund as `sending`, leased to the caller, who calls the gateway next.

    Statements of the caller run in the same trip before it.
    """
    refund.created_at = now
    _send(refund, now)
    return _saved(refund, now, with_it)


def sent_again(*, refund: Refund, now: datetime) -> None:
    """Send a refund that was approved, or that failed for funds, under its own reference."""
    _send(refund, now)
    refund.failure_code = refund.failure_message = refund.ended_at = None
    refund.save()


def tried_again(*, refund: Refund) -> None:
    """Count one more try to send. Needs no lock: the caller has leased it."""
    refund.tries += 1
    Refund.objects.filter(pk=refund.pk).update(tries=refund.tries)


def outcome_unknown(*, refund: Refund, now: datetime) -> None:
    """Let a job ask again, each time after a longer wait. Needs no lock."""
    wait = min(timedelta(minutes=1) * 2 ** min(refund.tries, 10), LONGEST_WAIT)
    refund.leased_until, refund.next_check_at = None, now + wait
    Refund.objects.filter(pk=refund.pk, status__in=ASKED).update(
        leased_until=None, next_check_at=refund.next_check_at
    )


def pending(*, refund: Refund, gateway_refund_id: str, now: datetime) -> Statement:
    """Return what records that the gateway is carrying it out, and when to ask for the result.

    The attributes follow.
    """
    if refund.status == Status.SENDING:
        refund.updated_at = now
    refund.status, refund.leased_until = Status.PENDING, None
    refund.gateway_refund_id = gateway_refund_id
    refund.next_check_at = _next_check(refund, now)
    return rows.updating([refund], (*CHANGING, "gateway_refund_id"))


def succeeded(
    *, refund: Refund, booked_as: Transaction | None, gateway_refund_id: str | None, now: datetime
) -> None:
    """Record that the money went back, and its row in the ledger."""
    refund.booked_as = booked_as
    refund.gateway_refund_id = gateway_refund_id or refund.gateway_refund_id
    refund.failure_code = refund.failure_message = None
    _end(refund, Status.SUCCEEDED, now)
    telling.tell(refund=refund, type=SUCCEEDED, now=now)


def failed(*, refund: Refund, code: str, message: str, now: datetime) -> None:
    """Record that nothing went back."""
    refund.failure_code, refund.failure_message = code[:100], message[:500]
    _end(refund, Status.FAILED, now)
    telling.tell(refund=refund, type=FAILED, now=now)


def cancelled(*, refund: Refund, now: datetime) -> None:
    """Record that it was not approved."""
    _end(refund, Status.CANCELLED, now)
    telling.tell(refund=refund, type=FAILED, now=now)


def to_be_asked(*, ids: Sequence[int], at: datetime) -> None:
    """Set when gateways are asked about refunds, except those that have ended. Needs no lock."""
    Refund.objects.filter(pk__in=ids, status__in=ASKED).update(next_check_at=at)


def handed_out(ids: Sequence[int], *, now: datetime) -> None:
    """Lease refunds to the tasks that ask about them."""
    Refund.objects.filter(pk__in=ids).update(leased_until=now + LEASE)


def _saved(refund: Refund, now: datetime, with_it: Sequence[Statement]) -> Refund:
    """Write a new refund and its event in one trip."""
    row = Statement(_RECORD, rows.values([refund]))
    event = telling.created(refund=refund, type=CREATED, now=now)
    *_, ((refund_id, _),), deliveries = join(*with_it, row, event)
    outbox.recorded(deliveries)
    refund.pk = refund_id
    return refund


def _send(refund: Refund, now: datetime) -> None:
    refund.status, refund.updated_at = Status.SENDING, now
    refund.leased_until = refund.next_check_at = now + LEASE
    refund.tries += 1


def _next_check(refund: Refund, now: datetime) -> datetime:
    for after in (FIRST_CHECK_AFTER, SECOND_CHECK_AFTER):
        if now < refund.created_at + after:
            return refund.created_at + after
    return now + EVERY


def _end(refund: Refund, status: Status, now: datetime) -> None:
    refund.status, refund.updated_at, refund.ended_at = status, now, now
    refund.leased_until = refund.next_check_at = None
    refund.save(
        update_fields=[
            *CHANGING,
            "ended_at",
            "booked_as",
            "gateway_refund_id",
            "failure_code",
            "failure_message",
        ]
    )
