"""The merchant's events about money that moved."""

from datetime import datetime
from typing import Final

from django.db.models import Prefetch, QuerySet

from events.outbox.services import UNKNOWN_ID
from events.outbox.types import Change
from invoices.ledger.allocation import Plan
from invoices.models import Invoice, LedgerEntry, Transaction
from invoices.telling import changes
from payments.booking.serializers import TransactionResponse, transaction_answer
from payments.refunds.selectors import refundable_of, refundable_when_new

KINDS: Final = (
    Transaction.Kind.PAYMENT,
    Transaction.Kind.REVERSAL,
    Transaction.Kind.TRANSFER,
)
"""Of refunds there are events of their own."""


def movements(*, invoice: Invoice, now: datetime) -> list[Change]:
    """Return the events of the money that was booked on an invoice at this moment, in order.

    Source: spec 9.1.
    """
    return changes_of(Transaction.objects.filter(invoice=invoice, created_at=now), now=now)


def changes_of(booked: QuerySet[Transaction], *, now: datetime) -> list[Change]:
    """Return the events of some transactions, in order."""
    rows = list(
        booked.filter(kind__in=KINDS)
        .select_related("gateway", "payment_request")
        .prefetch_related(
            Prefetch("entries", LedgerEntry.objects.select_related("installment").order_by("pk"))
        )
        .order_by("pk")
    )
    context = {"refundable": refundable_of(rows, now=now)}
    return [
        changes.of_payment(
            type="payment.succeeded" if row.amount > 0 else "payment.reversed",
            payment=TransactionResponse(row, context=context).data,
        )
        for row in rows
    ]


def movement(*, payment: Transaction, plan: Plan, now: datetime) -> Change:
    """Return the event of a payment that the same trip books, so that its id is unknown yet."""
    numbers = {one.id: one.number for one in plan.after.installments}
    answer = transaction_answer(
        payment,
        allocations=[
            (numbers[row.installment_id], row.amount) for row in plan.rows if row.installment_id
        ],
        overpayment_amount=sum(row.amount for row in plan.rows if row.installment_id is None),
        refundable=refundable_when_new(payment, now=now),
    )
    return changes.of_payment(type="payment.succeeded", payment=answer | {"id": UNKNOWN_ID})
