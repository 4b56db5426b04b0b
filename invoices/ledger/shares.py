"""What a piece of money is made of: net amount, tax by rate and fee. Pure arithmetic.

Each instalment and each tax rate has two separate running sums: what came in, which is payments
less reversals, and what was refunded.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from invoices.ledger.standing import InstallmentStanding, Kind, Rate, Shares
from paytrust.money import largest_remainder, proportion

Taxes = tuple[tuple[Decimal, int], ...]


def shares_of(installment: InstallmentStanding, kind: Kind, amount: int) -> Shares:
    """Return the shares of money that comes into an instalment or goes back out of it.

    The tax so far is `floor(tax x money so far / total)`, for each sum on its own, and the
    fee is found the same way; the net amount is the rest. Where that would make a share negative,
    or larger than what is left to give, the fee is lowered: money that completes an instalment
    makes its columns exact, and money that empties one takes exactly what it held.

    Args:
        installment: the instalment as it stands before.
        kind: payment, refund or reversal.
        amount: minor units, positive, at most what is due (payment) or held.

    Source: spec 6.1, FR-052, FR-053.
    """
    room = installment.asked - installment.received if kind is Kind.PAYMENT else installment.held
    before = installment.refunded if kind is Kind.REFUND else installment.received
    sign = -1 if kind is Kind.REVERSAL else 1

    def wanted(whole: int, so_far: int) -> int:
        money = before.amount + sign * amount
        return sign * (proportion(whole, money, installment.asked.amount) - so_far)

    tax_amount = _within(
        wanted(installment.asked.tax_amount, before.tax_amount),
        amount - room.net_amount - room.service_fee_amount,
        min(room.tax_amount, amount),
    )
    left = amount - tax_amount
    fee_amount = _within(
        wanted(installment.asked.service_fee_amount, before.service_fee_amount),
        left - room.net_amount,
        min(room.service_fee_amount, left),
    )
    return Shares(left - fee_amount, tax_amount, fee_amount)


def taxes_of(rates: Sequence[Rate], kind: Kind, tax_amount: int) -> Taxes:
    """Split the tax of a piece of money over the invoice's rates, lowest rate first.

    A payment draws on what each rate has still to give; a refund or a reversal on what each
    has given and not yet returned.

    Source: spec 6.1.
    """
    room = [rate.due_amount if kind is Kind.PAYMENT else rate.held_amount for rate in rates]
    return tuple(
        zip((rate.tax_rate for rate in rates), largest_remainder(tax_amount, room), strict=True)
    )


def with_money(installment: InstallmentStanding, kind: Kind, shares: Shares) -> InstallmentStanding:
    """Return an instalment after money, positive, has come in or gone back."""
    if kind is Kind.REFUND:
        return replace(installment, refunded=installment.refunded + shares)
    received = (
        installment.received + shares if kind is Kind.PAYMENT else installment.received - shares
    )
    return replace(installment, received=received)


def with_taxes(rates: Sequence[Rate], kind: Kind, taxes: Taxes) -> tuple[Rate, ...]:
    """Return the rates after tax, positive, has come in or gone back."""
    sign = -1 if kind is Kind.REVERSAL else 1
    return tuple(
        replace(rate, refunded_amount=rate.refunded_amount + amount)
        if kind is Kind.REFUND
        else replace(rate, received_amount=rate.received_amount + sign * amount)
        for rate, (_, amount) in zip(rates, taxes, strict=True)
    )


def _within(wanted: int, least: int, most: int) -> int:
    return min(max(wanted, least, 0), most)
