"""The books read row by row, and their rules, computed without the code under test."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apikeys.models import Tenant
from invoices.models import (
    Installment,
    Invoice,
    LedgerEntry,
    LedgerTax,
    LineItem,
    PaymentRequest,
    Transaction,
)

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
    "refunded_amount",
    "paid_at",
    "version",
    "status",
    "ended_as",
    "review_flags",
    "expires_at",
    "open_payment_at",
)
INSTALLMENT_FIELDS = (
    "id",
    "invoice_id",
    "number",
    "due_at",
    *COLUMNS,
    "paid_amount",
    "refunded_amount",
    "status",
)
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
    "moved_from_id",
    "currency_code",
    "amount",
)
ENTRY_FIELDS = (
    "id",
    "tenant_id",
    "gateway_id",
    "invoice_id",
    "installment_id",
    "transaction_id",
    "kind",
    "currency_code",
    "amount",
    "net_amount",
    "tax_amount",
    "service_fee_amount",
)


@dataclass(frozen=True)
class Books:
    """All rows of some tenants' invoices, by key."""

    invoices: dict[int, Row]
    installments: dict[int, Row]
    requests: dict[int, Row]
    transactions: dict[int, Row]
    entries: dict[int, Row]
    taxes: list[Any]  # of entries, by rate
    lines: dict[tuple[int, Decimal], int]  # tax by invoice and rate

    @property
    def allocations(self) -> list[Row]:
        """What went into instalments, or came out of them."""
        return [row for row in self.entries.values() if row["installment_id"]]

    def overpaid(self, transactions: Iterable[Row]) -> int:
        ids = {row["id"] for row in transactions}
        return sum(
            row["amount"]
            for row in self.entries.values()
            if row["transaction_id"] in ids and not row["installment_id"]
        )

    def installments_of(self, invoice_id: int) -> list[Row]:
        return [
            installment
            for installment in self.installments.values()
            if installment["invoice_id"] == invoice_id
        ]

    def requests_of(self, invoice_id: int) -> list[Row]:
        return [row for row in self.requests.values() if row["invoice_id"] == invoice_id]

    def transactions_of(self, invoice_id: int) -> list[Row]:
        return [row for row in self.transactions.values() if row["invoice_id"] == invoice_id]

    def lowest_unpaid(self, invoice_id: int) -> Row | None:
        unpaid = (
            installment
            for installment in self.installments_of(invoice_id)
            if installment["status"] == "unpaid"
        )
        return min(unpaid, key=lambda installment: installment["number"], default=None)

    def active(self, invoice_id: int) -> list[Row]:
        return [row for row in self.requests_of(invoice_id) if row["status"] in ACTIVE]


def read(tenants: Sequence[Tenant]) -> Books:
    invoices = by_key(
        Invoice.objects.filter(tenant__in=tenants).order_by("pk").values(*INVOICE_FIELDS)
    )
    ids = list(invoices)
    lines: dict[tuple[int, Decimal], int] = defaultdict(int)
    for pk, rate, amount in LineItem.objects.filter(invoice__in=ids).values_list(
        "invoice_id", "tax_rate", "tax_amount"
    ):
        lines[pk, rate] += amount
    return Books(
        invoices=invoices,
        installments=by_key(
            Installment.objects.filter(invoice__in=ids).order_by("pk").values(*INSTALLMENT_FIELDS)
        ),
        requests=by_key(
            PaymentRequest.objects.filter(invoice__in=ids).order_by("pk").values(*REQUEST_FIELDS)
        ),
        transactions=by_key(
            Transaction.objects.filter(invoice__in=ids).order_by("pk").values(*TRANSACTION_FIELDS)
        ),
        entries=by_key(
            LedgerEntry.objects.filter(invoice__in=ids).order_by("pk").values(*ENTRY_FIELDS)
        ),
        taxes=list(
            LedgerTax.objects.filter(entry__invoice__in=ids).values(
                "entry_id", "tax_rate", "tax_amount"
            )
        ),
        lines=lines,
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
    check_transfers(books)


def check_money(books: Books) -> None:
    """Each unit received is in an instalment or in the overpayment, per row, invoice and in all."""
    from_row: Counter[int] = Counter()
    received: Counter[int] = Counter()
    refunded: Counter[int] = Counter()
    for entry in books.entries.values():
        is_transfer = entry["kind"] == "transfer"
        assert is_transfer or (entry["amount"] > 0) == (entry["kind"] == "payment")
        assert entry["kind"] == books.transactions[entry["transaction_id"]]["kind"]
        from_row[entry["transaction_id"]] += entry["amount"]
        if entry["kind"] == "refund":
            refunded[entry["installment_id"]] -= entry["amount"]
        else:
            received[entry["installment_id"]] += entry["amount"]
    for row in books.transactions.values():
        assert row["amount"] == from_row[row["id"]]
    for installment in books.installments.values():
        assert installment["paid_amount"] == received[installment["id"]]
        assert (
            installment["refunded_amount"]
            == refunded[installment["id"]]
            <= installment["paid_amount"]
        )
    for invoice in books.invoices.values():
        rows = books.transactions_of(invoice["id"])
        back = -sum(row["amount"] for row in rows if row["kind"] == "refund")
        assert invoice["refunded_amount"] == back
        assert invoice["paid_amount"] == sum(row["amount"] for row in rows) + back
        assert invoice["overpayment_amount"] == books.overpaid(rows) >= 0
    check_shares(books)
    check_rates(books)


def check_shares(books: Books) -> None:
    """The rows of an instalment never exceed its columns, and those of a paid one are them."""
    columns = ("net_amount", "tax_amount", "service_fee_amount")
    sums: dict[tuple[int, bool], Counter[str]] = defaultdict(Counter)
    for entry in books.allocations:
        for column in columns:
            assert entry[column] * entry["amount"] >= 0
            key = entry["installment_id"], entry["kind"] == "refund"
            sums[key][column] += entry[column]
    for installment in books.installments.values():
        for column in columns:
            received, back = (
                sums[installment["id"], False][column],
                -sums[installment["id"], True][column],
            )
            assert 0 <= back <= received <= installment[column]
            assert installment["status"] == "unpaid" or received == installment[column]


def check_rates(books: Books) -> None:
    """The tax of each row is that of its rates, and no rate gives more than its lines' tax."""
    of_entry: Counter[int] = Counter()
    received: Counter[tuple[int, Decimal]] = Counter()
    refunded: Counter[tuple[int, Decimal]] = Counter()
    for tax in books.taxes:
        entry = books.entries[tax["entry_id"]]
        of_entry[entry["id"]] += tax["tax_amount"]
        key = entry["invoice_id"], tax["tax_rate"]
        if entry["kind"] == "refund":
            refunded[key] -= tax["tax_amount"]
        else:
            received[key] += tax["tax_amount"]
    for entry in books.entries.values():
        assert entry["tax_amount"] == of_entry[entry["id"]]
    for (invoice_id, rate), amount in books.lines.items():
        key = invoice_id, rate
        assert 0 <= refunded[key] <= received[key] <= amount
        if books.invoices[invoice_id]["status"] == "fully_paid":
            assert received[key] == amount
    assert set(received) <= set(books.lines)


def check_schedule(books: Books, invoice: Row) -> None:
    installments = books.installments_of(invoice["id"])
    assert [installment["number"] for installment in installments] == list(
        range(1, len(installments) + 1)
    )
    for column, of_invoice in COLUMNS.items():
        assert sum(installment[column] for installment in installments) == invoice[of_invoice]
        assert min(installment[column] for installment in installments) >= 0
    for installment in installments:
        assert installment["total_amount"] >= 1
        assert 0 <= installment["paid_amount"] <= installment["total_amount"]
        is_paid = installment["paid_amount"] == installment["total_amount"]
        assert installment["status"] == ("paid" if is_paid else "unpaid")


def check_status(books: Books, invoice: Row) -> None:
    assert invoice["status"] == status_of(books, invoice)
    assert (invoice["paid_at"] is not None) == (invoice["status"] == "fully_paid")
    flags = invoice["review_flags"]
    installments = books.installments_of(invoice["id"])
    assert len(flags) == len(set(flags))
    assert ("overpaid" in flags) == (invoice["overpayment_amount"] > 0)
    if "underpaid" in flags:
        assert any(
            0 < installment["paid_amount"] < installment["total_amount"]
            for installment in installments
        )
    if invoice["paid_amount"] and "reversed" not in flags:
        assert ("after_cancel" in flags) == (invoice["ended_as"] == "cancelled")
        assert "late" in flags or invoice["ended_as"] != "expired"


def status_of(books: Books, invoice: Row) -> str:
    """Money first, then how it ended, then whether it ever had a payment URL."""
    rows = books.transactions_of(invoice["id"])
    received = sum(row["amount"] for row in rows if row["kind"] != "refund")
    allocated = sum(
        installment["paid_amount"] for installment in books.installments_of(invoice["id"])
    )
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
    asked = [row for row in books.transactions.values() if row["kind"] != "transfer"]
    for row in (*books.requests.values(), *asked):
        invoice = books.invoices[row["invoice_id"]]
        assert [row[name] for name in same] == [invoice[name] for name in same]
    for request in books.requests.values():
        assert books.installments[request["installment_id"]]["invoice_id"] == request["invoice_id"]
    for row in asked:
        assert books.requests[row["payment_request_id"]]["invoice_id"] == row["invoice_id"]
    for row in books.transactions.values():
        if row["reverses_id"]:
            assert books.transactions[row["reverses_id"]]["invoice_id"] == row["invoice_id"]
    for allocation in books.allocations:
        installment = books.installments[allocation["installment_id"]]
        assert (
            installment["invoice_id"]
            == (books.transactions[allocation["transaction_id"]]["invoice_id"])
        )
    for invoice in books.invoices.values():
        if invoice["parent_id"]:
            parent = books.invoices[invoice["parent_id"]]
            assert [parent[name] for name in same] == [invoice[name] for name in same]
            assert parent["parent_id"] is None


def check_transfers(books: Books) -> None:
    """What leaves an invoice arrives on another one, and a gateway's money is where it was."""
    moved = [row for row in books.transactions.values() if row["kind"] == "transfer"]
    arrived = {row["moved_from_id"]: row for row in moved if row["amount"] > 0}
    left = {row["id"]: row for row in moved if row["amount"] < 0}
    assert arrived.keys() == left.keys()
    for key, row in left.items():
        other = arrived[key]
        assert row["amount"] + other["amount"] == 0
        assert row["invoice_id"] != other["invoice_id"]
        for name in ("tenant_id", "gateway_id", "currency_code", "payment_request_id"):
            assert row[name] == other[name]
