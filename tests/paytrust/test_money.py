from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paytrust.money import EXPONENTS, MAX_AMOUNT, Money, allocate, minor_units, round_half_up

TOTALS = st.integers(min_value=0, max_value=MAX_AMOUNT)
WEIGHTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=12).filter(any)


class TestAllocate:
    @given(total=TOTALS, weights=WEIGHTS)
    @example(total=100_000, weights=[1, 1, 1])
    def test_loses_nothing_and_only_the_last_share_rounds_up(
        self, total: int, weights: list[int]
    ) -> None:
        shares = allocate(total, weights)

        assert sum(shares) == total
        for share, weight in zip(shares[:-1], weights[:-1], strict=True):
            assert share == total * weight // sum(weights)
        assert shares[-1] >= total * weights[-1] // sum(weights)

    @pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [2, -1]])
    def test_refuses_weights_without_a_meaning(self, weights: list[int]) -> None:
        with pytest.raises(ValueError, match="cannot allocate"):
            allocate(10, weights)


class TestMinorUnits:
    @given(minor=st.integers(-MAX_AMOUNT, MAX_AMOUNT), currency=st.sampled_from(sorted(EXPONENTS)))
    def test_whole_currency_there_and_back_is_the_same_amount(
        self, minor: int, currency: str
    ) -> None:
        assert minor_units(Money(minor, currency).whole(), currency) == minor

    @pytest.mark.parametrize(
        ("amount", "currency", "minor"),
        [
            ("120.55", "MYR", 12055),
            ("120.5", "MYR", 12050),
            ("50000.00", "IDR", 50000),
            ("1E+3", "IDR", 1000),
            ("70000", "IDR", 70000),
            ("0", "USD", 0),
        ],
    )
    def test_reads_exactly(self, amount: str, currency: str, minor: int) -> None:
        assert minor_units(Decimal(amount), currency) == minor

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [
            ("0.001", "MYR"),
            ("0.5", "IDR"),
            ("50.000", "IDR"),
            ("1.230", "USD"),
            ("NaN", "IDR"),
            ("Infinity", "USD"),
            ("1E+400", "IDR"),
            ("1E-1000000", "MYR"),
            (f"1.{'0' * 250}1", "MYR"),
            ("90071992547409.92", "MYR"),
            ("9007199254740992", "IDR"),
        ],
    )
    def test_refuses_what_the_currency_cannot_hold(self, amount: str, currency: str) -> None:
        with pytest.raises(ValueError, match=r"amount|decimals"):
            minor_units(Decimal(amount), currency)

    def test_holds_the_largest_amount(self) -> None:
        assert minor_units(Decimal("90071992547409.91"), "MYR") == MAX_AMOUNT


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0.5", 1), ("1.5", 2), ("2.4999", 2), ("5999.94", 6000), ("0", 0)]
)
def test_halves_round_up(amount: str, rounded: int) -> None:
    assert round_half_up(Decimal(amount)) == rounded


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1205500, "MYR"), "MYR 12,055.00"),
        (Money(150000, "IDR"), "IDR 150,000"),
        (Money(5, "USD"), "USD 0.05"),
    ],
)
def test_reads_as_people_write_it(money: Money, text: str) -> None:
    assert str(money) == text
