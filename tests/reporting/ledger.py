"""Rows of the ledger for tests, and a recount of them in plain Python."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.db import connection
from hypothesis import strategies as st

from apikeys.models import Tenant
from invoices.models import LedgerEntry, LedgerTax, PaymentRequest, Transaction
from reporting.financial import selectors
from reporting.financial.serializers import CurrencyReportResponse
from tests.invoices.factories import PaymentRequestFactory, invoice

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
RATES = [Decimal(0), Decimal("0.06"), Decimal("0.11")]
GATEWAYS = {1: "Xendit", 2: "Midtrans"}
INSTALLMENTS = 3
RECEIVED = ("payment", "transfer")  # kinds of what is received for instalments
_names = count()


@dataclass(frozen=True)
class Piece:
    """Money of one instalment; its tax by rate. Positive in both directions."""

    net: int
    fee: int
    taxes: dict[Decimal, int]

    @property
    def tax(self) -> int:
        return sum(self.taxes.values())

    @property
    def total(self) -> int:
        return self.net + self.tax + self.fee


@dataclass(frozen=True)
class Move:
    """One transaction: what it put into instalments, or took out of them, and what was over."""

    booked_at: datetime
    kind: str = "payment"
    gateway_id: int = 1
    currency_code: str = "MYR"
    pieces: Sequence[Piece] = field(default_factory=list)
    overpayment: int = 0
    leaves: bool = False  # of a transfer: the side that it leaves

    @property
    def sign(self) -> int:
        return -1 if self.leaves or self.kind in {"refund", "reversal"} else 1

    @property
    def amount(self) -> int:
        return sum(piece.total for piece in self.pieces) + self.overpayment


MOMENTS = st.integers(0, 10 * 86400).map(lambda second: FIRST + timedelta(seconds=second))
AMOUNTS = st.integers(1, 10**12)
PIECES = st.builds(
    Piece,
    net=AMOUNTS,
    fee=st.integers(0, 10**9),
    taxes=st.dictionaries(st.sampled_from(RATES), st.integers(0, 10**12), max_size=3),
)
MOVES = st.lists(
    st.builds(
        Move,
        booked_at=MOMENTS,
        kind=st.sampled_from(["payment", "payment", "refund", "reversal"]),
        gateway_id=st.sampled_from([1, 2]),
        currency_code=st.sampled_from(["IDR", "MYR", "USD"]),
        pieces=st.lists(PIECES, max_size=INSTALLMENTS),
        overpayment=st.integers(0, 10**12),
    ).filter(lambda move: move.amount > 0),
    max_size=15,
)


@contextmanager
def unguarded() -> Iterator[None]:
    """Let rows be written as a replica writes them: no trigger sees them."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = DEFAULT")


def book(tenant: Tenant, moves: Iterable[Move], *, guarded: bool = False) -> None:
    """Write moves into the ledger; nothing is reported of the invoice that they hang on.

    Its balances are not theirs, so triggers would refuse them unless the test is undone.
    """
    request = PaymentRequestFactory.create(
        invoice=invoice(tenant=tenant, totals=[1] * INSTALLMENTS)
    )
    with nullcontext() if guarded else unguarded():
        _book(request, list(moves))


def _book(request: PaymentRequest, moves: Sequence[Move]) -> None:
    installments = list(request.invoice.installments.order_by("number"))
    original = Transaction.objects.create(**_transaction(request, "payment", "MYR", 1, FIRST))
    made = Transaction.objects.bulk_create(
        Transaction(
            **_transaction(
                request, move.kind, move.currency_code, move.sign * move.amount, move.booked_at
            )
            | {
                "gateway_id": move.gateway_id,
                "reverses": None if move.kind == "payment" else original,
            }
        )
        for move in moves
    )
    for move, transaction in zip(moves, made, strict=True):
        for installment, piece in zip(installments, move.pieces, strict=False):
            entry = LedgerEntry.objects.create(
                **_entry(move, transaction),
                installment=installment,
                amount=move.sign * piece.total,
                net_amount=move.sign * piece.net,
                tax_amount=move.sign * piece.tax,
                service_fee_amount=move.sign * piece.fee,
            )
            LedgerTax.objects.bulk_create(
                LedgerTax(
                    tenant_id=request.tenant_id,
                    entry=entry,
                    tax_rate=rate,
                    tax_amount=move.sign * amount,
                )
                for rate, amount in piece.taxes.items()
            )
        if move.overpayment:
            LedgerEntry.objects.create(
                **_entry(move, transaction),
                amount=move.sign * move.overpayment,
                net_amount=0,
                tax_amount=0,
                service_fee_amount=0,
            )


def recounted(moves: Iterable[Move], start: datetime, end: datetime) -> dict[str, Any]:
    """Return by currency what a report of some time must say, added up one by one."""
    found: dict[str, Any] = {}
    for move in moves:
        if start <= move.booked_at < end:
            _count(found.setdefault(move.currency_code, _nothing(move.currency_code)), move)
    for report in found.values():
        report["tax_breakdown"] = [
            {"tax_rate": rate, **share} for rate, share in sorted(report["tax_breakdown"].items())
        ]
        report["gateway_breakdown"] = [
            {"gateway_name": name, **share}
            for name, share in sorted(report["gateway_breakdown"].items())
        ]
    return found


def reported(tenant: Tenant, start: datetime, end: datetime) -> dict[str, Any]:
    """Return by currency what the report says."""
    found = selectors.financial_report(tenant=tenant, start=start, end=end)
    answer = CurrencyReportResponse(found, many=True).data
    return {report["currency_code"]: dict(report) for report in answer}


def _nothing(currency_code: str) -> dict[str, Any]:
    columns = ("subtotal_amount", "total_tax_amount", "total_service_fee_amount", "total_amount")
    figures = {"transaction_count": 0, **dict.fromkeys(columns, 0)}
    return {
        "currency_code": currency_code,
        **figures,
        "tax_breakdown": {},
        "gateway_breakdown": {},
        "overpayments": {"transaction_count": 0, "total_amount": 0},
        "refunds": {**figures, "overpayment_amount": 0},
        "reversals": {**figures, "overpayment_amount": 0},
        "net_amount": 0,
    }


def _count(report: dict[str, Any], move: Move) -> None:
    report["net_amount"] += move.sign * move.amount
    if move.kind in RECEIVED:
        if move.pieces:
            _add(report, move)
            name = GATEWAYS[move.gateway_id]
            share = report["gateway_breakdown"].setdefault(
                name, {"transaction_count": 0, "total_amount": 0, "service_fee_amount": 0}
            )
            share["transaction_count"] += 1
            share["total_amount"] += move.sign * sum(piece.total for piece in move.pieces)
            share["service_fee_amount"] += move.sign * sum(piece.fee for piece in move.pieces)
        if move.overpayment:
            report["overpayments"]["transaction_count"] += move.kind == "payment"
            report["overpayments"]["total_amount"] += move.sign * move.overpayment
    else:
        back = report[f"{move.kind}s"]
        _add(back, move)
        back["overpayment_amount"] += move.overpayment
        back["total_amount"] += move.overpayment
    column = {
        **dict.fromkeys(RECEIVED, "amount"),
        "refund": "refunded_amount",
        "reversal": "reversed_amount",
    }
    for rate in {rate for piece in move.pieces for rate in piece.taxes}:
        share = report["tax_breakdown"].setdefault(
            rate, {"amount": 0, "refunded_amount": 0, "reversed_amount": 0, "transaction_count": 0}
        )
        sign = move.sign if move.kind in RECEIVED else 1
        share[column[move.kind]] += sign * sum(piece.taxes.get(rate, 0) for piece in move.pieces)
        share["transaction_count"] += move.kind in RECEIVED


def _add(figures: dict[str, Any], move: Move) -> None:
    figures["transaction_count"] += 1
    sign = move.sign if move.kind in RECEIVED else 1  # what went back is shown as positive
    for piece in move.pieces:
        figures["subtotal_amount"] += sign * piece.net
        figures["total_tax_amount"] += sign * piece.tax
        figures["total_service_fee_amount"] += sign * piece.fee
        figures["total_amount"] += sign * piece.total


def _transaction(
    request: PaymentRequest, kind: str, currency_code: str, amount: int, at: datetime
) -> dict[str, Any]:
    return {
        "tenant_id": request.tenant_id,
        "invoice_id": request.invoice_id,
        "payment_request": request,
        "gateway_id": 1,
        "gateway_transaction_id": f"moved-{next(_names)}",
        "kind": kind,
        "currency_code": currency_code,
        "amount": amount,
        "paid_at": at,
        "created_at": at,
    }


def _entry(move: Move, transaction: Transaction) -> dict[str, Any]:
    return {
        "tenant_id": transaction.tenant_id,
        "invoice_id": transaction.invoice_id,
        "transaction": transaction,
        "gateway_id": move.gateway_id,
        "kind": move.kind,
        "currency_code": move.currency_code,
        "booked_at": move.booked_at,
    }
