"""What reports must say, recounted from what is seen of instalments after each step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apikeys.models import Tenant
from invoices.models import InstallmentTax
from reporting.financial import selectors
from tests.journeys.books import COLUMNS, Books, Row

NAMES = {1: "Xendit", 2: "Midtrans"}
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Turn:
    """That an instalment became paid, or was taken back, in some step."""

    step: int
    kind: str
    tenant_id: int
    gateway_id: int
    currency_code: str
    columns: tuple[int, ...]
    taxes: dict[Decimal, int]


class Recount:
    def __init__(self, books: Books, now: datetime) -> None:
        self.books = books
        self.moments = [now]  # when each step was over
        self.turns: list[Turn] = []

    def see(self, books: Books, now: datetime) -> None:
        """Note which instalments became paid, or no longer are, since the last step."""
        step, before = len(self.moments), self.books
        new = books.allocations[len(before.allocations) :]
        for part in books.parts.values():
            was = before.parts.get(part["id"])
            for kind in turns_of(part, was, [a["amount"] for a in new if is_of(a, part)]):
                self.turns.append(turn(books, part, kind, step))
        self.books = books
        self.moments.append(now)

    def check(self, tenant: Tenant, one: int, other: int) -> None:
        """Assert that the report over the steps between two moments tells exactly those."""
        first, last = sorted((one % len(self.moments), other % len(self.moments)))
        counted: dict[str, Any] = {}
        for made in self.turns:
            if made.tenant_id == tenant.pk and first < made.step <= last:
                add(counted, made)
        reports = selectors.financial_report(
            tenant=tenant,
            start=self.moments[first] + INSTANT,
            end=self.moments[last] + INSTANT,
        )
        assert {report.currency_code: told(report) for report in reports} == counted
        for report in reports:
            taxes, fees = report.taxes.values(), report.gateways.values()
            assert sum(t.total_tax_amount for t in taxes) == report.settled.total_tax_amount
            assert (
                sum(f.total_service_fee_amount for f in fees)
                == report.settled.total_service_fee_amount
            )


def is_of(allocation: Row, part: Row) -> bool:
    return bool(allocation["installment_id"] == part["id"])


def turns_of(part: Row, was: Row | None, moved: Sequence[int]) -> list[str]:
    """Follow each unit that moved; what is left over was an adjustment that met what was paid."""
    amount = was["paid_amount"] if was else 0
    paid = was is not None and was["status"] == "paid"
    turns = []
    for unit in moved:
        amount += unit
        if paid != (amount == part["total_amount"]):
            paid = not paid
            turns.append("settled" if paid else "reversed")
    if paid != (part["status"] == "paid"):
        turns.append("reversed" if paid else "settled")
    return turns


def turn(books: Books, part: Row, kind: str, step: int) -> Turn:
    invoice = books.invoices[part["invoice_id"]]
    rates = InstallmentTax.objects.filter(installment=part["id"])
    return Turn(
        step=step,
        kind=kind,
        tenant_id=invoice["tenant_id"],
        gateway_id=invoice["gateway_id"],
        currency_code=invoice["currency_code"],
        columns=tuple(part[column] for column in COLUMNS),
        taxes=dict(rates.values_list("tax_rate", "tax_amount")),
    )


def add(counted: dict[str, Any], made: Turn) -> None:
    report = counted.setdefault(
        made.currency_code, {"settled": [0] * 5, "reversed": [0] * 5, "taxes": {}, "gateways": {}}
    )
    report[made.kind] = [a + b for a, b in zip(report[made.kind], (1, *made.columns), strict=True)]
    if made.kind == "settled":
        for rate, amount in made.taxes.items():
            count, tax = report["taxes"].get(rate, (0, 0))
            report["taxes"][rate] = (count + 1, tax + amount)
        name = NAMES[made.gateway_id]
        count, fee = report["gateways"].get(name, (0, 0))
        report["gateways"][name] = (count + 1, fee + made.columns[2])


def told(report: selectors.CurrencyReport) -> dict[str, Any]:
    return {
        **{kind: columns_of(getattr(report, kind)) for kind in ("settled", "reversed")},
        "taxes": {
            rate: (share.transaction_count, share.total_tax_amount)
            for rate, share in report.taxes.items()
        },
        "gateways": {
            name: (share.transaction_count, share.total_service_fee_amount)
            for name, share in report.gateways.items()
        },
    }


def columns_of(figures: selectors.Figures) -> list[int]:
    return [
        figures.transaction_count,
        figures.subtotal_amount,
        figures.total_tax_amount,
        figures.total_service_fee_amount,
        figures.total_amount,
    ]
