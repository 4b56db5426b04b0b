"""The events that must exist, computed from the rows without the code that writes them.

Refunds that merchants make have separate rows and tests.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from django.db.models import Sum

from events.models import Event
from invoices.models import Installment, Invoice, LedgerEntry, PaymentRequest, Transaction
from tests.journeys.books import Books

Announcement = tuple[
    datetime, str, Any
]  # when, the event's type, and what tells it from others of it

MOVED: Final = {"payment": "payment.succeeded", "reversal": "payment.reversed"}
ABOUT: Final = {
    "invoice.created": "total_amount",
    "invoice.payment_ready": "payment_url",
    "installment.paid": "number",
    "payment.succeeded": "id",
    "payment.reversed": "id",
    "payment.expired": "id",
    "payment.failed": "id",
}
OF_INVOICE: Final = "paid_amount"


def recorded(invoice: Invoice) -> list[Announcement]:
    """Return the events of an invoice, by time, and within one moment in the order of delivery."""
    return [
        (event.created_at, event.type, event.data["object"][ABOUT.get(event.type, OF_INVOICE)])
        for event in Event.objects.filter(invoice_id=invoice.pk).order_by("created_at", "pk")
        if not event.type.startswith("refund.")
    ]


def expected_of(invoice: Invoice) -> list[Announcement]:
    """Return what the rows say has happened to an invoice."""
    happened = [
        (invoice.created_at, "invoice.created", invoice.total_amount),
        *_of_money(invoice),
        *_of_pages(invoice),
        *_of_ends(invoice),
    ]
    return sorted(happened, key=lambda one: one[0])  # stable: in the order of one booking


def check() -> None:
    """Assert that there is no event without its change, and no change without its event."""
    invoices = {invoice.pk: invoice for invoice in Invoice.objects.all()}
    for invoice in invoices.values():
        written, expected = recorded(invoice), expected_of(invoice)
        assert written == expected, f"{written} instead of {expected}"
    assert not Event.objects.exclude(invoice_id__in=invoices).exists()


def check_sums(books: Books) -> None:
    """Assert that the events of money tell each row of the ledger once, and its amount."""
    sent: Counter[tuple[int, int]] = Counter()
    for type_, object_ in Event.objects.filter(
        invoice_id__in=books.invoices, type__in=[*MOVED.values(), "refund.succeeded"]
    ).values_list("type", "data__object"):
        if type_ == "refund.succeeded":
            if object_["refund_transaction_id"] is not None:
                sent[object_["refund_transaction_id"], -object_["amount"]] += 1
        else:
            sent[object_["id"], object_["amount"]] += 1
    rows = ((row["id"], row["amount"]) for row in books.transactions.values())
    booked = Counter(rows)
    assert sent == booked, (sent - booked, booked - sent)


def _of_money(invoice: Invoice) -> Iterator[Announcement]:
    """Replay the ledger: the payment, the instalments that it paid, the invoice."""
    totals = dict(Installment.objects.filter(invoice=invoice).values_list("pk", "total_amount"))
    numbers = dict(Installment.objects.filter(invoice=invoice).values_list("pk", "number"))
    filled: dict[int | None, int] = defaultdict(int)
    moved = Transaction.objects.filter(invoice=invoice, kind__in=MOVED).order_by("pk")
    for at, rows in groupby(moved, key=lambda row: row.created_at):
        before = dict(filled)
        for row in rows:
            yield at, MOVED[row.kind], row.pk
            for installment, amount in _entries(row):
                filled[installment] += amount
        for installment, total in totals.items():
            if (
                before.get(installment, 0) < total <= filled[installment]
                and invoice.installment_count > 1
            ):
                yield at, "installment.paid", numbers[installment]
        yield from _of_invoice(at, before, filled, totals)


def _of_invoice(
    at: datetime, before: dict[Any, int], after: dict[Any, int], totals: dict[int, int]
) -> Iterator[Announcement]:
    paid, was = sum(after.values()), sum(before.values())
    in_full, was_in_full = (
        all(filled.get(installment, 0) >= total for installment, total in totals.items())
        for filled in (after, before)
    )
    if paid > was and not in_full:
        yield at, "invoice.partially_paid", paid
    if in_full and not was_in_full:
        yield at, "invoice.paid", paid
    if after.get(None, 0) > before.get(None, 0):
        yield at, "invoice.overpaid", paid


def _entries(row: Transaction) -> list[tuple[int | None, int]]:
    sums = LedgerEntry.objects.filter(transaction=row).values_list("installment_id")
    return list(sums.annotate(sum=Sum("amount")).order_by("installment_id"))


def _of_pages(invoice: Invoice) -> Iterator[Announcement]:
    """Pages that were opened, and those that ended without money."""
    for request in PaymentRequest.objects.filter(invoice=invoice).order_by("pk"):
        if request.opened_at:
            yield request.opened_at, "invoice.payment_ready", request.payment_url
        if request.opened_at and request.ended_at and request.status in {"expired", "failed"}:
            yield request.ended_at, f"payment.{request.status}", request.pk


def _of_ends(invoice: Invoice) -> Iterator[Announcement]:
    if invoice.ended_at and not invoice.paid_amount:
        yield invoice.ended_at, f"invoice.{invoice.ended_as}", 0
