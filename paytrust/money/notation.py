"""How people write amounts: `Rp 14.466.500` in Indonesian, `Rp 14,466,500` in English and Malay."""

import re
from dataclasses import dataclass
from decimal import Decimal

from paytrust.money import Money

SYMBOLS = {"IDR": "Rp", "MYR": "RM", "USD": "US$"}
SPACE = "\N{NO-BREAK SPACE}"  # an amount is never broken between its symbol and its digits
SPACES = " \t\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Notation:
    """The marks that a language puts into numbers."""

    thousands: str
    decimals: str

    def number(self, number: Decimal | int) -> str:
        """Write a number: 1234.50 is `1.234,50` in Indonesian."""
        marks = {ord(","): self.thousands, ord("."): self.decimals}
        return f"{number:,}".translate(marks)

    def written(self, money: Money) -> str:
        """Write an amount with its symbol and all its decimals; a minus comes first."""
        sign = "-" if money.minor < 0 else ""
        return f"{sign}{SYMBOLS[money.currency]}{SPACE}{self.number(abs(money.whole()))}"

    def read(self, text: str, *, currency: str | None = None) -> Decimal:
        """Read a number as this language writes it, with or without marks of thousands.

        The currency's symbol or code may stand before it. A mark at any other place than after
        three digits is refused, so `1.000` is never read as one by a reader to whom it is a
        thousand, and the other way round.

        Raises:
            ValueError: the text is no number in this notation.
        """
        digits = _without_symbol(text.strip(SPACES), currency)
        thousands, decimals = re.escape(self.thousands), re.escape(self.decimals)
        whole = rf"(?:[0-9]{{1,3}}(?:{thousands}[0-9]{{3}})+|[0-9]+)"
        if not re.fullmatch(rf"{whole}(?:{decimals}[0-9]+)?", digits, re.ASCII):
            raise ValueError(f"{text!r} is no number of this notation")
        return Decimal(digits.replace(self.thousands, "").replace(self.decimals, "."))


ENGLISH = Notation(",", ".")
INDONESIAN = Notation(".", ",")
NOTATIONS = {"en": ENGLISH, "ms": ENGLISH, "id": INDONESIAN}


def of_language(code: str | None) -> Notation:
    """Return the notation of a language, such as `id` or `en-gb`; English for any other."""
    return NOTATIONS.get((code or "").partition("-")[0], ENGLISH)


def _without_symbol(text: str, currency: str | None) -> str:
    for name in filter(None, (currency, SYMBOLS.get(currency or ""))):
        if text.casefold().startswith(name.casefold()):
            return text[len(name) :].lstrip(SPACES)
    return text
