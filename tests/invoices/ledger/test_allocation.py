"""For any invoice and any history of its money, every sum is exact after every step."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoices.ledger.allocation import Plan, plan_credit, plan_debit
from invoices.ledger.shares import shares_of
from invoices.ledger.standing import InstallmentStanding, Kind, Rate, Shares, Standing
from invoices.schedule.resharing import reshare
from invoices.schedule.splitting import InstallmentTooSmall
from tests.invoices.ledger.histories import Naive, Order, order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NORMAL_EXAMPLES, SLOW_EXAMPLES = 2_000, 200_000


def standing_of(made: Order) -> Standing:
    columns = zip(made.totals, made.installment_taxes, made.installment_fees, strict=True)
    return Standing(
        total_amount=made.total,
        installments=tuple(
            InstallmentStanding(
                id=100 + number, number=number, asked=Shares(total - tax - fee, tax, fee)
            )
            for number, (total, tax, fee) in enumerate(columns, start=1)
        ),
        rates=tuple(
            Rate(tax_rate=rate, asked_amount=amount) for rate, amount in made.taxes.items()
        ),
    )


def credit(standing: Standing, amount: int, asked_id: int | None = None, **more: object) -> Plan:
    asked = asked_id or next((p.id for p in standing.installments if p.due_amount), 101)
    return plan_credit(
        standing=standing,
        amount=amount,
        asked_id=asked,
        **{  # type: ignore[arg-type]
            "asked_amount": amount,
            "page_is_open": True,
            "paid_at": NOON,
            "now": NOON + timedelta(minutes=1),
            **more,
        },
    )


def adjusted(random: Random, standing: Standing) -> Standing:
    """Change what the unpaid instalments ask for, if that can be."""
    unpaid = [installment for installment in standing.installments if installment.due_amount]
    if not unpaid:
        return standing
    room = sum(installment.due_amount for installment in unpaid)
    cuts = sorted(random.randint(0, room) for _ in unpaid[1:])
    shares = [b - a for a, b in zip([0, *cuts], [*cuts, room], strict=True)]
    totals = {
        installment.number: installment.received.amount + share
        for installment, share in zip(unpaid, shares, strict=True)
    }
    if min(totals.values()) < 1:
        return standing
    try:
        new = dict(zip((p.id for p in unpaid), reshare(unpaid=unpaid, totals=totals), strict=True))
    except InstallmentTooSmall:
        assert not any(installment.received.amount for installment in unpaid)
        return standing
    return replace(
        standing,
        installments=tuple(
            replace(installment, asked=new.get(installment.id, installment.asked))
            for installment in standing.installments
        ),
    )


def check_rows(plan: Plan) -> None:
    """Check that the rows of a plan are what it says, and lead from before to after."""
    sign = 1 if plan.kind is Kind.PAYMENT else -1
    assert sum(row.amount for row in plan.rows) == plan.amount
    assert plan.amount * sign > 0
    for row in plan.rows:
        assert row.amount * sign > 0
        columns = (row.shares.net_amount, row.shares.tax_amount, row.shares.service_fee_amount)
        if row.installment_id is None:
            assert (columns, row.taxes) == ((0, 0, 0), ())
            continue
        assert sum(columns) == row.amount
        assert min(share * sign for share in columns) >= 0
        assert sum(tax for _, tax in row.taxes) == row.shares.tax_amount
        assert min((tax * sign for _, tax in row.taxes), default=0) >= 0
        before, after = (
            plan.before.installment(row.installment_id),
            plan.after.installment(row.installment_id),
        )
        moved = (
            before.refunded - after.refunded
            if plan.kind is Kind.REFUND
            else after.received - before.received
        )
        assert moved == row.shares


def check_margins(standing: Standing) -> None:
    """Check every margin: columns of each instalment, and each rate over the invoice."""
    for installment in standing.installments:
        for column in ("net_amount", "tax_amount", "service_fee_amount"):
            asked, received, refunded = (
                getattr(shares, column)
                for shares in (installment.asked, installment.received, installment.refunded)
            )
            assert 0 <= refunded <= received <= asked
        if installment.is_paid:
            assert installment.received == installment.asked
            assert installment.settled_at is not None
        else:
            assert installment.settled_at is None
    for rate in standing.rates:
        assert 0 <= rate.refunded_amount <= rate.received_amount <= rate.asked_amount
    received = sum(rate.received_amount for rate in standing.rates)
    assert received == sum(installment.received.tax_amount for installment in standing.installments)
    refunded = sum(rate.refunded_amount for rate in standing.rates)
    assert refunded == sum(installment.refunded.tax_amount for installment in standing.installments)
    assert standing.overpayment_amount >= 0
    assert 0 <= standing.refunded_amount <= standing.paid_amount
    held = (
        sum(installment.held.amount for installment in standing.installments)
        + standing.overpayment_amount
    )
    assert held == standing.paid_amount - standing.refunded_amount
    assert (standing.paid_at is not None) == (standing.status == "fully_paid")


def filled_by(rows: list[tuple[int | None, int]]) -> dict[int, int]:
    filled: dict[int, int] = {}
    for installment_id, amount in rows:
        if installment_id is not None:
            filled[installment_id] = filled.get(installment_id, 0) + amount
    return {installment_id: max(amount, 0) for installment_id, amount in filled.items()}


def play(seed: int, *, adjusts: bool, after_each: Callable[[Plan], None]) -> Standing:
    """Play a random history; return how the invoice stands at its end, after paying the rest."""
    random = Random(seed)  # noqa: S311  # a test's
    standing = standing_of(order(random))
    payments: list[list[tuple[int | None, int]]] = []
    acts = ["pay", "pay", "pay", "refund", "reversal"] + (["adjust"] if adjusts else [])
    for _ in range(random.randint(1, 14)):
        act = random.choice(acts)
        if act == "adjust":
            standing = adjusted(random, standing)
            check_margins(settled(standing))
            standing = settled(standing)
            continue
        if act == "pay":
            asked = random.choice(standing.installments)
            due = sum(installment.due_amount for installment in standing.installments)
            amount = random.choice(
                [asked.due_amount or 1, random.randint(1, due + 5), random.randint(1, 3)]
            )
            plan = credit(standing, amount, asked.id)
            payments.append([(row.installment_id, row.amount) for row in plan.rows])
        else:
            held = standing.paid_amount - standing.refunded_amount
            if not held:
                continue
            rows = random.choice(payments)
            left = min(held, sum(amount for _, amount in rows))
            if left <= 0:
                continue
            amount = random.choice([left, random.randint(1, left), min(left, 1)])
            plan = plan_debit(
                standing=standing, kind=Kind(act), amount=amount, filled=filled_by(rows)
            )
            rows += [(row.installment_id, row.amount) for row in plan.rows]
        check_rows(plan)
        check_margins(plan.after)
        after_each(plan)
        standing = plan.after
    due = sum(installment.due_amount for installment in standing.installments)
    if due:
        plan = credit(standing, due)
        check_rows(plan)
        check_margins(plan.after)
        after_each(plan)
        standing = plan.after
    return standing


def settled(standing: Standing) -> Standing:
    """Mark what an adjustment has lowered to what was paid into it, as posting does."""
    return replace(
        standing,
        installments=tuple(
            replace(installment, settled_at=NOON)
            if installment.is_paid and not installment.settled_at
            else installment
            for installment in standing.installments
        ),
    )


def check_history(seed: int) -> None:
    """Check a history without adjustments against the naive transcription, row by row."""
    naive = Naive(order(Random(seed)))  # noqa: S311  # the same draw as below

    def compare(plan: Plan) -> None:
        for row in plan.rows:
            if row.installment_id is not None:
                tax, by_rate = naive.move(str(plan.kind), row.installment_id - 101, abs(row.amount))
                assert abs(row.shares.tax_amount) == tax
                assert {rate: abs(amount) for rate, amount in row.taxes} == by_rate

    standing = play(seed, adjusts=False, after_each=compare)
    check_paid(standing)


def check_adjusted_history(seed: int) -> None:
    check_paid(play(seed, adjusts=True, after_each=lambda plan: None))


def check_paid(standing: Standing) -> None:
    """Check that a paid invoice's columns and rates are those of its lines."""
    assert standing.status == "fully_paid"
    assert all(installment.received == installment.asked for installment in standing.installments)
    assert all(rate.received_amount == rate.asked_amount for rate in standing.rates)


SEEDS = st.integers(0, 2**48)
normal = settings(max_examples=NORMAL_EXAMPLES, deadline=None, database=None)
slow = settings(
    max_examples=SLOW_EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


class TestAnyHistory:
    @normal
    @given(SEEDS)
    def test_follows_the_rule_to_the_unit(self, seed: int) -> None:
        check_history(seed)

    @normal
    @given(SEEDS)
    def test_with_adjustments_stays_exact(self, seed: int) -> None:
        check_adjusted_history(seed)

    @pytest.mark.slow
    @slow
    @given(SEEDS)
    def test_follows_the_rule_in_many_more(self, seed: int) -> None:
        check_history(seed)

    @pytest.mark.slow
    @slow
    @given(SEEDS)
    def test_with_adjustments_stays_exact_in_many_more(self, seed: int) -> None:
        check_adjusted_history(seed)


class TestTheExampleOfThreeRates:
    """MYR, lines of 10.01 at 6 %, 3 x 7.77 at 10 % and 0.05 at 0 %, in three instalments."""

    def test_reports_the_tax_of_its_lines(self) -> None:
        taxes = {Decimal(0): 0, Decimal("0.06"): 60, Decimal("0.1"): 233}
        total = 1001 + 2331 + 5 + 293
        installments = [total // 3, total // 3, total - 2 * (total // 3)]
        shares = [293 * installment // total for installment in installments[:2]]
        made = Order(taxes, 3337, 0, installments, [*shares, 293 - sum(shares)], [0, 0, 0])
        standing = standing_of(made)
        sums: dict[Decimal, int] = {}

        for installment in installments:
            plan = credit(standing, installment)
            standing = plan.after
            for rate, amount in plan.rows[0].taxes:
                sums[rate] = sums.get(rate, 0) + amount

        assert sums == taxes
        assert standing.status == "fully_paid"


class TestAPieceOfMoney:
    """An instalment of MYR 1 089.99 with tax 60.00 and fee 30.00 (spec 3.3)."""

    INSTALLMENT = InstallmentStanding(id=1, number=1, asked=Shares(99_999, 6_000, 3_000))

    def test_has_its_shares_of_tax_and_fee_rounded_down(self) -> None:
        shares = shares_of(self.INSTALLMENT, Kind.PAYMENT, 50_000)

        assert shares == Shares(45_872, 2_752, 1_376)

    def test_that_completes_the_installment_takes_what_is_left(self) -> None:
        half = shares_of(self.INSTALLMENT, Kind.PAYMENT, 50_000)

        rest = shares_of(replace(self.INSTALLMENT, received=half), Kind.PAYMENT, 58_999)

        assert half + rest == self.INSTALLMENT.asked

    def test_leaves_no_negative_share_to_a_last_unit(self) -> None:
        almost = shares_of(self.INSTALLMENT, Kind.PAYMENT, 108_998)

        last = shares_of(replace(self.INSTALLMENT, received=almost), Kind.PAYMENT, 1)

        assert (almost, last) == (Shares(99_999, 5_999, 3_000), Shares(0, 1, 0))

    def test_that_is_refunded_carries_its_shares(self) -> None:
        paid = replace(self.INSTALLMENT, received=self.INSTALLMENT.asked)

        assert shares_of(paid, Kind.REFUND, 100) == Shares(93, 5, 2)
