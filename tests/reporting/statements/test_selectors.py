"""Statements compared with a simple recount, with days closed and open, in any zone."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporting.financial import rollups, selectors
from reporting.statements.selectors import Moved, Statement, monthly_statements
from tests.apikeys.factories import TenantFactory
from tests.reporting.financial.test_rollups import undone
from tests.reporting.ledger import FIRST, MOVES, Move, Piece, book

pytestmark = pytest.mark.django_db

ZONES = st.sampled_from(["UTC", "Asia/Jakarta", "America/New_York"]).map(ZoneInfo)
LATER = FIRST + timedelta(days=100)


def moved(moves: Sequence[Move]) -> Moved:
    """Add moves up one by one."""
    found = Moved()
    for move in moves:
        found.transaction_count += 1
        found.service_fee_amount += move.sign * sum(piece.fee for piece in move.pieces)
        if move.kind == "payment":
            found.receipt_amount += move.amount
            found.overpayment_amount += move.overpayment
        elif move.kind == "refund":
            found.refund_amount += move.amount
        else:
            found.reversal_amount += move.amount
    return found


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    moves=MOVES,
    zone=ZONES,
    month=st.sampled_from([2, 3, 4]),
    shift=st.integers(-12, 12),
    closed_days=st.integers(0, 40),
)
def test_any_month_equals_a_recount_whatever_is_closed(
    moves: list[Move], zone: ZoneInfo, month: int, shift: int, closed_days: int
) -> None:
    moves = [
        Move(**{**vars(move), "booked_at": move.booked_at + timedelta(days=shift)})
        for move in moves
    ]
    with undone():
        tenant, stranger = TenantFactory.create(), TenantFactory.create()
        book(tenant, moves)
        book(stranger, moves[:3])
        rollups.close_days(now=FIRST + timedelta(days=closed_days))

        statements = monthly_statements(
            tenant=tenant, first=date(2026, month, 1), zone=zone, now=LATER
        )

        until = date(2026, month + 1, 1)
        before = [move for move in moves if day_of(move, zone) < until]
        assert [made.currency_code for made in statements] == sorted(
            {move.currency_code for move in before}
        )
        for made in statements:
            own = [move for move in before if move.currency_code == made.currency_code]
            check(made, own, date(2026, month, 1), zone)


def check(made: Statement, own: list[Move], first: date, zone: ZoneInfo) -> None:
    balance = sum(move.sign * move.amount for move in own if day_of(move, zone) < first)
    assert made.opening_amount == balance
    for day, shown, after in made.balances():
        on_day = [move for move in own if day_of(move, zone) == day]
        balance += sum(move.sign * move.amount for move in on_day)
        assert (shown, after) == (moved(on_day), balance)
    in_month = [move for move in own if day_of(move, zone) >= first]
    assert (made.month, made.closing_amount) == (moved(in_month), balance)


def day_of(move: Move, zone: ZoneInfo) -> date:
    return move.booked_at.astimezone(zone).date()


PAID = Move(booked_at=FIRST, pieces=[Piece(100, 3, {Decimal("0.06"): 6})], overpayment=10)
REFUND = Move(
    booked_at=FIRST + timedelta(days=2),
    kind="refund",
    pieces=[Piece(10, 0, {Decimal("0.06"): 1})],
    overpayment=10,
)


class TestMonthlyStatements:
    def of(self, moves: list[Move], **asked: Any) -> list[Statement]:
        tenant = TenantFactory.create()
        book(tenant, moves)
        return monthly_statements(
            **{
                "tenant": tenant,
                "first": date(2026, 3, 1),
                "zone": ZoneInfo("UTC"),
                "now": LATER,
                **asked,
            }
        )

    def test_leave_out_days_that_have_not_begun(self) -> None:
        (made,) = self.of([PAID], now=FIRST + timedelta(days=4, hours=1))

        assert made.days == [date(2026, 3, day) for day in (1, 2, 3, 4, 5)]

    def test_have_the_currency_that_is_asked_for_though_nothing_moved(self) -> None:
        (made,) = self.of([PAID], currency_code="USD")

        assert (made.currency_code, made.opening_amount, made.closing_amount) == ("USD", 0, 0)

    def test_close_with_what_the_report_says_moved(self) -> None:
        tenant = TenantFactory.create()
        book(tenant, [PAID, REFUND])

        (made,) = monthly_statements(
            tenant=tenant, first=date(2026, 3, 1), zone=ZoneInfo("UTC"), now=LATER
        )

        (report,) = selectors.financial_report(
            tenant=tenant, start=FIRST, end=FIRST + timedelta(days=31)
        )
        assert made.closing_amount - made.opening_amount == report.net_amount == 98

    @pytest.mark.parametrize("first", [date(2026, 2, 1), date(2028, 2, 1), date(2026, 12, 1)])
    def test_end_with_the_months_last_day(self, first: date) -> None:
        (made,) = self.of(
            [], first=first, currency_code="MYR", now=datetime.max.replace(tzinfo=FIRST.tzinfo)
        )

        assert (made.days[-1] + timedelta(days=1)).day == 1
        assert made.days[-1].month == first.month
