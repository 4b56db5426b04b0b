"""Reports against a naive recount, with days closed and open."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apikeys.models import Tenant
from invoices.models import Installment, Invoice, LineItem, SettlementEntry, SettlementTax
from reporting.financial import rollups, selectors
from reporting.models import ClosedDay, DailyTotal
from tests.apikeys.factories import TenantFactory
from tests.journeys.recount import columns_of

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
RATES = [Decimal(0), Decimal("0.06"), Decimal("0.11")]
MOMENTS = st.integers(0, 10 * 86400).map(lambda second: FIRST + timedelta(seconds=second))
AMOUNTS = st.integers(0, 10**12)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(SettlementEntry.Kind.values),
            "gateway_id": st.sampled_from([1, 2]),
            "currency_code": st.sampled_from(["IDR", "MYR", "USD"]),
            "net_amount": AMOUNTS,
            "service_fee_amount": AMOUNTS,
            "taxes": st.dictionaries(st.sampled_from(RATES), AMOUNTS, min_size=1),
            "booked_at": MOMENTS,
        }
    ),
    max_size=25,
)


def installment_of(tenant: Tenant) -> Installment:
    """Return an instalment for entries to hang on; nothing of it is reported."""
    invoice = Invoice.objects.create(
        tenant=tenant,
        gateway_id=1,
        content_fingerprint="",
        currency_code="MYR",
        subtotal_amount=1,
        total_tax_amount=0,
        total_service_fee_amount=0,
        total_amount=1,
        fee_percentage=0,
        fee_fixed_amount=0,
        created_at=FIRST,
        updated_at=FIRST,
        expires_at=FIRST,
    )
    LineItem.objects.create(
        invoice=invoice,
        position=1,
        product_name="Row",
        quantity=1,
        unit_price_amount=1,
        tax_rate=0,
        subtotal_amount=1,
        tax_amount=0,
    )
    return Installment.objects.create(
        invoice=invoice,
        number=1,
        due_at=FIRST,
        net_amount=1,
        tax_amount=0,
        service_fee_amount=0,
        total_amount=1,
    )


def book(tenant: Tenant, entries: list[dict[str, Any]]) -> None:
    installment = installment_of(tenant)
    for entry in entries:
        tax_amount = sum(entry["taxes"].values())
        row = SettlementEntry.objects.create(
            tenant=tenant,
            gateway_id=entry["gateway_id"],
            installment=installment,
            kind=entry["kind"],
            currency_code=entry["currency_code"],
            net_amount=entry["net_amount"],
            tax_amount=tax_amount,
            service_fee_amount=entry["service_fee_amount"],
            total_amount=entry["net_amount"] + tax_amount + entry["service_fee_amount"],
            booked_at=entry["booked_at"],
        )
        SettlementTax.objects.bulk_create(
            SettlementTax(entry=row, tax_rate=rate, tax_amount=amount)
            for rate, amount in entry["taxes"].items()
        )


def recounted(entries: list[dict[str, Any]], start: datetime, end: datetime) -> dict[str, Any]:
    """Add up entries one by one, without any of the code under test."""
    found: dict[str, Any] = {}
    for entry in entries:
        if not start <= entry["booked_at"] < end:
            continue
        report = found.setdefault(
            entry["currency_code"],
            {"settled": [0] * 5, "reversed": [0] * 5, "taxes": {}, "gateways": {}},
        )
        tax_amount = sum(entry["taxes"].values())
        columns = [1, entry["net_amount"], tax_amount, entry["service_fee_amount"]]
        columns.append(sum(columns[1:]))
        report[entry["kind"]] = [a + b for a, b in zip(report[entry["kind"]], columns, strict=True)]
        if entry["kind"] == "settled":
            for rate, amount in entry["taxes"].items():
                count, tax = report["taxes"].get(rate, (0, 0))
                report["taxes"][rate] = (count + 1, tax + amount)
            count, fee = report["gateways"].get(entry["gateway_id"], (0, 0))
            report["gateways"][entry["gateway_id"]] = (count + 1, fee + columns[3])
    return found


def reported(tenant: Tenant, start: datetime, end: datetime) -> dict[str, Any]:
    names = {"Xendit": 1, "Midtrans": 2}
    return {
        report.currency_code: {
            "settled": columns_of(report.settled),
            "reversed": columns_of(report.reversed),
            "taxes": {
                rate: (figures.transaction_count, figures.total_tax_amount)
                for rate, figures in report.taxes.items()
            },
            "gateways": {
                names[name]: (figures.transaction_count, figures.total_service_fee_amount)
                for name, figures in report.gateways.items()
            },
        }
        for report in selectors.financial_report(tenant=tenant, start=start, end=end)
    }


@contextmanager
def undone() -> Iterator[None]:
    """Run one example and leave the database as it was."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(entries=ENTRIES, bounds=st.tuples(MOMENTS, MOMENTS), today=MOMENTS)
def test_any_interval_equals_a_recount_whatever_is_closed(
    entries: list[dict[str, Any]], bounds: tuple[datetime, datetime], today: datetime
) -> None:
    start, end = min(bounds), max(bounds) + timedelta(seconds=1)
    with undone():
        tenant, stranger = TenantFactory.create(), TenantFactory.create()
        book(tenant, entries)
        book(stranger, entries[:3])

        rollups.close_days(now=today)

        assert reported(tenant, start, end) == recounted(entries, start, end)
        assert rollups.differing_days(now=today) == []


class TestClosingDays:
    ENTRY = {
        "kind": "settled",
        "gateway_id": 1,
        "currency_code": "MYR",
        "net_amount": 100,
        "service_fee_amount": 3,
        "taxes": {Decimal("0.06"): 6},
        "booked_at": FIRST,
    }

    def test_closes_a_day_an_hour_after_it_is_over_and_once(self) -> None:
        book(TenantFactory.create(), [self.ENTRY])

        early = rollups.close_days(now=FIRST + timedelta(days=1, minutes=59))
        due = rollups.close_days(now=FIRST + timedelta(days=1, hours=1))
        again = rollups.close_days(now=FIRST + timedelta(days=1, hours=2))

        assert (early, due, again) == ([], [date(2026, 3, 1)], [])
        assert DailyTotal.objects.count() == 2  # the columns, and one tax rate

    def test_closes_the_days_between_in_order(self) -> None:
        book(TenantFactory.create(), [self.ENTRY])

        closed = rollups.close_days(now=FIRST + timedelta(days=4, hours=2))

        assert closed == [date(2026, 3, day) for day in (1, 2, 3, 4)]

    def test_what_is_booked_late_belongs_to_the_first_open_day(self) -> None:
        tenant = TenantFactory.create()
        book(tenant, [self.ENTRY])
        rollups.close_days(now=FIRST + timedelta(days=1, hours=1))

        book(tenant, [self.ENTRY])

        late = SettlementEntry.objects.order_by("pk").last()
        assert late is not None
        assert late.booked_at == FIRST + timedelta(days=1)
        assert rollups.differing_days(now=FIRST + timedelta(days=2)) == []

    def test_a_day_that_was_tampered_with_is_found(self) -> None:
        book(TenantFactory.create(), [self.ENTRY])
        rollups.close_days(now=FIRST + timedelta(days=1, hours=1))
        DailyTotal.objects.filter(tax_rate=Decimal("0.06")).update(total_tax_amount=7)

        assert rollups.differing_days(now=FIRST + timedelta(days=2)) == [date(2026, 3, 1)]

    def test_entries_are_never_changed(self) -> None:
        book(TenantFactory.create(), [self.ENTRY])

        with (
            pytest.raises(IntegrityError, match="settlement_entry_append_only"),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE invoices_settlemententry SET net_amount = 1")

    def test_nothing_to_close_closes_yesterday(self) -> None:
        rollups.close_days(now=FIRST + timedelta(hours=2))

        assert [row.day_date for row in ClosedDay.objects.all()] == [date(2026, 2, 28)]


@pytest.mark.parametrize("end_hour", [0, 5, 12, 17, 23])
@pytest.mark.parametrize("start_hour", [0, 5, 12, 17, 23])
def test_edges_of_closed_days_are_exact_at_any_hour(start_hour: int, end_hour: int) -> None:
    tenant = TenantFactory.create()
    entries = [
        {
            "kind": "settled",
            "gateway_id": 1,
            "currency_code": "MYR",
            "net_amount": 1 << hour % 48,
            "service_fee_amount": 0,
            "taxes": {RATES[hour % 3]: 100 + hour},
            "booked_at": FIRST + timedelta(hours=hour),
        }
        for hour in range(96)
    ]
    book(tenant, entries)
    rollups.close_days(now=FIRST + timedelta(days=10))
    start, end = FIRST + timedelta(hours=start_hour), FIRST + timedelta(days=3, hours=end_hour)

    assert reported(tenant, start, end) == recounted(entries, start, end)
