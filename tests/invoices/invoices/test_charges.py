from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.invoices.charges import Charges, Fee, Line, charge

NO_FEE = Fee(percentage=Decimal(0), fixed_amount=0)
RATES = st.decimals(0, 1, places=4)
LINES = st.lists(
    st.builds(
        Line, quantity=st.integers(1, 1000), unit_amount=st.integers(0, 10**9), tax_rate=RATES
    ),
    min_size=1,
    max_size=50,
)


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

    def test_tax_is_not_charged_on_the_fee(self) -> None:
        lines = [Line(quantity=1, unit_amount=10_000, tax_rate=Decimal("0.1"))]

        charged = charge(lines=lines, fee=Fee(percentage=Decimal(10), fixed_amount=500))

        assert charged == Charges(10_000, 1_000, 1_500)

    @given(lines=LINES, percentage=st.decimals(0, 100, places=4), fixed=st.integers(0, 10**6))
    def test_the_total_is_its_columns(
        self, lines: list[Line], percentage: Decimal, fixed: int
    ) -> None:
        charged = charge(lines=lines, fee=Fee(percentage=percentage, fixed_amount=fixed))

        assert charged.subtotal_amount == sum(line.quantity * line.unit_amount for line in lines)
        assert charged.total_amount == (
            charged.subtotal_amount + charged.total_tax_amount + charged.total_service_fee_amount
        )
        for line in lines:  # never more than half a unit away from the exact tax
            assert abs(line.tax_amount - line.subtotal_amount * line.tax_rate) <= Decimal("0.5")
