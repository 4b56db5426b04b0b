from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.invoices.charges import Charges
from invoices.schedule import splitting
from invoices.schedule.splitting import (
    InstallmentAmounts,
    InstallmentTooSmall,
    InvalidInstallments,
    Unpaid,
)

MORNING = datetime(2026, 11, 22, 9, tzinfo=UTC)


class TestPlan:
    def test_the_example_of_the_specification(self) -> None:
        installments = splitting.plan(
            charges=Charges(199998, 12000, 6000), count=2, custom_amounts=None
        )

        assert installments == [
            InstallmentAmounts(1, 108999, 6000, 3000),
            InstallmentAmounts(2, 108999, 6000, 3000),
        ]
        assert [installment.net_amount for installment in installments] == [99999, 99999]

    def test_equal_installments_round_down_and_the_last_takes_the_rest(self) -> None:
        installments = splitting.plan(charges=Charges(100, 0, 0), count=3, custom_amounts=None)

        assert [installment.total_amount for installment in installments] == [33, 33, 34]

    def test_the_last_installment_takes_the_rest_of_custom_amounts(self) -> None:
        installments = splitting.plan(charges=Charges(90, 10, 0), count=3, custom_amounts=[50, 20])

        assert [installment.total_amount for installment in installments] == [50, 20, 30]

    @pytest.mark.parametrize("custom", [[50, 20, 31], [50, 20, 29], [50], [10] * 4])
    def test_refuses_amounts_that_do_not_fit(self, custom: list[int]) -> None:
        with pytest.raises(InvalidInstallments):
            splitting.plan(charges=Charges(100, 0, 0), count=3, custom_amounts=custom)

    @pytest.mark.parametrize("custom", [[100, 0, 0], [50, 50], [60, 50], [-1, 51, 50]])
    def test_refuses_an_installment_below_one(self, custom: list[int]) -> None:
        with pytest.raises(InstallmentTooSmall):
            splitting.plan(charges=Charges(100, 0, 0), count=3, custom_amounts=custom)

    def test_refuses_an_installment_smaller_than_its_own_tax_and_fee(self) -> None:
        # 99 x 50 // 100 = 49 and 1 x 50 // 100 = 0, so the last of 1 would have 1 + 1.
        with pytest.raises(InstallmentTooSmall, match="instalment 2 of 1"):
            splitting.split(totals={1: 99, 2: 1}, tax_amount=50, service_fee_amount=50)

    @given(
        columns=st.tuples(*[st.integers(0, 10**12)] * 3).filter(lambda c: sum(c) >= 12),
        count=st.integers(1, 12),
    )
    def test_the_four_columns_sum_to_the_invoice(
        self, columns: tuple[int, int, int], count: int
    ) -> None:
        charges = Charges(*columns)
        try:
            installments = splitting.plan(charges=charges, count=count, custom_amounts=None)
        except InstallmentTooSmall:
            return

        assert sum(installment.total_amount for installment in installments) == charges.total_amount
        assert (
            sum(installment.tax_amount for installment in installments) == charges.total_tax_amount
        )
        assert (
            sum(installment.service_fee_amount for installment in installments)
            == charges.total_service_fee_amount
        )
        assert (
            sum(installment.net_amount for installment in installments) == charges.subtotal_amount
        )
        for installment in installments[:-1]:
            assert installment.tax_amount == (
                charges.total_tax_amount * installment.total_amount // charges.total_amount
            )


class TestDueDates:
    def test_every_two_weeks_at_midnight_utc(self) -> None:
        due = splitting.due_dates(count=2, created_at=MORNING, interval_days=14, given=None)

        assert due == [datetime(2026, 12, 6, tzinfo=UTC), datetime(2026, 12, 20, tzinfo=UTC)]

    @pytest.mark.parametrize("days", [[2, 1], [1, 1], [0, 1], [-1, 1], [1], [1, 2, 3]])
    def test_refuses_dates_that_do_not_run_forward(self, days: list[int]) -> None:
        given_dates = [MORNING + timedelta(days=day) for day in days]

        with pytest.raises(InvalidInstallments):
            splitting.due_dates(count=2, created_at=MORNING, interval_days=14, given=given_dates)


class TestAdjustedTotals:
    unpaid = (Unpaid(2, 100, 0), Unpaid(3, 200, 50), Unpaid(4, 300, 0))

    def test_all_named_must_sum_to_the_balance(self) -> None:
        named = {2: 250, 3: 250, 4: 100}

        assert splitting.adjusted_totals(unpaid=self.unpaid, named=named) == [250, 250, 100]

    def test_the_rest_is_spread_in_proportion_and_the_last_absorbs(self) -> None:
        # 599 over weights 200 and 300 is 239.6 and 359.4
        assert splitting.adjusted_totals(unpaid=self.unpaid, named={2: 1}) == [1, 239, 360]

    @pytest.mark.parametrize(
        "named",
        [
            {2: 250, 3: 250, 4: 101},
            {2: 250, 3: 250, 4: 99},
            {1: 10},
            {5: 10},
            {3: 49},
            {2: 601},
        ],
    )
    def test_refuses_what_does_not_fit(self, named: dict[int, int]) -> None:
        with pytest.raises(InvalidInstallments):
            splitting.adjusted_totals(unpaid=self.unpaid, named=named)

    @pytest.mark.parametrize("named", [{2: 0}, {2: -1}, {2: 600}])
    def test_refuses_an_installment_below_one(self, named: dict[int, int]) -> None:
        with pytest.raises(InstallmentTooSmall):
            splitting.adjusted_totals(unpaid=self.unpaid, named=named)
