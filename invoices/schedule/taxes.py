"""An instalment's tax by rate: rows of their own, for the tax authority's reports."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from invoices.models import LineItem
from paytrust.money import allocate


def tax_by_rate(line_items: Iterable[LineItem]) -> dict[Decimal, int]:
    """Return the tax of each rate that occurs, lowest rate first, zero rates included."""
    taxes: dict[Decimal, int] = {}
    for line in line_items:
        taxes[line.tax_rate] = taxes.get(line.tax_rate, 0) + line.tax_amount
    return dict(sorted(taxes.items()))


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion; the last takes the rest, or all if no weight is above 0."""
    return allocate(amount, weights) if any(weights) else [*[0] * (len(weights) - 1), amount]
