"""What an invoice costs: line subtotals, taxes and the gateway's fee. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from paytrust.money import EXACT, round_half_up, times


@dataclass(frozen=True, slots=True)
class Line:
    """One line as the merchant states it; amounts are in minor units."""

    quantity: Decimal | int  # above 0, with at most 3 decimals
    unit_amount: int
    tax_rate: Decimal  # 0 to 1
    discount_amount: int = 0  # from 0 to gross_amount

    @property
    def gross_amount(self) -> int:
        """What the line costs before its discount, rounded half up."""
        return times(self.unit_amount, self.quantity)

    @property
    def subtotal_amount(self) -> int:
        """What is taxed: a discount lowers it (spec 1.3)."""
        return self.gross_amount - self.discount_amount

    @property
    def tax_amount(self) -> int:
        return round_half_up(EXACT.multiply(Decimal(self.subtotal_amount), self.tax_rate))


@dataclass(frozen=True, slots=True)
class Fee:
    """What a gateway charges for one currency: a percentage plus a fixed amount (FR-027)."""

    percentage: Decimal  # 2.9 is 2.9 %
    fixed_amount: int  # minor units

    def on(self, subtotal_amount: int) -> int:
        """Return the service fee on a subtotal; taxes are not part of its base (FR-051)."""
        product = EXACT.multiply(Decimal(subtotal_amount), self.percentage)
        return round_half_up(EXACT.divide(product, Decimal(100))) + self.fixed_amount


@dataclass(frozen=True, slots=True)
class Charges:
    """The four columns of an invoice, in minor units of its currency."""

    subtotal_amount: int
    total_tax_amount: int
    total_service_fee_amount: int

    @property
    def total_amount(self) -> int:
        return self.subtotal_amount + self.total_tax_amount + self.total_service_fee_amount


def charge(*, lines: Sequence[Line], fee: Fee) -> Charges:
    """Add up lines, their taxes and the gateway's fee.

    Returns amounts in minor units. Tax rounds half up per line, so the invoice's tax is
    the sum of what each line shows; tax is never charged on the fee.

    Source: FR-005, FR-009, FR-049, FR-051.
    """
    subtotal_amount = sum(line.subtotal_amount for line in lines)
    return Charges(
        subtotal_amount=subtotal_amount,
        total_tax_amount=sum(line.tax_amount for line in lines),
        total_service_fee_amount=fee.on(subtotal_amount),
    )
