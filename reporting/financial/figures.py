"""The figures of a report, summed per currency. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from invoices.models import MoneyKind

RECEIVED = (MoneyKind.PAYMENT, MoneyKind.TRANSFER)
"""What puts money into instalments; a transfer takes it from an overpayment."""


@dataclass(frozen=True, slots=True)
class Sums:
    """One row of sums over ledger entries, with their sign: what went back is negative."""

    kind: str
    currency_code: str
    gateway_name: str
    tax_rate: Decimal | None  # None: the sums of all entries; else only their tax at this rate
    transaction_count: int
    installment_transaction_count: int
    overpayment_transaction_count: int
    subtotal_amount: int
    total_tax_amount: int
    total_service_fee_amount: int
    overpayment_amount: int
    total_amount: int


@dataclass(slots=True)
class Figures:
    """Money that moved in one direction, in minor units of one currency.

    Never negative, except overpayments of a time in which more was moved to other invoices.
    """

    transaction_count: int = 0
    subtotal_amount: int = 0
    total_tax_amount: int = 0
    total_service_fee_amount: int = 0
    overpayment_amount: int = 0
    total_amount: int = 0

    def receive(self, sums: Sums) -> None:
        """Add what came in for instalments; overpayments have their own figures."""
        self.transaction_count += sums.installment_transaction_count
        self.subtotal_amount += sums.subtotal_amount
        self.total_tax_amount += sums.total_tax_amount
        self.total_service_fee_amount += sums.total_service_fee_amount
        self.total_amount += sums.total_amount - sums.overpayment_amount

    def receive_too_much(self, sums: Sums) -> None:
        """Add what came in beyond all instalments."""
        self.transaction_count += sums.overpayment_transaction_count
        self.overpayment_amount += sums.overpayment_amount
        self.total_amount += sums.overpayment_amount

    def move(self, sums: Sums) -> None:
        """Take off what was overpaid, and was moved into instalments of other invoices."""
        self.overpayment_amount += sums.overpayment_amount
        self.total_amount += sums.overpayment_amount

    def give_back(self, sums: Sums) -> None:
        """Add what went back, as positive numbers."""
        self.transaction_count += sums.transaction_count
        self.subtotal_amount -= sums.subtotal_amount
        self.total_tax_amount -= sums.total_tax_amount
        self.total_service_fee_amount -= sums.total_service_fee_amount
        self.overpayment_amount -= sums.overpayment_amount
        self.total_amount -= sums.total_amount


@dataclass(slots=True)
class TaxFigures:
    """The tax at one rate: received, refunded and reversed. Never negative."""

    amount: int = 0
    refunded_amount: int = 0
    reversed_amount: int = 0
    transaction_count: int = 0  # payments and transfers that have tax at this rate

    def add(self, sums: Sums) -> None:
        if sums.kind in RECEIVED:
            self.amount += sums.total_tax_amount
            self.transaction_count += sums.transaction_count
        elif sums.kind == MoneyKind.REFUND:
            self.refunded_amount -= sums.total_tax_amount
        else:
            self.reversed_amount -= sums.total_tax_amount


@dataclass(slots=True)
class CurrencyReport:
    """One currency's part of a report; no figure in it mixes currencies."""

    currency_code: str
    received: Figures = field(default_factory=Figures)
    overpayments: Figures = field(default_factory=Figures)
    refunds: Figures = field(default_factory=Figures)
    reversals: Figures = field(default_factory=Figures)
    taxes: dict[Decimal, TaxFigures] = field(default_factory=dict)
    gateways: dict[str, Figures] = field(default_factory=dict)  # of what was received

    @property
    def net_amount(self) -> int:
        """Return what came in less what went back: the sum of the transactions' amounts."""
        came_in = self.received.total_amount + self.overpayments.total_amount
        return came_in - self.refunds.total_amount - self.reversals.total_amount

    def add(self, sums: Sums) -> None:
        if sums.tax_rate is not None:
            self.taxes.setdefault(sums.tax_rate, TaxFigures()).add(sums)
        elif sums.kind in RECEIVED:
            self.received.receive(sums)
            if sums.kind == MoneyKind.TRANSFER:
                self.overpayments.move(sums)
            else:
                self.overpayments.receive_too_much(sums)
            if sums.installment_transaction_count:
                self.gateways.setdefault(sums.gateway_name, Figures()).receive(sums)
        elif sums.kind == MoneyKind.REFUND:
            self.refunds.give_back(sums)
        else:
            self.reversals.give_back(sums)


def by_currency(rows: Iterable[Sums]) -> list[CurrencyReport]:
    """Return one report per currency that has rows, in their order."""
    reports: dict[str, CurrencyReport] = {}
    for sums in rows:
        reports.setdefault(sums.currency_code, CurrencyReport(sums.currency_code)).add(sums)
    return list(reports.values())
