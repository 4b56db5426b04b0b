from decimal import Decimal

import pytest
from django import forms
from django.utils import translation

from paytrust.staff.amounts import AmountField, NumberField


def field(currency: str) -> AmountField:
    made = AmountField()
    made.currency_code = currency
    return made


class TestAmountField:
    @pytest.mark.parametrize(
        ("language", "currency", "typed", "minor"),
        [
            ("id", "IDR", "50.000", 50_000),
            ("id", "MYR", "120,50", 12_050),
            ("id", "MYR", "50.000", 5_000_000),
            ("en", "MYR", "1,000.50", 100_050),
            ("ms", "IDR", "Rp 14,466,500", 14_466_500),
            ("en", "IDR", "50000.00", 50_000),
        ],
    )
    def test_gives_minor_units(self, language: str, currency: str, typed: str, minor: int) -> None:
        with translation.override(language):
            assert field(currency).clean(typed) == minor

    @pytest.mark.parametrize(
        ("language", "currency", "typed", "why"),
        [
            ("en", "IDR", "50.000", "IDR has 0 decimals, and this has more."),
            ("en", "MYR", "50.000", "MYR has 2 decimals, and this has more."),
            ("id", "IDR", "50,5", "IDR memiliki 0 desimal, sedangkan angka ini lebih."),
            (
                "en",
                "MYR",
                "120,50",
                "This cannot be read as an amount. Write it like 1,234,567.89.",
            ),
            (
                "id",
                "MYR",
                "120.50",
                "Jumlah ini tidak dapat dibaca. Tulis seperti 1.234.567,89.",
            ),
        ],
    )
    def test_refuses_what_may_mean_another_amount(
        self, language: str, currency: str, typed: str, why: str
    ) -> None:
        with translation.override(language), pytest.raises(forms.ValidationError) as refused:
            field(currency).clean(typed)

        assert refused.value.messages == [why]

    def test_shows_an_amount_as_it_can_be_typed_back(self) -> None:
        with translation.override("id"):
            assert field("MYR").prepare_value(Decimal("1250.50")) == "1.250,50"

    def test_keeps_what_was_typed(self) -> None:
        assert field("MYR").prepare_value("12,,5") == "12,,5"


class TestNumberField:
    def test_reads_a_rate_as_the_reader_writes_it(self) -> None:
        with translation.override("id"):
            assert NumberField().clean("2,75") == Decimal("2.75")
