"""Amounts as staff type them: in the notation in which the page shows them."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextInputWidget

from paytrust.money import EXPONENTS, Money, minor_units, notation


def readers_notation() -> notation.Notation:
    """Return the notation of the reader's language."""
    return notation.of_language(get_language())


class NumberField(forms.DecimalField):
    """A number in the reader's notation, without an exponent or a sign."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  # as DecimalField
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(**{"widget": UnfoldAdminTextInputWidget(attrs=attrs), **options})

    def to_python(self, value: object) -> Decimal | None:  # type: ignore[override]  # as DecimalField
        if value in self.empty_values or isinstance(value, Decimal):
            return super().to_python(value)
        try:
            return super().to_python(readers_notation().read(str(value)))
        except ValueError as error:
            raise ValidationError(self._unreadable(), code="invalid") from error

    def prepare_value(self, value: object) -> object:
        """Return a number as the reader writes it; what the reader typed stays as it is."""
        return readers_notation().number(value) if isinstance(value, Decimal) else value

    def _unreadable(self) -> str:
        example = readers_notation().number(Decimal("1234.5"))
        return _("This cannot be read as a number. Write it like %(example)s.") % {
            "example": example
        }


class AmountField(NumberField):
    """Whole currency in the reader's notation; the form gets minor units.

    A form sets `currency_code` on its field before it reads anything.
    """

    currency_code: str

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  # as DecimalField
        super().__init__(**{"max_digits": 18, **options})

    def to_python(self, value: object) -> Decimal | None:  # type: ignore[override]  # as DecimalField
        if value in self.empty_values:
            return None
        try:
            return readers_notation().read(str(value), currency=self.currency_code)
        except ValueError as error:
            raise ValidationError(self._unreadable(), code="invalid") from error

    def clean(self, value: object) -> int | None:
        """Return the amount in minor units, or None where nothing was typed.

        Raises:
            ValidationError: not an amount of the currency in the reader's notation.
        """
        whole = super().clean(value)
        if whole is None:
            return None
        try:
            return minor_units(whole, self.currency_code)
        except ValueError as error:
            raise ValidationError(self._too_fine(), code="too_fine") from error

    def _unreadable(self) -> str:
        shown = readers_notation().number(Money(123_456_789, self.currency_code).whole())
        return _("This cannot be read as an amount. Write it like %(example)s.") % {
            "example": shown
        }

    def _too_fine(self) -> str:
        return _("%(currency)s has %(decimals)s decimals, and this has more.") % {
            "currency": self.currency_code,
            "decimals": EXPONENTS[self.currency_code],
        }
