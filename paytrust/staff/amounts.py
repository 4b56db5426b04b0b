"""Amounts as staff type them."""

import re
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError

PLAIN = re.compile(r"\s*[0-9]+(\.[0-9]+)?\s*", re.ASCII)


class AmountField(forms.DecimalField):
    """Whole currency in plain digits: no exponent, no thousands separators, one decimal point."""

    def to_python(self, value: object) -> Decimal | None:  # type: ignore[override]  # as DecimalField
        if value not in self.empty_values and not PLAIN.fullmatch(str(value)):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)
