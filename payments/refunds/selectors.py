"""Reads of refunds, and what each payment can still give back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Sum

from apikeys.models import Tenant
from gateways import descriptors
from gateways.refund_terms import RefundAnswer
from invoices.models import Invoice, Transaction
from payments.refunds.models import Refund, RefundQuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Refundable:
    """What a payment can give back now. Amounts are minor units."""

    left_amount: int  # what it brought, less what went back
    is_busy: bool  # a refund of it has not ended
    has_refunds: bool  # money of it was refunded before
    answer: RefundAnswer

    @property
    def amount(self) -> int:
        """Return what the gateway can be asked for now; 0 if it gives nothing back."""
        if self.is_busy or self.answer.obstacle or (self.has_refunds and not self.answer.several):
            return 0
        if self.has_refunds and not self.answer.in_part:
            return 0
        return self.left_amount

    @property
    def until(self) -> datetime | None:
        return None if self.answer.manual else self.answer.until

    @property
    def in_part(self) -> bool:
        return self.amount > 0 and self.answer.in_part


def refundable_of(payments: Sequence[Transaction], *, now: datetime) -> Mapping[int, Refundable]:
    """Return what payments can give back, by their ids, in two queries.

    Args:
        payments: with their gateways; rows of other kinds are left out.
        now: when the refund would be sent.
    """
    wanted = [row for row in payments if row.kind == Transaction.Kind.PAYMENT]
    ids = [row.pk for row in wanted]
    if not ids:
        return {}
    back = (
        Transaction.objects.filter(reverses__in=ids)
        .values_list("reverses", "kind")
        .annotate(sum=Sum("amount"))
    )
    busy = Refund.objects.filter(transaction__in=ids).active()
    return judged(wanted, back=back, busy=set(busy.values_list("transaction", flat=True)), now=now)


def judged(
    payments: Sequence[Transaction],
    *,
    back: Iterable[tuple[Any, ...]],
    busy: Collection[int],
    now: datetime,
) -> Mapping[int, Refundable]:
    """Return what payments can give back, by their ids, from what was read already.

    Args:
        payments: with their gateways.
        back: what was taken of each: the payment's id, the kind of the rows, their sum.
        busy: the ids of those with a refund that has not ended.
        now: when the refund would be sent.
    """
    taken: dict[int, int] = dict.fromkeys((row.pk for row in payments), 0)
    refunded: set[int] = set()
    for payment_id, kind, amount in back:
        taken[payment_id] += amount
        if kind == Transaction.Kind.REFUND:
            refunded.add(payment_id)
    return {
        row.pk: Refundable(
            left_amount=row.amount + taken[row.pk],
            is_busy=row.pk in busy,
            has_refunds=row.pk in refunded,
            answer=_answer(row, now),
        )
        for row in payments
    }


def refundable_when_new(payment: Transaction, *, now: datetime) -> Refundable:
    """Return what a payment can give back of which nothing was asked back yet; asks no database."""
    return Refundable(
        left_amount=payment.amount,
        is_busy=False,
        has_refunds=False,
        answer=_answer(payment, now),
    )


def _answer(payment: Transaction, now: datetime) -> RefundAnswer:
    return descriptors.of(payment.gateway.code).refund_answer(
        method=payment.payment_method,
        channel=payment.payment_channel,
        paid_at=payment.paid_at,
        now=now,
    )


def payments_of(*, invoice: Invoice) -> list[Transaction]:
    """Return the payments of an invoice, oldest first."""
    return list(
        Transaction.objects.filter(invoice=invoice, kind=Transaction.Kind.PAYMENT)
        .select_related("gateway", "payment_request")
        .order_by("pk")
    )


def refunds(*, tenant: Tenant) -> RefundQuerySet:
    """Return a tenant's refunds with what their answers show."""
    return Refund.objects.for_tenant(tenant).select_related("transaction__gateway")


def refunds_of(*, tenant: Tenant, invoice_id: int) -> RefundQuerySet:
    """Return the refunds of an invoice.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
    """
    invoice = Invoice.objects.for_tenant(tenant).only("pk").get(pk=invoice_id)
    return refunds(tenant=tenant).filter(invoice=invoice)
