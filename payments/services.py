"""Booking money: one transaction row, where each unit went, and the invoice that follows."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog
from django.db import transaction

from gateways.adapter import PaymentReport, PaymentState
from invoices import crediting
from invoices.models import Invoice, PaymentRequest
from invoices.tasks import open_payment
from payments.models import Allocation, Transaction, WebhookEvent
from paytrust import queue
from paytrust.errors import PayTrustError

log = structlog.get_logger(__name__)

ENDED_AS = {
    PaymentState.EXPIRED: PaymentRequest.Status.EXPIRED,
    PaymentState.FAILED: PaymentRequest.Status.FAILED,
    PaymentState.CANCELLED: PaymentRequest.Status.CANCELLED,
}


class CurrencyMismatch(PayTrustError):
    """A gateway reported money in another currency than the invoice's."""

    status = HTTPStatus.CONFLICT
    code = "currency_mismatch"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a gateway's report changed."""

    outcome: str  # booked, already_booked, ended, unchanged
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
    The report counts what arrived on its charge so far, so only what is not booked yet is.
    A report that is not about money never undoes a payment.

    Raises:
        CurrencyMismatch: the gateway settled in another currency than the invoice's.
        PaymentRequest.DoesNotExist: `payment_request_id` is unknown.

    Source: FR-028, FR-043, FR-047, spec 4.5 and 4.6.
    """
    invoice_id = PaymentRequest.objects.values_list("invoice_id", flat=True).get(
        pk=payment_request_id
    )
    invoice = Invoice.objects.locked().get(pk=invoice_id)
    payment_request = PaymentRequest.objects.get(pk=payment_request_id)  # read under the lock
    if report.state == PaymentState.PAID:
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
    if report is not None and report.state == PaymentState.PAID:
        _book(invoice, payment_request, report, None, now)
    elif payment_request.status == PaymentRequest.Status.CLOSING:
        crediting.end_payment_request(
            invoice=invoice,
            payment_request=payment_request,
            ended_as=PaymentRequest.Status.CANCELLED,
            now=now,
        )
    return payment_request


def _book(
    invoice: Invoice,
    payment_request: PaymentRequest,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
) -> Settlement:
    paid = report.paid_amount
    assert paid is not None, "an adapter reported a payment without its amount"
    if paid.currency != invoice.currency_code:
        raise CurrencyMismatch(
            f"{paid.currency} received for {invoice}, which is in {invoice.currency_code}."
        )
    booked = [
        (row.gateway_transaction_id, row.amount)
        for row in Transaction.objects.booked(payment_request=payment_request)
        if row.kind == Transaction.Kind.PAYMENT and _is_of(row, report)
    ]
    arrived_amount = paid.minor - sum(amount for _, amount in booked)
    if arrived_amount <= 0:
        return Settlement("already_booked")
    paid_at = report.paid_at or now
    credit = crediting.credit(
        invoice=invoice,
        payment_request=payment_request,
        amount=arrived_amount,
        paid_at=paid_at,
        now=now,
    )
    row = Transaction.objects.create(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        payment_request=payment_request,
        gateway_id=payment_request.gateway_id,
        gateway_transaction_id=_transaction_id(report, earlier=len(booked)),
        currency_code=invoice.currency_code,
        amount=arrived_amount,
        overpayment_amount=credit.overpayment_amount,
        payment_method=report.method,
        payment_channel=report.channel,
        paid_at=paid_at,
        created_at=now,
        event=event,
    )
    if invoice.open_payment_at:
        transaction.on_commit(lambda: queue.publish(open_payment, invoice_id=invoice.pk))
    Allocation.objects.bulk_create(
        Allocation(transaction=row, installment=installment, amount=amount)
        for installment, amount in credit.allocations
    )
    log.info(
        "payment booked",
        invoice_id=invoice.pk,
        reference=payment_request.reference,
        transaction_id=row.pk,
        amount=arrived_amount,
        currency=invoice.currency_code,
        status=invoice.status,
    )
    return Settlement("booked", row)


def _transaction_id(report: PaymentReport, *, earlier: int) -> str:
    """Name a transaction: the gateway's id, numbered where one charge was paid more than once."""
    return report.gateway_id if earlier == 0 else f"{report.gateway_id}#{earlier + 1}"


def _is_of(row: Transaction, report: PaymentReport) -> bool:
    return row.gateway_transaction_id.split("#")[0] == report.gateway_id
