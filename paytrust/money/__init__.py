"""Money: exponents, parsing and splitting. The only module that rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

EXPONENTS = {"IDR": 0, "MYR": 2, "USD": 2}
"""Decimals of each currency served. ISO 4217 gives IDR two; gateways and people use none."""

MAX_AMOUNT = 9_007_199_254_740_991
"""The largest amount, in minor units: the largest integer that JSON clients keep (2**53 - 1)."""

MOST_DECIMALS = max(EXPONENTS.values())
"""With more, IDR 50.000 might be an Indonesian's fifty thousand."""

EXACT = Context(prec=200)
"""Holds every digit that a request may bear, so that nothing is rounded unseen."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount of one currency, in its smallest unit (rupiah, sen, cent)."""

    minor: int
    currency: str  # ISO 4217, one of EXPONENTS

    @classmethod
    def from_whole(cls, amount: Decimal, currency: str) -> "Money":
        """Read a gateway's amount in whole currency exactly: 120.55 MYR is 12055 sen.

        Raises:
            ValueError: `amount` has more decimals than the currency, is too large, or is not a
                number.
            KeyError: PayTrust does not serve the currency.
        """
        return cls(_minor(amount, currency), currency)

    def whole(self) -> Decimal:
        """Return the amount in whole currency, with exactly the currency's decimals."""
        return Decimal(self.minor).scaleb(-EXPONENTS[self.currency])

    def __str__(self) -> str:
        return f"{self.currency} {self.whole():,}"


def minor_units(amount: Decimal, currency: str) -> int:
    """Convert whole currency, as a merchant or staff wrote it, to minor units without rounding.

    IDR 50000.00 is fifty thousand, as programs write it. IDR 50.000 is refused, because people in
    Indonesia mean fifty thousand by it.

    Raises:
        ValueError: `amount` has, or is written with, more decimals than the currency allows; is
            beyond MAX_AMOUNT; or is not a number.
        KeyError: PayTrust does not serve the currency.
    """
    minor = _minor(amount, currency)
    if -int(amount.as_tuple().exponent) > MOST_DECIMALS:
        raise ValueError(_too_fine(amount, currency))
    return minor


def _minor(amount: Decimal, currency: str) -> int:
    if not amount.is_finite() or amount.adjusted() > 15:
        raise ValueError(f"{amount} is not an amount")
    if -int(amount.as_tuple().exponent) > EXACT.prec // 2:  # EXACT would round it
        raise ValueError(_too_fine(amount, currency))
    minor = amount.scaleb(EXPONENTS[currency], EXACT)
    if minor != minor.to_integral_value(context=EXACT):
        raise ValueError(_too_fine(amount, currency))
    if abs(minor) > MAX_AMOUNT:
        raise ValueError(f"{amount} is above the largest amount")
    return int(minor)


def _too_fine(amount: Decimal, currency: str) -> str:
    return f"{currency} has {EXPONENTS[currency]} decimals, {amount} has more"


def round_half_up(amount: Decimal) -> int:
    """Round to a whole number of minor units, halves away from zero.

    Source: FR-005, FR-009 (tax and fees round half up, per line).
    """
    return int(amount.to_integral_value(rounding=ROUND_HALF_UP))


def times(unit_amount: int, quantity: Decimal | int) -> int:
    """Return the price of a quantity in minor units: multiplied exactly, then rounded half up.

    Source: spec 1.3 (1.5 kg at 999 is 1499).
    """
    return round_half_up(EXACT.multiply(quantity, unit_amount))


def plain(number: Decimal | int) -> Decimal | int:
    """Return a quantity as it is shown: 2 for 2.000, 1.5 for 1.500; never with an exponent."""
    whole = int(number)
    return whole if whole == number else Decimal(number).normalize(EXACT)


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights` without losing a unit.

    Earlier shares are rounded down and the last share takes the difference, so the result always
    sums to `total`. This splits instalments, and tax and fees over them.

    Args:
        total: minor units of one currency, zero or more.
        weights: relative sizes, in the order of the result; they need not sum to `total`.

    Raises:
        ValueError: `total` is negative, or `weights` has a negative number or sums to zero.

    Source: FR-052, FR-053, "the last takes the rest".
    """
    whole = sum(weights)
    if total < 0 or whole == 0 or min(weights) < 0:
        raise ValueError(f"cannot allocate {total} by {weights!r}")
    shares = [total * weight // whole for weight in weights]
    shares[-1] += total - sum(shares)
    return shares


def proportion(total: int, share: int, whole: int) -> int:
    """Return the share of `total` that belongs to `share` of `whole`, rounded down.

    Source: spec 6.1, "tax so far".
    """
    return total * share // whole


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total` in proportion to `weights`; no share is larger than its weight.

    Each share is rounded down. The units that are left go to the largest remainders; of two equal
    remainders the earlier one comes first. The result always sums to `total`.

    Args:
        total: minor units, from zero to the sum of `weights`.
        weights: the most that each share can be.

    Raises:
        ValueError: `total` or a weight is negative, or `total` is more than the sum of the weights.

    Source: spec 6.1.
    """
    whole = sum(weights)
    if not 0 <= total <= whole or any(weight < 0 for weight in weights):
        raise ValueError(f"cannot share {total} out over {weights!r}")
    if total == 0:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda index: (-remainders[index], index))
    for index in order[: total - sum(shares)]:
        shares[index] += 1
    return shares
