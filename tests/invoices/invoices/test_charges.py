from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.invoices.charges import Charges, Fee, Line, charge

NO_FEE = Fee(percentage=Decimal(0), fixed_amount=0)
RATES = st.decimals(0, 1, places=4)
QUANTITIES = st.integers(1, 1000) | st.decimals(Decimal("0.001"), 1000, places=3)


@st.composite
def any_line(draw: st.DrawFn) -> Line:
    quantity, unit_amount, rate = draw(QUANTITIES), draw(st.integers(0, 10**9)), draw(RATES)
    gross = Line(quantity, unit_amount, rate).gross_amount
    return Line(quantity, unit_amount, rate, draw(st.just(0) | st.integers(0, gross)))


LINES = st.lists(any_line(), min_size=1, max_size=50)


def half_up(exact: Fraction) -> int:
    """The rule, written a second time: halves go up, and nothing here is negative."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


class TestCharge:
    def test_the_example_of_the_specification(self) -> None:
        lines = [Line(quantity=2, unit_amount=99999, tax_rate=Decimal("0.06"))]

        charged = charge(lines=lines, fee=Fee(percentage=Decimal(3), fixed_amount=0))

        assert charged == Charges(199998, 12000, 6000)
        assert charged.total_amount == 217998

    @pytest.mark.parametrize(
        ("unit_amount", "rate", "tax"),
        [(50, "0.01", 1), (49, "0.01", 0), (150, "0.01", 2), (1, "0.27", 0), (2, "0.25", 1)],
    )
    def test_tax_rounds_half_up_per_line(self, unit_amount: int, rate: str, tax: int) -> None:
        line = Line(quantity=1, unit_amount=unit_amount, tax_rate=Decimal(rate))

        assert charge(lines=[line, line], fee=NO_FEE).total_tax_amount == 2 * tax

    @pytest.mark.parametrize(
        ("quantity", "unit_amount", "gross"),
        [
            ("1.5", 999, 1499),  # 1498.5
            ("0.25", 2, 1),  # 0.5
            ("0.249", 2, 0),  # 0.498
            ("1.005", 100, 101),  # 100.5, which is no float
            ("0.001", 499, 0),
            ("0.001", 500, 1),
            ("2.000", 7, 14),
        ],
    )
    def test_a_fraction_of_a_unit_rounds_half_up(
        self, quantity: str, unit_amount: int, gross: int
    ) -> None:
        line = Line(Decimal(quantity), unit_amount, Decimal(0))

        assert line.gross_amount == line.subtotal_amount == gross

    def test_a_discount_lowers_what_is_taxed_and_what_the_fee_is_on(self) -> None:
        line = Line(Decimal("1.5"), 10_000, Decimal("0.1"), discount_amount=5_000)

        charged = charge(lines=[line], fee=Fee(percentage=Decimal(10), fixed_amount=0))

        assert charged == Charges(10_000, 1_000, 1_000)

    def test_a_discount_of_everything_leaves_nothing(self) -> None:
        line = Line(3, 10_000, Decimal("0.1"), discount_amount=30_000)

        assert charge(lines=[line], fee=NO_FEE) == Charges(0, 0, 0)

    def test_tax_is_not_charged_on_the_fee(self) -> None:
        lines = [Line(quantity=1, unit_amount=10_000, tax_rate=Decimal("0.1"))]

        charged = charge(lines=lines, fee=Fee(percentage=Decimal(10), fixed_amount=500))

        assert charged == Charges(10_000, 1_000, 1_500)

    @given(lines=LINES, percentage=st.decimals(0, 100, places=4), fixed=st.integers(0, 10**6))
    def test_is_the_rule_in_fractions(
        self, lines: list[Line], percentage: Decimal, fixed: int
    ) -> None:
        subtotals = [
            half_up(Fraction(line.quantity) * line.unit_amount) - line.discount_amount
            for line in lines
        ]
        taxes = [
            half_up(subtotal * Fraction(line.tax_rate))
            for subtotal, line in zip(subtotals, lines, strict=True)
        ]
        fee = half_up(sum(subtotals) * Fraction(percentage) / 100) + fixed

        charged = charge(lines=lines, fee=Fee(percentage=percentage, fixed_amount=fixed))

        assert [line.subtotal_amount for line in lines] == subtotals
        assert [line.tax_amount for line in lines] == taxes
        assert charged == Charges(sum(subtotals), sum(taxes), fee)
        assert charged.total_amount == sum(subtotals) + sum(taxes) + fee

    @given(line=any_line())
    def test_nothing_of_a_line_is_negative_or_more_than_its_price(self, line: Line) -> None:
        exact = line.quantity * Decimal(line.unit_amount)

        assert 0 <= line.tax_amount <= line.subtotal_amount <= line.gross_amount
        assert line.subtotal_amount + line.discount_amount == line.gross_amount
        assert abs(line.gross_amount - exact) <= Decimal("0.5")
        assert line.gross_amount >= exact.to_integral_value(ROUND_FLOOR)
