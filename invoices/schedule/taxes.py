"""An instalment's tax by rate: rows of their own, for the tax authority's reports."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from invoices.models import Installment, InstallmentTax, LineItem
from paytrust.money import allocate


def write(*, installments: Sequence[Installment], line_items: Iterable[LineItem]) -> None:
    """Split each instalment's tax over the invoice's rates: floors, and the last takes the rest.

    One statement. Every instalment's rows sum exactly to its tax (FR-056).
    """
    rates = tax_by_rate(line_items)
    InstallmentTax.objects.bulk_create(
        InstallmentTax(installment=installment, tax_rate=rate, tax_amount=share)
        for installment in installments
        for rate, share in zip(
            rates, shares(installment.tax_amount, list(rates.values())), strict=True
        )
    )


def rewrite(*, installments: Sequence[Installment], line_items: Iterable[LineItem]) -> None:
    """Replace the rows of instalments whose tax has changed; two statements."""
    InstallmentTax.objects.filter(installment__in=installments).delete()
    write(installments=installments, line_items=line_items)


def tax_by_rate(line_items: Iterable[LineItem]) -> dict[Decimal, int]:
    """Return the tax of each rate that occurs, lowest rate first, zero rates included."""
    taxes: dict[Decimal, int] = {}
    for line in line_items:
        taxes[line.tax_rate] = taxes.get(line.tax_rate, 0) + line.tax_amount
    return dict(sorted(taxes.items()))


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion; the last takes the rest, or all where nothing weighs."""
    return allocate(amount, weights) if any(weights) else [*[0] * (len(weights) - 1), amount]
