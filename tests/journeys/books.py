"""The books read row by row, and what must hold of them, counted without the code under test."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from apikeys.models import Tenant
from invoices.models import (
    Installment,
    InstallmentTax,
    Invoice,
    PaymentRequest,
    SettlementEntry,
    Transaction,
)
from payments.models import Allocation

Row = dict[str, Any]
ACTIVE = ("opening", "open", "closing")
COLUMNS = {
    "net_amount": "subtotal_amount",
    "tax_amount": "total_tax_amount",
    "service_fee_amount": "total_service_fee_amount",
    "total_amount": "total_amount",
}
INVOICE_FIELDS = (
    "id",
    "tenant_id",
    "gateway_id",
    "parent_id",
    "currency_code",
    *COLUMNS.values(),
    "paid_amount",
    "overpayment_amount",
    "status",
    "ended_as",
    "review_flags",
    "expires_at",
    "open_payment_at",
)
PART_FIELDS = ("id", "invoice_id", "number", "due_at", *COLUMNS, "paid_amount", "status")
REQUEST_FIELDS = (
    "id",
    "tenant_id",
    "invoice_id",
    "installment_id",
    "gateway_id",
    "reference",
    "amount",
    "currency_code",
    "status",
    "leased_until",
    "opened_at",
)
TRANSACTION_FIELDS = (
    "id",
    "tenant_id",
    "invoice_id",
    "payment_request_id",
    "gateway_id",
    "gateway_transaction_id",
    "kind",
    "reverses_id",
    "currency_code",
    "amount",
    "overpayment_amount",
)


@dataclass(frozen=True)
class Books:
    """All rows of some tenants' invoices, by key."""

    invoices: dict[int, Row]
    parts: dict[int, Row]
    taxes: dict[int, int]  # by instalment
    requests: dict[int, Row]
    transactions: dict[int, Row]
    allocations: list[Any]
    settled: Counter[int]  # entries of an instalment, less those that a reversal took back

    def parts_of(self, invoice_id: int) -> list[Row]:
        return [part for part in self.parts.values() if part["invoice_id"] == invoice_id]

    def requests_of(self, invoice_id: int) -> list[Row]:
        return [row for row in self.requests.values() if row["invoice_id"] == invoice_id]

    def transactions_of(self, invoice_id: int) -> list[Row]:
        return [row for row in self.transactions.values() if row["invoice_id"] == invoice_id]

    def lowest_unpaid(self, invoice_id: int) -> Row | None:
        unpaid = (part for part in self.parts_of(invoice_id) if part["status"] == "unpaid")
        return min(unpaid, key=lambda part: part["number"], default=None)

    def active(self, invoice_id: int) -> list[Row]:
        return [row for row in self.requests_of(invoice_id) if row["status"] in ACTIVE]


def read(tenants: Sequence[Tenant]) -> Books:
    invoices = by_key(
        Invoice.objects.filter(tenant__in=tenants).order_by("pk").values(*INVOICE_FIELDS)
    )
    ids = list(invoices)
    taxes: dict[int, int] = defaultdict(int)
    for pk, amount in InstallmentTax.objects.filter(installment__invoice__in=ids).values_list(
        "installment_id", "tax_amount"
    ):
        taxes[pk] += amount
    settled: Counter[int] = Counter()
    for pk, kind in SettlementEntry.objects.filter(installment__invoice__in=ids).values_list(
        "installment_id", "kind"
    ):
        settled[pk] += 1 if kind == "settled" else -1
    return Books(
        invoices=invoices,
        parts=by_key(
            Installment.objects.filter(invoice__in=ids).order_by("pk").values(*PART_FIELDS)
        ),
        taxes=taxes,
        requests=by_key(
            PaymentRequest.objects.filter(invoice__in=ids).order_by("pk").values(*REQUEST_FIELDS)
        ),
        transactions=by_key(
            Transaction.objects.filter(invoice__in=ids).order_by("pk").values(*TRANSACTION_FIELDS)
        ),
        allocations=list(
            Allocation.objects.filter(transaction__invoice__in=ids)
            .order_by("pk")
            .values("transaction_id", "installment_id", "amount")
        ),
        settled=settled,
    )


def by_key(rows: Iterable[Any]) -> dict[int, Row]:
    return {row["id"]: row for row in rows}


def check(books: Books) -> None:
    """Assert all that must hold of any books at any time."""
    check_money(books)
    for invoice in books.invoices.values():
        check_schedule(books, invoice)
        check_status(books, invoice)
        check_requests(books, invoice)
    check_nothing_crosses(books)


def check_money(books: Books) -> None:
    """Each unit received is in an instalment or in the overpayment, per row, invoice and in all."""
    into_part: Counter[int] = Counter()
    from_row: Counter[int] = Counter()
    for allocation in books.allocations:
        into_part[allocation["installment_id"]] += allocation["amount"]
        from_row[allocation["transaction_id"]] += allocation["amount"]
    for row in books.transactions.values():
        assert row["amount"] == from_row[row["id"]] + row["overpayment_amount"]
    for part in books.parts.values():
        assert part["paid_amount"] == into_part[part["id"]]
    for invoice in books.invoices.values():
        rows = books.transactions_of(invoice["id"])
        assert invoice["paid_amount"] == sum(row["amount"] for row in rows)
        assert invoice["overpayment_amount"] == sum(row["overpayment_amount"] for row in rows)
    received = sum(row["amount"] for row in books.transactions.values())
    overpaid = sum(row["overpayment_amount"] for row in books.transactions.values())
    assert received == sum(into_part.values()) + overpaid


def check_schedule(books: Books, invoice: Row) -> None:
    parts = books.parts_of(invoice["id"])
    assert [part["number"] for part in parts] == list(range(1, len(parts) + 1))
    for column, of_invoice in COLUMNS.items():
        assert sum(part[column] for part in parts) == invoice[of_invoice]
        assert min(part[column] for part in parts) >= 0
    for part in parts:
        assert part["total_amount"] >= 1
        assert 0 <= part["paid_amount"] <= part["total_amount"]
        is_paid = part["paid_amount"] == part["total_amount"]
        assert part["status"] == ("paid" if is_paid else "unpaid")
        assert books.taxes[part["id"]] == part["tax_amount"]
        assert books.settled[part["id"]] == int(is_paid)


def check_status(books: Books, invoice: Row) -> None:
    assert invoice["status"] == status_of(books, invoice)
    flags = invoice["review_flags"]
    parts = books.parts_of(invoice["id"])
    assert len(flags) == len(set(flags))
    assert ("overpaid" in flags) == (invoice["overpayment_amount"] > 0)
    if "underpaid" in flags:
        assert any(0 < part["paid_amount"] < part["total_amount"] for part in parts)
    if invoice["paid_amount"] and "reversed" not in flags:
        assert ("after_cancel" in flags) == (invoice["ended_as"] == "cancelled")
        assert "late" in flags or invoice["ended_as"] != "expired"


def status_of(books: Books, invoice: Row) -> str:
    """Money first, then how it ended, then whether it ever had a payment URL."""
    rows = books.transactions_of(invoice["id"])
    received = sum(row["amount"] for row in rows)
    allocated = received - sum(row["overpayment_amount"] for row in rows)
    if allocated == invoice["total_amount"]:
        return "fully_paid"
    if received > 0:
        return "partially_paid"
    if invoice["ended_as"]:
        return str(invoice["ended_as"])
    had_url = any(row["opened_at"] for row in books.requests_of(invoice["id"]))
    return "pending" if had_url or rows else "draft"


def check_requests(books: Books, invoice: Row) -> None:
    """Only what is due now can be paid, once, and it asks for exactly what is missing."""
    active = books.active(invoice["id"])
    assert len({row["installment_id"] for row in active}) == len(active)
    if invoice["status"] == "cancelled":
        assert active == []
    lowest = books.lowest_unpaid(invoice["id"])
    for row in active:
        if row["status"] == "closing":
            continue
        assert lowest is not None
        assert row["installment_id"] == lowest["id"]
        assert row["amount"] == lowest["total_amount"] - lowest["paid_amount"]


def check_nothing_crosses(books: Books) -> None:
    """No row points out of its tenant, its invoice, its gateway or its currency."""
    same = ("tenant_id", "gateway_id", "currency_code")
    for row in (*books.requests.values(), *books.transactions.values()):
        invoice = books.invoices[row["invoice_id"]]
        assert [row[name] for name in same] == [invoice[name] for name in same]
    for request in books.requests.values():
        assert books.parts[request["installment_id"]]["invoice_id"] == request["invoice_id"]
    for row in books.transactions.values():
        assert books.requests[row["payment_request_id"]]["invoice_id"] == row["invoice_id"]
        if row["reverses_id"]:
            assert books.transactions[row["reverses_id"]]["invoice_id"] == row["invoice_id"]
    for allocation in books.allocations:
        part = books.parts[allocation["installment_id"]]
        assert (
            part["invoice_id"] == (books.transactions[allocation["transaction_id"]]["invoice_id"])
        )
    for invoice in books.invoices.values():
        if invoice["parent_id"]:
            parent = books.invoices[invoice["parent_id"]]
            assert [parent[name] for name in same] == [invoice[name] for name in same]
            assert parent["parent_id"] is None
