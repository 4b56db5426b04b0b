from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paytrust.money import EXPONENTS, MAX_AMOUNT, Money, notation
from paytrust.money.notation import ENGLISH, INDONESIAN, Notation


class TestWritten:
    @pytest.mark.parametrize(
        ("language", "money", "text"),
        [
            ("id", Money(14_466_500, "IDR"), "Rp 14.466.500"),
            ("en", Money(14_466_500, "IDR"), "Rp 14,466,500"),
            ("en-gb", Money(125_050, "MYR"), "RM 1,250.50"),
            ("ms", Money(125_050, "MYR"), "RM 1,250.50"),
            ("id", Money(-125_050, "USD"), "-US$ 1.250,50"),
            ("fr", Money(100_000, "IDR"), "Rp 100,000"),
            (None, Money(0, "MYR"), "RM 0.00"),
        ],
    )
    def test_follows_the_language(self, language: str | None, money: Money, text: str) -> None:
        written = notation.of_language(language).written(money)

        assert written == text.replace(" ", "\N{NO-BREAK SPACE}")


class TestRead:
    @pytest.mark.parametrize(
        ("marks", "text", "number"),
        [
            (INDONESIAN, "50.000", "50000"),
            (INDONESIAN, "120,50", "120.50"),
            (INDONESIAN, "1.000,5", "1000.5"),
            (ENGLISH, "1,000.50", "1000.50"),
            (ENGLISH, "1000.50", "1000.50"),
            (ENGLISH, "50.000", "50.000"),
            (ENGLISH, " 7 ", "7"),
        ],
    )
    def test_takes_marks_where_they_belong(self, marks: Notation, text: str, number: str) -> None:
        assert str(marks.read(text)) == number

    @pytest.mark.parametrize(
        ("marks", "text"),
        [
            (ENGLISH, "120,50"),
            (ENGLISH, "1.000.000"),
            (ENGLISH, "1,00,000"),
            (ENGLISH, "1000,000"),
            (INDONESIAN, "120.50"),
            (INDONESIAN, "1,000.50"),
            (INDONESIAN, "1,000,000"),
            (INDONESIAN, "5.0000"),
            *[
                (marks, bad)
                for marks in (ENGLISH, INDONESIAN)
                for bad in ("", "1e3", "-1", "\u0667")
            ],
        ],
    )
    def test_refuses_what_another_language_would_mean(self, marks: Notation, text: str) -> None:
        with pytest.raises(ValueError, match="no number of this notation"):
            marks.read(text)

    @pytest.mark.parametrize(
        "text", ["Rp 50.000", "Rp\N{NO-BREAK SPACE}50.000", "rp50.000", "IDR 50.000"]
    )
    def test_takes_the_symbol_of_its_currency_alone(self, text: str) -> None:
        assert INDONESIAN.read(text, currency="IDR") == 50_000
        with pytest.raises(ValueError, match="no number"):
            INDONESIAN.read(text, currency="MYR")

    @given(
        minor=st.integers(0, MAX_AMOUNT),
        currency=st.sampled_from(sorted(EXPONENTS)),
        language=st.sampled_from(sorted(notation.NOTATIONS)),
    )
    def test_reads_what_was_written(self, minor: int, currency: str, language: str) -> None:
        money, marks = Money(minor, currency), notation.of_language(language)

        assert marks.read(marks.written(money), currency=currency) == money.whole()

    @given(minor=st.integers(0, MAX_AMOUNT), currency=st.sampled_from(sorted(EXPONENTS)))
    def test_never_takes_another_languages_amount_for_another_amount(
        self, minor: int, currency: str
    ) -> None:
        money = Money(minor, currency)

        for writer, reader in ((ENGLISH, INDONESIAN), (INDONESIAN, ENGLISH)):
            try:
                read = reader.read(writer.number(money.whole()))
            except ValueError:
                continue
            assert read == money.whole() or _decimals(read) > 2


def _decimals(number: Decimal) -> int:
    return -int(number.as_tuple().exponent)
