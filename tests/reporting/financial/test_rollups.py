"""Reports compared with a simple recount, with days closed and open."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoices.models import LedgerEntry
from reporting.financial import rollups
from reporting.models import ClosedDay, DailyTotal
from tests.apikeys.factories import TenantFactory
from tests.reporting.ledger import (
    FIRST,
    MOMENTS,
    MOVES,
    RATES,
    Move,
    Piece,
    book,
    recounted,
    reported,
    unguarded,
)

pytestmark = pytest.mark.django_db

ANY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@contextmanager
def undone() -> Iterator[None]:
    """Run one example and leave the database as it was."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def tamper(statement: str) -> None:
    with unguarded(), connection.cursor() as cursor:
        cursor.execute(statement)


@ANY
@given(moves=MOVES, bounds=st.tuples(MOMENTS, MOMENTS), today=MOMENTS)
def test_any_interval_equals_a_recount_whatever_is_closed(
    moves: list[Move], bounds: tuple[datetime, datetime], today: datetime
) -> None:
    start, end = min(bounds), max(bounds) + timedelta(seconds=1)
    with undone():
        tenant, stranger = TenantFactory.create(), TenantFactory.create()
        book(tenant, moves)
        book(stranger, moves[:3])

        rollups.close_days(now=today)

        assert reported(tenant, start, end) == recounted(moves, start, end)
        assert rollups.differing_days(now=today) == []


@ANY
@given(moves=MOVES, bounds=st.tuples(MOMENTS, MOMENTS), today=MOMENTS)
def test_every_breakdown_sums_to_its_total(
    moves: list[Move], bounds: tuple[datetime, datetime], today: datetime
) -> None:
    with undone():
        tenant = TenantFactory.create()
        book(tenant, moves)
        rollups.close_days(now=today)

        for report in reported(tenant, min(bounds), max(bounds)).values():
            taxes, gateways = report["tax_breakdown"], report["gateway_breakdown"]
            for column, figures in (
                ("amount", report),
                ("refunded_amount", report["refunds"]),
                ("reversed_amount", report["reversals"]),
            ):
                assert sum(row[column] for row in taxes) == figures["total_tax_amount"]
            for column, total in (
                ("transaction_count", "transaction_count"),
                ("total_amount", "total_amount"),
                ("service_fee_amount", "total_service_fee_amount"),
            ):
                assert sum(row[column] for row in gateways) == report[total]
            assert report["net_amount"] == (
                report["total_amount"]
                + report["overpayments"]["total_amount"]
                - report["refunds"]["total_amount"]
                - report["reversals"]["total_amount"]
            )


PAID = Move(booked_at=FIRST, pieces=[Piece(100, 3, {Decimal("0.06"): 6})])


class TestClosingDays:
    def test_closes_a_day_an_hour_after_it_is_over_and_once(self) -> None:
        book(TenantFactory.create(), [PAID])

        early = rollups.close_days(now=FIRST + timedelta(days=1, minutes=59))
        due = rollups.close_days(now=FIRST + timedelta(days=1, hours=1))
        again = rollups.close_days(now=FIRST + timedelta(days=1, hours=2))

        assert (early, due, again) == ([], [date(2026, 3, 1)], [])
        assert DailyTotal.objects.count() == 2  # the figures, and one tax rate

    def test_closes_the_days_between_in_order(self) -> None:
        book(TenantFactory.create(), [PAID])

        closed = rollups.close_days(now=FIRST + timedelta(days=4, hours=2))

        assert closed == [date(2026, 3, day) for day in (1, 2, 3, 4)]

    def test_what_is_booked_late_belongs_to_the_first_open_day(self) -> None:
        with undone():
            tenant = TenantFactory.create()
            book(tenant, [PAID])
            rollups.close_days(now=FIRST + timedelta(days=1, hours=1))

            book(tenant, [PAID], guarded=True)

            late = LedgerEntry.objects.order_by("pk").last()
            assert late is not None
            assert late.booked_at == FIRST + timedelta(days=1)
            assert rollups.differing_days(now=FIRST + timedelta(days=2)) == []

    def test_a_day_that_was_tampered_with_is_found(self) -> None:
        book(TenantFactory.create(), [PAID])
        rollups.close_days(now=FIRST + timedelta(days=1, hours=1))
        tamper(
            "UPDATE reporting_dailytotal SET total_tax_amount = 7, total_amount = 7"
            " WHERE tax_rate = 0.06"
        )

        assert rollups.differing_days(now=FIRST + timedelta(days=2)) == [date(2026, 3, 1)]

    @pytest.mark.parametrize(
        ("statement", "constraint"),
        [
            ("UPDATE invoices_ledgerentry SET net_amount = 1", "ledger_entry_append_only"),
            ("DELETE FROM invoices_ledgertax", "ledger_tax_append_only"),
            ("UPDATE reporting_dailytotal SET kind = 'refund'", "daily_total_append_only"),
            ("DELETE FROM reporting_dailytotal", "daily_total_append_only"),
            ("DELETE FROM reporting_closedday", "closed_day_append_only"),
        ],
    )
    def test_what_a_closed_day_says_is_never_changed(self, statement: str, constraint: str) -> None:
        book(TenantFactory.create(), [PAID])
        rollups.close_days(now=FIRST + timedelta(days=2))
        before = list(DailyTotal.objects.order_by("pk").values())

        with (
            pytest.raises(IntegrityError, match=constraint),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

        assert list(DailyTotal.objects.order_by("pk").values()) == before
        assert rollups.differing_days(now=FIRST + timedelta(days=2)) == []

    def test_nothing_to_close_closes_yesterday(self) -> None:
        rollups.close_days(now=FIRST + timedelta(hours=2))

        assert [row.day_date for row in ClosedDay.objects.all()] == [date(2026, 2, 28)]


@pytest.mark.parametrize("end_hour", [0, 5, 12, 17, 23])
@pytest.mark.parametrize("start_hour", [0, 5, 12, 17, 23])
def test_edges_of_closed_days_are_exact_at_any_hour(start_hour: int, end_hour: int) -> None:
    tenant = TenantFactory.create()
    kinds = ["payment", "payment", "refund", "reversal"]
    moves = [
        Move(
            kind=kinds[hour % 4],
            booked_at=FIRST + timedelta(hours=hour),
            pieces=[Piece(1 << hour % 48, 0, {RATES[hour % 3]: 100 + hour})] * (1 + hour % 2),
            overpayment=hour % 5,
        )
        for hour in range(96)
    ]
    book(tenant, moves)
    rollups.close_days(now=FIRST + timedelta(days=10))
    start, end = FIRST + timedelta(hours=start_hour), FIRST + timedelta(days=3, hours=end_hour)

    assert reported(tenant, start, end) == recounted(moves, start, end)
