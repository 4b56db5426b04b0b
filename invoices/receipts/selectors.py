"""What a receipt says: one payment, what it was for, and what went back of it."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, QuerySet, Sum

from invoices.models import (
    Invoice,
    LedgerEntry,
    LineItem,
    MoneyKind,
    PaymentRequest,
    Transaction,
)
from invoices.receipts import issuers
from invoices.receipts.issuers import Issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A payment of a customer, as the books have it. Amounts are minor units."""

    number: str
    issuer: Issuer
    invoice: Invoice
    lines: list[LineItem]
    paid_at: datetime
    method: str
    gateway: str
    gateway_reference: str
    currency_code: str
    amount: int
    tax_amount: int
    service_fee_amount: int
    overpaid_amount: int
    returned_amount: int  # of this payment, until now
    installments: list[int]  # into which the money went

    @property
    def customer(self) -> str:
        known = self.invoice.customer or {}
        return known.get("name") or known.get("email") or ""


def payments_on(payment_request: PaymentRequest) -> QuerySet[Transaction]:
    """Return the payments that were booked on a payment request, oldest first."""
    booked = Transaction.objects.booked(payment_request=payment_request)
    return booked.filter(kind=MoneyKind.PAYMENT)


def receipt_of(*, transaction_id: int) -> Receipt:
    """Return the receipt of a payment.

    Raises:
        Transaction.DoesNotExist: unknown, or no payment.
    """
    entries = LedgerEntry.objects.select_related("installment").order_by("pk")
    payment = (
        Transaction.objects.select_related("invoice__tenant", "gateway")
        .prefetch_related(Prefetch("entries", entries))
        .get(pk=transaction_id, kind=MoneyKind.PAYMENT)
    )
    moved = list(payment.entries.all())
    back = payment.reversals.filter(kind__in=[MoneyKind.REFUND, MoneyKind.REVERSAL])
    return Receipt(
        number=f"{payment.invoice_id}-{payment.pk}",
        issuer=issuers.issuer_of(payment.invoice.tenant),
        invoice=payment.invoice,
        lines=list(payment.invoice.line_items.order_by("position")),
        paid_at=payment.paid_at,
        method=" ".join(filter(None, (payment.payment_method, payment.payment_channel))),
        gateway=payment.gateway.name,
        gateway_reference=payment.gateway_transaction_id,
        currency_code=payment.currency_code,
        amount=payment.amount,
        tax_amount=sum(one.tax_amount for one in moved),
        service_fee_amount=sum(one.service_fee_amount for one in moved),
        overpaid_amount=sum(one.amount for one in moved if one.installment is None),
        returned_amount=-(back.aggregate(sum=Sum("amount"))["sum"] or 0),
        installments=sorted(one.installment.number for one in moved if one.installment),
    )
