"""New shares of instalments whose totals change while money is in some of them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from invoices.ledger.standing import InstallmentStanding as Standing
from invoices.ledger.standing import Shares
from invoices.schedule import splitting
from invoices.schedule.splitting import InstallmentTooSmall
from paytrust.money import proportion


def reshare(*, unpaid: Sequence[Standing], totals: Mapping[int, int]) -> list[Shares]:
    """Return what each unpaid instalment asks for from now on.

    Tax and fee are shared out over them in proportion to what they ask for, as when the
    invoice was made. No instalment may ask for less tax, fee or net amount than was paid into
    it already, because the ledger's rows stay: where that would happen, only what is still due
    is shared out. Every column keeps its sum.

    Args:
        unpaid: the unpaid instalments as they stand, in order.
        totals: what each is to ask for, by its number; at least what was paid into it.

    Raises:
        InstallmentTooSmall: one would be smaller than its own tax and fee.

    Source: FR-052, FR-053, FR-066 to FR-069, spec 6.1.
    """
    try:
        installments = splitting.split(
            totals=totals,
            tax_amount=sum(installment.asked.tax_amount for installment in unpaid),
            service_fee_amount=sum(installment.asked.service_fee_amount for installment in unpaid),
        )
    except InstallmentTooSmall:
        if not any(installment.received.amount for installment in unpaid):
            raise
    else:
        shares = [
            Shares(installment.net_amount, installment.tax_amount, installment.service_fee_amount)
            for installment in installments
        ]
        if all(
            _covers(share, installment.received)
            for share, installment in zip(shares, unpaid, strict=True)
        ):
            return shares
    return _due_shares(unpaid, totals)


def _covers(shares: Shares, received: Shares) -> bool:
    due = shares - received
    return min(due.net_amount, due.tax_amount, due.service_fee_amount) >= 0


def _due_shares(unpaid: Sequence[Standing], totals: Mapping[int, int]) -> list[Shares]:
    """Share out the due tax and fee together, then separate the two: none exceeds its total."""
    due = [totals[installment.number] - installment.received.amount for installment in unpaid]
    tax = sum(
        installment.asked.tax_amount - installment.received.tax_amount for installment in unpaid
    )
    fee = sum(
        installment.asked.service_fee_amount - installment.received.service_fee_amount
        for installment in unpaid
    )
    charges = list(_steps(tax + fee, due))
    taxes = list(_steps(tax, charges))
    return [
        installment.received + Shares(amount - charge, share, charge - share)
        for installment, amount, charge, share in zip(unpaid, due, charges, taxes, strict=True)
    ]


def _steps(total: int, weights: Sequence[int]) -> Iterator[int]:
    """Split a total by running sums, rounded down: no share exceeds its weight."""
    whole, given = sum(weights), 0
    for so_far in accumulate(weights):
        reached = proportion(total, so_far, whole) if whole else 0
        yield reached - given
        given = reached
