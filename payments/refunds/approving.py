"""Refunds that two people decide on: where the money comes from, and the approval."""

from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext_lazy as _

from gateways.adapter import Reversal
from invoices.ledger import posting
from invoices.ledger.allocation import plan_debit
from invoices.ledger.standing import Kind
from invoices.models import Invoice
from invoices.payment_requests.leases import in_locked_transaction
from invoices.schedule.adjusting import InvoiceChanged
from payments.booking import reversals
from payments.refunds import sending, transitions
from payments.refunds.models import Refund
from payments.refunds.states import Status
from paytrust.errors import PayTrustError
from paytrust.money import Money


class RefundNotWaiting(PayTrustError):
    """The refund does not wait for a decision: it was approved or rejected already."""

    status = HTTPStatus.CONFLICT
    code = "refund_not_waiting"
    for_staff = _("This refund waits for nobody: it was approved or rejected already.")


@dataclass(frozen=True, slots=True)
class Source:
    """What goes back from one instalment, or, without a number, from the overpayment."""

    number: int | None
    amount: int  # minor units, like the other amounts
    tax_amount: int
    service_fee_amount: int


@in_locked_transaction
def sources_of(*, refund: Refund) -> list[dict[str, Any]]:
    """Return from where a refund takes its money, by its present plan."""
    invoice = Invoice.objects.locked().get(pk=refund.invoice_id)
    account = posting.locked_account(invoice=invoice)
    plan = plan_debit(
        standing=account.standing,
        kind=Kind.REFUND,
        amount=refund.amount,
        filled=posting.filled_by(payment=refund.transaction),
    )
    numbers = {installment.pk: installment.number for installment in account.installments}
    return [
        asdict(
            Source(
                numbers[row.installment_id] if row.installment_id is not None else None,
                -row.amount,
                -row.shares.tax_amount,
                -row.shares.service_fee_amount,
            )
        )
        for row in plan.rows
    ]


def approve(*, refund_id: int, seen: list[dict[str, Any]], resumed: bool, now: datetime) -> Refund:
    """Send a refund that waits, or book one whose money a person has sent by bank.

    Args:
        refund_id: the refund.
        seen: what would go back from where when it was proposed.
        resumed: an earlier approval was interrupted; what it has done stays.
        now: when it is approved.

    Raises:
        RefundNotWaiting: it was decided on already.
        InvoiceChanged: it would now take its money from other instalments than the proposer saw.
        The failures of `payments.refunds.sending.send`.
    """
    refund = _released(refund_id=refund_id, seen=seen, resumed=resumed, now=now)
    if refund.status == Status.SENDING and not resumed:
        return sending.send(refund=refund, now=now)
    return refund


@in_locked_transaction
def cancel(*, refund_id: int, now: datetime) -> None:
    """End a refund that waits, without money going back; leave any other refund alone."""
    Invoice.objects.locked().get(refunds=refund_id)
    refund = Refund.objects.select_related("transaction__gateway").get(pk=refund_id)
    if refund.status == Status.REQUESTED:
        transitions.cancelled(refund=refund, now=now)


@in_locked_transaction
def _released(
    *, refund_id: int, seen: list[dict[str, Any]], resumed: bool, now: datetime
) -> Refund:
    invoice = Invoice.objects.locked().select_related("tenant", "gateway").get(refunds=refund_id)
    refund = Refund.objects.select_related(
        "transaction__gateway", "transaction__payment_request", "invoice"
    ).get(pk=refund_id)
    if refund.status != Status.REQUESTED:
        if resumed:
            return refund
        raise RefundNotWaiting
    if sources_of(refund=refund) != seen:
        raise InvoiceChanged
    if refund.method == Refund.Method.MANUAL:
        reversal = Reversal(
            id=refund.reference,
            amount=Money(refund.amount, refund.currency_code),
            kind="refund",
            at=now,
            confirmed=True,
            reference=refund.reference,
        )
        reversals.book_refund(invoice=invoice, refund=refund, reversal=reversal, now=now)
    else:
        transitions.sent_again(refund=refund, now=now)
    return refund
