"""Amounts in whole currency, as both gateways write them."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation

DECIMALS = {"IDR": 0, "VND": 0, "PHP": 2, "THB": 2, "MYR": 2, "USD": 2}
CENT = Decimal("0.01")


class InvalidAmount(ValueError):
    """The text is not an amount of that currency."""


def stored(amount: Decimal, currency: str) -> Decimal:
    """Return the amount as the gateway stores it: rupiah and dong lose their decimals."""
    if DECIMALS[currency] == 0:
        return amount.to_integral_value(rounding=ROUND_DOWN)
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def presented(amount: Decimal) -> int | Decimal:
    """Return the shortest JSON number: 120.50 is 120.5 and 120.00 is 120."""
    if amount == amount.to_integral_value():
        return int(amount)
    return amount.normalize()


def read(text: str, currency: str) -> Decimal:
    """Read an amount that a person or a program has written.

    Raises:
        InvalidAmount: not a positive number, or more decimals than the currency has.
    """
    try:
        amount = Decimal(text)
        exact = amount.is_finite() and amount > 0 and stored(amount, currency) == amount
    except InvalidOperation as error:
        raise InvalidAmount(f"{text!r} is not an amount") from error
    if not exact:
        raise InvalidAmount(f"{text!r} is not an amount in {currency}")
    return amount
