"""Booking money: one transaction row, where each unit went, and the invoice that follows."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog
from django.db import transaction

from gateways.adapter import PaymentReport, PaymentState
from invoices.ledger import crediting
from invoices.models import Installment, Invoice, PaymentRequest
from invoices.tasks import open_payment
from payments.booking import pain002, reversals
from payments.models import Allocation, Transaction, WebhookEvent
from paytrust.errors import PayTrustError
from paytrust.operations import queue

log = structlog.get_logger(__name__)

ENDED_AS = {
    PaymentState.EXPIRED: PaymentRequest.Status.EXPIRED,
    PaymentState.FAILED: PaymentRequest.Status.FAILED,
    PaymentState.CANCELLED: PaymentRequest.Status.CANCELLED,
}
RECEIVED = {PaymentState.PAID, PaymentState.REVERSED}  # money came, even if it went back since


class CurrencyMismatch(PayTrustError):
    """A gateway reported money in another currency than the invoice's."""

    status = HTTPStatus.CONFLICT
    code = "currency_mismatch"


class UnknownPaymentStatus(PayTrustError):
    """A gateway uses a word for a payment's state that PayTrust does not know."""

    status = HTTPStatus.CONFLICT
    code = "unknown_payment_status"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a gateway's report changed."""

    outcome: str  # booked, reversed, already_booked, ended, unchanged
    transaction: Transaction | None = None


@transaction.atomic
def settle(
    *,
    payment_request_id: int,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
) -> Settlement:
    """Book what a gateway says of a payment, exactly once.

    The invoice is locked first, so concurrent settlements queue; a repeat changes nothing.
    The report counts what arrived on its charge so far, so only what is not booked yet is;
    likewise what was taken back. A report that is not about money never undoes a payment.

    Raises:
        CurrencyMismatch: the gateway settled in another currency than the invoice's.
        InvalidStatusReport: its ISO 20022 status is not valid; nothing is booked.
        ReversalBeforePayment: money was taken back that is not booked yet.
        UnknownPaymentStatus: nothing is changed; somebody must look.
        PaymentRequest.DoesNotExist: `payment_request_id` is unknown.

    Source: FR-028, FR-043, FR-047, spec 4.5 and 4.6.
    """
    invoice_id = PaymentRequest.objects.values_list("invoice_id", flat=True).get(
        pk=payment_request_id
    )
    invoice = Invoice.objects.locked().select_related("tenant", "gateway").get(pk=invoice_id)
    payment_request = PaymentRequest.objects.get(pk=payment_request_id)  # read under the lock
    settlement = _settle(invoice, payment_request, report, event, now)
    taken_back = reversals.book(
        invoice=invoice, payment_request=payment_request, report=report, event=event, now=now
    )
    return Settlement("reversed", taken_back[0]) if taken_back else settlement


def lapse(*, payment_request_id: int, now: datetime) -> bool:
    """End an unpaid payment by our own clock; return whether this call did.

    Source: spec 4.8: a Snap page that lapses unused sends no notification.
    """
    with transaction.atomic():
        payment_request = PaymentRequest.objects.get(pk=payment_request_id)
        invoice = Invoice.objects.locked().get(pk=payment_request.invoice_id)
        payment_request.refresh_from_db()  # read under the lock
        if payment_request.status not in PaymentRequest.ACTIVE or payment_request.expires_at > now:
            return False
        crediting.end_payment_request(
            invoice=invoice,
            payment_request=payment_request,
            ended_as=PaymentRequest.Status.EXPIRED,
            now=now,
        )
    log.info("payment lapsed", reference=payment_request.reference)
    return True


@transaction.atomic
def settle_closed(
    *, payment_request_id: int, report: PaymentReport | None, now: datetime
) -> PaymentRequest:
    """Record how a payment stands after we asked its gateway to close it.

    If the customer was faster the money is booked; else the request is `cancelled`. A gateway
    that does not know the payment (None) cannot take money on it either.

    Raises:
        CurrencyMismatch: the gateway took money in another currency.
    """
    payment_request = PaymentRequest.objects.get(pk=payment_request_id)
    invoice = Invoice.objects.locked().get(pk=payment_request.invoice_id)
    payment_request.refresh_from_db()  # read under the lock
    if report is not None and report.state in RECEIVED:
        settle(payment_request_id=payment_request_id, report=report, event=None, now=now)
        payment_request.refresh_from_db()
    elif payment_request.status == PaymentRequest.Status.CLOSING:
        crediting.end_payment_request(
            invoice=invoice,
            payment_request=payment_request,
            ended_as=PaymentRequest.Status.CANCELLED,
            now=now,
        )
    return payment_request


def _settle(
    invoice: Invoice,
    payment_request: PaymentRequest,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
) -> Settlement:
    """Book what arrived, or end a payment that nobody will pay any more."""
    require_currency(invoice.currency_code, report)
    if report.state == PaymentState.UNKNOWN and not report.reversals:
        raise UnknownPaymentStatus(
            f"The gateway says {payment_request.reference} is {report.raw_status!r}."
        )
    if report.state in RECEIVED:
        return _book(invoice, payment_request, report, event, now)
    if report.state in ENDED_AS and payment_request.status in PaymentRequest.ACTIVE:
        crediting.end_payment_request(
            invoice=invoice,
            payment_request=payment_request,
            ended_as=ENDED_AS[report.state],
            now=now,
        )
        return Settlement("ended")
    return Settlement("unchanged")


def require_currency(currency_code: str, report: PaymentReport) -> None:
    """Refuse a report about money in another currency than what was asked for.

    Raises:
        CurrencyMismatch: it is; nothing is changed.
    """
    reported = [report.paid_amount, *(reversal.amount for reversal in report.reversals)]
    for money in reported:
        if money is not None and money.currency != currency_code:
            raise CurrencyMismatch(f"{money.currency} received where {currency_code} was asked.")


def _book(
    invoice: Invoice,
    payment_request: PaymentRequest,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
) -> Settlement:
    paid = report.paid_amount
    assert paid is not None, "an adapter reported a payment without its amount"
    booked = reversals.payments_of(payment_request=payment_request, report=report)
    arrived_amount = paid.minor - sum(row.amount for row in booked)
    if arrived_amount <= 0:
        return Settlement("already_booked")
    amounts = [arrived_amount]
    first = report.notified_amount
    if not booked and first is not None and 0 < first.minor < arrived_amount:
        amounts = [first.minor, arrived_amount - first.minor]
    installments = crediting.locked_installments(invoice=invoice)
    rows = [
        _book_payment(
            invoice=invoice,
            installments=installments,
            payment_request=payment_request,
            report=report,
            name=_transaction_id(report, earlier=len(booked) + earlier),
            amount=amount,
            event=event,
            now=now,
        )
        for earlier, amount in enumerate(amounts)
    ]
    if invoice.open_payment_at:
        transaction.on_commit(lambda: queue.publish(open_payment, invoice_id=invoice.pk))
    return Settlement("booked", rows[0])


def _book_payment(
    *,
    invoice: Invoice,
    installments: list[Installment],
    payment_request: PaymentRequest,
    report: PaymentReport,
    name: str,
    amount: int,
    event: WebhookEvent | None,
    now: datetime,
) -> Transaction:
    paid_at = report.paid_at or now
    iso20022 = pain002.check_booking(
        invoice=invoice,
        installments=installments,
        payment_request=payment_request,
        gateway_transaction_id=name,
        finality=report.finality,
        amount=amount,
        paid_at=paid_at,
        event=event,
        now=now,
    )
    credit = crediting.credit(
        invoice=invoice,
        installments=installments,
        payment_request=payment_request,
        amount=amount,
        paid_at=paid_at,
        now=now,
    )
    row = Transaction.objects.create(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        payment_request=payment_request,
        gateway_id=payment_request.gateway_id,
        gateway_transaction_id=name,
        currency_code=invoice.currency_code,
        amount=amount,
        overpayment_amount=credit.overpayment_amount,
        payment_method=report.method,
        payment_channel=report.channel,
        paid_at=paid_at,
        created_at=now,
        event=event,
        iso20022_message_id=iso20022.message_id,
        iso20022_transaction_status=iso20022.transaction_status,
    )
    Allocation.objects.bulk_create(
        Allocation(transaction=row, installment=installment, amount=share)
        for installment, share in credit.allocations
    )
    log.info(
        "payment booked",
        invoice_id=invoice.pk,
        reference=payment_request.reference,
        transaction_id=row.pk,
        amount=amount,
        currency=invoice.currency_code,
        status=invoice.status,
    )
    return row


def _transaction_id(report: PaymentReport, *, earlier: int) -> str:
    """Name a transaction: the gateway's id, numbered where one charge was paid more than once."""
    return report.gateway_id if earlier == 0 else f"{report.gateway_id}#{earlier + 1}"
