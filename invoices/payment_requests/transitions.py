"""What can happen to a payment request: each function is one event.

No other module writes a request's status, lease, next check, end or number of tries. The legal
changes are data (`states.LEGAL_CHANGES`), which the database enforces too. The caller holds the
invoice's row lock, unless the function says that it needs none.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from gateways.adapter import PaymentPage
from invoices.models import Installment
from invoices.payment_requests.models import PaymentRequest
from invoices.payment_requests.states import CHECKED, Status
from paytrust.operations import rows
from paytrust.operations.trips import NEW_ID, Statement
from paytrust.web import strict_json

PAGE_AWAITED: Final = "payment_request_awaits_its_page"
_RECORD: Final = rows.insertion(PaymentRequest, returning="id, installment_id, reference")
_RECORD_OF_NEW: Final = rows.insertion(
    PaymentRequest,
    {
        "invoice_id": NEW_ID,
        "installment_id": "(SELECT id FROM invoices_installment"  # noqa: S608  # nosec B608  # our own names
        f" WHERE invoice_id = {NEW_ID} AND number = 1)",
        "reference": f"format(row.reference, {NEW_ID})",
    },
    returning="id, installment_id, reference",
)
_OPEN: Final = f"""
WITH opened AS (
    UPDATE invoices_paymentrequest SET status = 'open', leased_until = NULL,
        gateway_payment_id = %(gateway_id)s, payment_url = %(url)s, page_token = %(token)s,
        gateway_page_token = %(gateway_token)s, instructions = %(instructions)s::jsonb,
        opened_at = %(now)s, expires_at = %(expires_at)s
    WHERE id = %(id)s AND status = 'opening' RETURNING id
)
SELECT paytrust_require(EXISTS (SELECT FROM opened), '{PAGE_AWAITED}')"""  # noqa: S608  # nosec B608  # our own name

_CHARGE_KNOWN: Final = """
UPDATE invoices_paymentrequest SET gateway_charge_id = %(charge)s
WHERE id = %(id)s AND gateway_charge_id IS NULL"""

ENDED: Final = ("status", "ended_at", "leased_until", "next_check_at")
LEASE = timedelta(seconds=60)  # three calls of 3 s + 10 s at most, and room
FIRST_CHECK_AFTER = timedelta(minutes=10)  # spec 4.8


def recorded(*, payment_request: PaymentRequest, now: datetime) -> Statement:
    """Return what saves a new demand as `opening`, leased to the caller, who asks the gateway next.

    Its attributes follow. The statement returns its id, its instalment's and its reference. Where
    its invoice has no id yet, the trip makes that first, with one `%s` of the reference for it.
    """
    payment_request.status, payment_request.tries = Status.OPENING, 1
    payment_request.leased_until = now + LEASE
    payment_request.next_check_at = now + FIRST_CHECK_AFTER
    sql = _RECORD if payment_request.invoice_id else _RECORD_OF_NEW
    return Statement(sql, rows.values([payment_request]))


def leased(*, payment_request: PaymentRequest, now: datetime) -> Statement:
    """Return what leases a request of unknown outcome to the caller, who asks the gateway again.

    The attributes follow.
    """
    payment_request.tries += 1
    payment_request.leased_until = now + LEASE
    return rows.updating([payment_request], ("leased_until", "tries"))


def page_opened(
    *,
    payment_request: PaymentRequest,
    page: PaymentPage,
    url: str,
    token: str | None,
    now: datetime,
) -> Statement:
    """Return what records the page that the gateway made; the attributes follow.

    It refuses, as PAGE_AWAITED, if the request no longer waits for its page.

    Args:
        payment_request: an `opening` one.
        page: the gateway's answer.
        url: where the customer pays: the gateway's page, or ours.
        token: what opens our own page, if it is ours.
        now: when the answer came.
    """
    payment_request.status, payment_request.leased_until = Status.OPEN, None
    payment_request.gateway_payment_id, payment_request.payment_url = page.gateway_id, url
    payment_request.page_token, payment_request.gateway_page_token = token, page.token
    payment_request.instructions = page.instructions
    payment_request.opened_at, payment_request.expires_at = now, page.expires_at
    return Statement(
        _OPEN,
        {
            "id": payment_request.pk,
            "gateway_id": page.gateway_id,
            "url": url,
            "token": token,
            "gateway_token": page.token,
            "instructions": page.instructions and strict_json.encode(page.instructions).decode(),
            "now": now,
            "expires_at": page.expires_at,
        },
    )


def refused(*, payment_request: PaymentRequest, now: datetime) -> None:
    """Record that the gateway refused to make the payment. Needs no lock."""
    _if_still(
        payment_request,
        Status.OPENING,
        status=Status.FAILED,
        leased_until=None,
        next_check_at=None,
        ended_at=now,
    )


def lease_released(*, payment_request: PaymentRequest) -> None:
    """Let the next call resume an opening whose outcome is unknown. Needs no lock."""
    _if_still(payment_request, Status.OPENING, leased_until=None)


def found_paid(*, payment_request: PaymentRequest, now: datetime) -> None:
    """Let the job that books the gateway's answers ask the gateway again at once.

    Needs no lock.
    """
    _if_still(payment_request, Status.OPENING, leased_until=None, next_check_at=now)


def closing(*, payment_request: PaymentRequest, now: datetime) -> Statement:
    """Return what marks a payment as being closed by the caller, who asks the gateway next.

    The attributes follow.
    """
    payment_request.status = Status.CLOSING
    payment_request.leased_until = payment_request.next_check_at = now + LEASE
    return rows.updating([payment_request], ("status", "leased_until", "next_check_at"))


def closing_resumed(*, payment_request: PaymentRequest, now: datetime) -> bool:
    """Lease a payment that was left `closing`; return whether this call got it.

    Needs no lock.
    """
    left = PaymentRequest.objects.filter(pk=payment_request.pk).left_closing(now)
    return bool(left.update(leased_until=now + LEASE))


def close_failed(*, payment_request: PaymentRequest, again_at: datetime) -> None:
    """Let the next call, or a job at a later time, try again to close a payment. Needs no lock."""
    _if_still(payment_request, Status.CLOSING, leased_until=None, next_check_at=again_at)


def overtaken(*, installments: Collection[Installment], now: datetime) -> None:
    """Let a job close the payments whose amount is not the one that is due now.

    Args:
        installments: those whose balance has changed.
        now: when that was.
    """
    PaymentRequest.objects.filter(installment__in=installments).active().update(
        status=Status.CLOSING, leased_until=None, next_check_at=now
    )


def paid(*, payment_request: PaymentRequest, now: datetime) -> Statement:
    """Return what records that money came; the request may have had any status (FR-041)."""
    return _end(payment_request, Status.PAID, now)


def charge_known(payment_request: PaymentRequest, charge_id: str) -> Statement:
    """Return what keeps the gateway's id of what was paid, unless one is kept. Needs no lock."""
    return Statement(_CHARGE_KNOWN, {"id": payment_request.pk, "charge": charge_id})


def ended(*, payment_request: PaymentRequest, ended_as: str, now: datetime) -> Statement:
    """Return what records that it cannot be paid any more; the attributes follow.

    Args:
        payment_request: an active one.
        ended_as: `expired`, `failed` or `cancelled`. One that we were closing is `cancelled`,
            also if the gateway says otherwise.
        now: when it became known.
    """
    closed_by_us = payment_request.status == Status.CLOSING
    return _end(payment_request, Status.CANCELLED if closed_by_us else Status(ended_as), now)


def asked_again(*, payment_request: PaymentRequest, at: datetime) -> None:
    """Set when the gateway is asked next, unless its answer has ended the request.

    Needs no lock.
    """
    to_be_asked(ids=[payment_request.pk], at=at)


def to_be_asked(*, ids: Sequence[int], at: datetime) -> None:
    """Set when the gateway is asked about payments, except those that have ended."""
    PaymentRequest.objects.filter(pk__in=ids, status__in=CHECKED).update(next_check_at=at)


def checks_handed_out(ids: Sequence[int], *, until: datetime) -> None:
    """Set that payments are asked about again at `until`, in case their tasks are lost."""
    PaymentRequest.objects.filter(pk__in=ids).update(next_check_at=until)


def closings_handed_out(ids: Sequence[int], *, now: datetime) -> None:
    """Lease payments that were left closing to the tasks that close them."""
    PaymentRequest.objects.filter(pk__in=ids).update(leased_until=now + LEASE)


def _if_still(payment_request: PaymentRequest, still: Status, **changes: object) -> bool:
    """Change a row in one conditional UPDATE; return whether the condition still held."""
    rows = PaymentRequest.objects.filter(pk=payment_request.pk, status=still)
    return bool(rows.update(**changes))


def _end(payment_request: PaymentRequest, status: Status, now: datetime) -> Statement:
    payment_request.status, payment_request.ended_at = status, now
    payment_request.leased_until = payment_request.next_check_at = None
    return rows.updating([payment_request], ENDED)
