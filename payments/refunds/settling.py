"""Recording the result of a refund: the ledger's row and the refund's end in one commit."""

from datetime import datetime
from typing import Final

import structlog
from django.db import transaction

from apikeys.idempotency.once import Once
from gateways.adapter import Reversal
from gateways.refunds import InsufficientGatewayBalance, RefundReport, RefundState
from invoices.models import Invoice
from invoices.payment_requests.leases import in_locked_transaction
from payments.booking import reversals
from payments.refunds import books, transitions
from payments.refunds.models import Refund
from payments.refunds.states import Status
from paytrust.operations.trips import join

log = structlog.get_logger(__name__)

FUNDS: Final = "INSUFFICIENT_BALANCE"


@in_locked_transaction
def record(
    *, refund_id: int, report: RefundReport, now: datetime, once: Once | None = None
) -> Refund:
    """Record what a gateway says about a refund; book money that went back, exactly once.

    Where it is pending, the trip that says so also stores the answer of the call (`once`).

    Raises:
        InvalidStatusReport: its ISO 20022 status is not valid; nothing is booked.
    """
    refund = books.locked_refund(refund_id=refund_id)
    if refund.status in {Status.SUCCEEDED, Status.CANCELLED}:
        return refund
    if report.state == RefundState.SUCCEEDED:
        invoice = Invoice.objects.select_related("tenant", "gateway").get(pk=refund.invoice_id)
        reversals.book_refund(
            invoice=invoice, refund=refund, reversal=_reversal(refund, report), now=now
        )
    elif report.state == RefundState.FAILED:
        if refund.status != Status.FAILED:
            code = report.failure_code or report.raw_status
            ours = InsufficientGatewayBalance.code if code == FUNDS else code
            transitions.failed(
                refund=refund, code=ours, message=f"The gateway says {code}.", now=now
            )
            log.warning("refund failed", reference=refund.reference, code=code)
    elif refund.status != Status.FAILED:
        changed = transitions.pending(refund=refund, gateway_refund_id=report.id, now=now)
        join(changed, *(once.closing(refund) if once else ()))
        if once:
            transaction.on_commit(once.closed)
    return refund


@in_locked_transaction
def record_failure(*, refund_id: int, code: str, message: str, now: datetime) -> Refund:
    """Record that nothing went back, unless the gateway has said otherwise meanwhile."""
    refund = books.locked_refund(refund_id=refund_id)
    if refund.status in {Status.SENDING, Status.PENDING}:
        transitions.failed(refund=refund, code=code, message=message, now=now)
    return refund


def _reversal(refund: Refund, report: RefundReport) -> Reversal:
    return Reversal(
        id=report.id,
        amount=report.amount,
        kind="refund",
        at=report.at,
        confirmed=True,
        reference=refund.reference,
    )
