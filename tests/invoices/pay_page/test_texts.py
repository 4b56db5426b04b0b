import re
from dataclasses import fields
from datetime import UTC, datetime
from string import Formatter
from typing import Any

import pytest

from invoices.pay_page.texts import ENGLISH, INDONESIAN, Texts
from paytrust.money import Money


def placeholders(text: object) -> object:
    """Return what a text, or each text inside it, has filled in."""
    if isinstance(text, str):
        return {name for _, name, _, _ in Formatter().parse(text) if name}
    if isinstance(text, dict):
        return {key: placeholders(value) for key, value in text.items()}
    if isinstance(text, tuple):
        return set().union(*(placeholders(value) for value in text))  # type: ignore[arg-type]
    return text


class TestTexts:
    @pytest.mark.parametrize("name", [field.name for field in fields(Texts)])
    def test_both_languages_say_the_same_things(self, name: str) -> None:
        english: Any = getattr(ENGLISH, name)
        indonesian: Any = getattr(INDONESIAN, name)

        if name not in {"code", "language", "months", "notation"}:
            assert placeholders(indonesian) == placeholders(english)
        if isinstance(english, tuple):
            assert len(indonesian) == len(english)
        if name == "steps":
            assert [len(one) for one in indonesian.values()] == [
                len(one) for one in english.values()
            ]

    @pytest.mark.parametrize(
        ("texts", "money", "written"),
        [
            (ENGLISH, Money(1_234_567, "IDR"), "Rp 1,234,567"),
            (INDONESIAN, Money(1_234_567, "IDR"), "Rp 1.234.567"),
            (ENGLISH, Money(12_055, "MYR"), "RM 120.55"),
            (INDONESIAN, Money(112_055, "MYR"), "RM 1.120,55"),
            (ENGLISH, Money(5, "USD"), "US$ 0.05"),
            (ENGLISH, Money(9_007_199_254_740_991, "USD"), "US$ 90,071,992,547,409.91"),
        ],
    )
    def test_writes_amounts_exactly(self, texts: Texts, money: Money, written: str) -> None:
        assert re.sub(r"\s", " ", texts.money(money)) == written

    @pytest.mark.parametrize("zone", ["UTC", "Asia/Jakarta", "America/New_York"])
    @pytest.mark.parametrize(
        ("texts", "currency", "written"),
        [
            (ENGLISH, "IDR", "16 May 2026, 00:05 WIB"),
            (INDONESIAN, "IDR", "16 Mei 2026, 00:05 WIB"),
            (ENGLISH, "MYR", "16 May 2026, 01:05 MYT"),
            (ENGLISH, "USD", "15 May 2026, 17:05 UTC"),
        ],
    )
    def test_tells_the_time_by_the_customers_clock(
        self, monkeypatch: pytest.MonkeyPatch, zone: str, texts: Texts, currency: str, written: str
    ) -> None:
        monkeypatch.setenv("TZ", zone)

        assert texts.moment(datetime(2026, 5, 15, 17, 5, tzinfo=UTC), currency) == written
