"""The taxes of an invoice as a pain.001 states them: rate, category and country."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from invoices.iso20022.parties import message_id, money
from invoices.models import Installment, Invoice, LineItem
from invoices.schedule import taxes
from paytrust.iso20022.builder import Node
from paytrust.iso20022.text import MAX_35, text
from paytrust.money import Money


@dataclass(frozen=True, slots=True)
class TaxGroup:
    """The lines of an invoice that have the same tax rate."""

    rate: Decimal
    category: str | None
    country: str | None
    subtotal_amount: int
    tax_amount: int


def groups_of(line_items: Sequence[LineItem]) -> list[TaxGroup]:
    """Return the lines by tax rate, lowest rate first, in each rate the largest base last."""
    sums: dict[tuple[Decimal, str | None, str | None], tuple[int, int]] = {}
    for line in line_items:
        key = (line.tax_rate, line.tax_category, line.country_code)
        subtotal, tax = sums.get(key, (0, 0))
        sums[key] = (subtotal + line.subtotal_amount, tax + line.tax_amount)
    groups = [TaxGroup(*key, *amounts) for key, amounts in sums.items()]
    return sorted(
        groups, key=lambda g: (g.rate, g.subtotal_amount, g.category or "", g.country or "")
    )


def share_of(invoice: Invoice, installment: Installment, groups: Sequence[TaxGroup]) -> list[Node]:
    """Return an instalment's `Tax`: its share of each tax, which sum to its own columns."""
    countries = {group.country for group in groups}
    bases = taxes.shares(installment.net_amount, [group.subtotal_amount for group in groups])
    amounts = _tax_shares(installment.tax_amount, groups)
    return [
        ("AdmstnZone", countries.pop() if len(countries) == 1 else None),
        ("RefNb", message_id(invoice)),
        ("TtlTaxblBaseAmt", money(invoice, installment.net_amount)),
        ("TtlTaxAmt", money(invoice, installment.tax_amount)),
        ("Dt", invoice.created_at.date()),
        *(
            _record(group, money(invoice, base), money(invoice, amount))
            for group, base, amount in zip(groups, bases, amounts, strict=True)
        ),
    ]


def totals_of(invoice: Invoice, groups: Sequence[TaxGroup]) -> list[Node]:
    """Return the invoice's own taxes, one `TaxAmt` of the referred document for each."""
    return [
        (
            "TaxAmt",
            [("Tp", [("Prtry", _name(group))]), ("Amt", money(invoice, group.tax_amount))],
        )
        for group in groups
    ]


def _tax_shares(tax_amount: int, groups: Sequence[TaxGroup]) -> list[int]:
    """Split an instalment's tax by rate as its stored rows do, then within each rate."""
    by_rate: dict[Decimal, list[int]] = {}
    for group in groups:
        by_rate.setdefault(group.rate, []).append(group.tax_amount)
    of_rates = taxes.shares(tax_amount, [sum(weights) for weights in by_rate.values()])
    return [
        share
        for of_rate, weights in zip(of_rates, by_rate.values(), strict=True)
        for share in taxes.shares(of_rate, weights)
    ]


def _record(group: TaxGroup, base: Money, amount: Money) -> Node:
    category = text(group.category, limit=MAX_35)
    return (
        "Rcrd",
        [
            ("Tp", category),  # tax_category names the tax (SST, VAT) ...
            ("Ctgy", category),  # ... and is all that is known of its category
            ("CtgyDtls", group.country),
            (
                "TaxAmt",
                [("Rate", _percent(group.rate)), ("TaxblBaseAmt", base), ("TtlAmt", amount)],
            ),
        ],
    )


def _name(group: TaxGroup) -> str:
    """Return `SST 6` for 6 % of SST, shortened where the category is long."""
    rate = format(_percent(group.rate), "f")
    category = text(group.category, limit=MAX_35 - len(rate) - 1)
    return f"{category or 'TAX'} {rate}"


def _percent(rate: Decimal) -> Decimal:
    """Return 8 for a rate of 0.08: ISO's PercentageRate."""
    return (rate * 100).normalize()
