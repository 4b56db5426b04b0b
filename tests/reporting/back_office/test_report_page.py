"""The financial report as a page of the back office."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from apikeys.models import StaffAct, Tenant
from paytrust.staff import preferences, roles
from reporting.financial import rollups
from tests.apikeys.factories import TenantFactory, api_key
from tests.payments.settlement.test_services import paid
from tests.payments.settlement.test_views import settled
from tests.reporting.back_office.conftest import SignIn
from tests.reporting.ledger import FIRST, Move, Piece, book

pytestmark = pytest.mark.django_db

MARCH = {"first": "2026-03-01", "last": "2026-03-31"}
TAXED = Piece(net=1_000, fee=20, taxes={Decimal("0.06"): 60, Decimal("0.11"): 5})


@pytest.fixture
def shop() -> Tenant:
    """A tenant with money of three kinds, in two currencies, through two gateways."""
    tenant = TenantFactory.create(name="Kopi & Teh")
    hours = [timedelta(days=4, hours=number) for number in range(5)]
    book(
        tenant,
        [
            Move(FIRST + hours[0], pieces=[TAXED]),
            Move(FIRST + hours[1], pieces=[TAXED], overpayment=50, gateway_id=2),
            Move(FIRST + hours[2], currency_code="IDR", pieces=[Piece(5_000, 0, {})]),
            Move(FIRST + hours[3], "refund", pieces=[Piece(100, 0, {Decimal("0.06"): 6})]),
            Move(FIRST + hours[4], "reversal", pieces=[Piece(10, 0, {})]),
        ],
    )
    return tenant


@pytest.fixture
def other() -> Tenant:
    tenant = TenantFactory.create(name="Roti")
    book(tenant, [Move(FIRST + timedelta(days=5), pieces=[Piece(7_777, 0, {})])])
    return tenant


def shown(client: Client, **asked: str) -> list[Any]:
    answer = client.get("/admin/report/", {**MARCH, **asked})
    assert answer.status_code == 200
    return list(answer.context["sections"])


def by_api(client: Client, tenant: Tenant, **extra: str) -> list[dict[str, Any]]:
    """Return the API's report of March, as Jakarta has it."""
    _, key = api_key(tenant=tenant)
    answer = client.get(
        "/reports/financial",
        {"start_date": "2026-03-01", "end_date": "2026-04-01", "tz": "Asia/Jakarta", **extra},
        headers={"X-API-Key": key},
    )
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["by_currency"]
    return found


class TestThePage:
    @pytest.mark.parametrize("closes", [False, True])
    def test_has_the_figures_of_the_api(
        self, viewer: Client, shop: Tenant, other: Tenant, closes: bool
    ) -> None:
        if closes:
            rollups.close_days(now=FIRST + timedelta(days=20))

        sections = shown(viewer, merchant=shop.name)

        api = by_api(Client(), shop)
        assert [one.report.currency_code for one in sections] == ["IDR", "MYR"]
        assert len(api) == 2
        for one, theirs in zip(sections, api, strict=True):
            ours = one.report
            assert ours.currency_code == theirs["currency_code"]
            assert ours.net_amount == theirs["net_amount"]
            for name in ("transaction_count", "subtotal_amount", "total_tax_amount"):
                assert getattr(ours.received, name) == theirs[name]
            assert ours.received.total_amount == theirs["total_amount"]
            for section in ("overpayments", "refunds", "reversals"):
                assert getattr(ours, section).total_amount == theirs[section]["total_amount"]
            assert [float(rate) for rate, _ in one.taxes] == [
                row["tax_rate"] for row in theirs["tax_breakdown"]
            ]
            assert [tax.amount for _, tax in one.taxes] == [
                row["amount"] for row in theirs["tax_breakdown"]
            ]
            assert [(name, figures.total_amount) for name, figures in one.gateways] == sorted(
                (row["gateway_name"], row["total_amount"]) for row in theirs["gateway_breakdown"]
            )

    def test_adds_up_all_merchants_where_none_is_named(
        self, viewer: Client, shop: Tenant, other: Tenant
    ) -> None:
        together = {one.report.currency_code: one.report for one in shown(viewer)}

        each = [shown(viewer, merchant=one.name) for one in (shop, other)]
        for code in ("IDR", "MYR"):
            sums = [
                one.report.net_amount
                for sections in each
                for one in sections
                if one.report.currency_code == code
            ]
            assert together[code].net_amount == sum(sums)

    def test_is_narrowed_as_the_api_is(self, viewer: Client, shop: Tenant) -> None:
        (one,) = shown(viewer, merchant=shop.name, currency="MYR", gateway="2")

        (api,) = by_api(Client(), shop, currency="MYR", gateway_id="2")
        assert one.report.net_amount == api["net_amount"] == 1_135

    def test_counts_days_of_the_readers_zone(self, viewer: Client, shop: Tenant) -> None:
        book(shop, [Move(datetime(2026, 3, 9, 18, tzinfo=UTC), pieces=[Piece(500, 0, {})])])
        viewer.cookies[preferences.ZONE_COOKIE] = "Asia/Jakarta"  # there it is the tenth

        (tenth,) = shown(viewer, first="2026-03-10", last="2026-03-10")

        assert tenth.report.received.total_amount == 500
        assert shown(viewer, first="2026-03-09", last="2026-03-09") == []

    def test_plots_each_day_so_that_the_bars_are_the_total(
        self, viewer: Client, shop: Tenant
    ) -> None:
        rupiah, ringgit = shown(viewer, merchant=shop.name)

        came_in = ringgit.report.received.total_amount + ringgit.report.overpayments.total_amount
        assert ringgit.chart["value"] == f"RM\N{NO-BREAK SPACE}{came_in / 100:.2f}"
        assert str(ringgit.chart["drawing"]).count("<title>") == 31
        assert rupiah.chart is not None

    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            ({"first": "2026-04-01"}, "The last day is before the first."),
            ({"first": "2024-01-01"}, "A report has at most 366 days."),
            ({"merchant": "Nasi"}, "No tenant is called so."),
            ({"first": "9999-12-31", "last": "9999-12-31"}, "There is no money of this year."),
            ({"first": "yesterday"}, "Enter a valid date."),
        ],
    )
    def test_says_what_it_cannot_report(
        self, viewer: Client, shop: Tenant, asked: dict[str, str], says: str
    ) -> None:
        answer = viewer.get("/admin/report/", {**MARCH, **asked})

        assert answer.status_code == 200
        assert says in answer.text
        assert answer.context["sections"] == []

    def test_asks_as_often_for_many_merchants_as_for_one(
        self, viewer: Client, shop: Tenant
    ) -> None:
        shown(viewer)  # so that content types are known
        with CaptureQueriesContext(connection) as for_one:
            shown(viewer)
        for _ in range(5):
            book(TenantFactory.create(), [Move(FIRST, pieces=[TAXED])])

        with CaptureQueriesContext(connection) as for_many:
            shown(viewer)

        assert len(for_many) == len(for_one) <= 13

    def test_is_not_for_people_without_a_role(self, shop: Tenant, sign_in: SignIn) -> None:
        nobody = sign_in(roles.VIEWER)
        nobody.logout()

        assert nobody.get("/admin/report/").status_code == 302
        assert nobody.get("/admin/report/export.csv").status_code == 302


class TestTheFile:
    def test_is_the_apis_file(self, viewer: Client, shop: Tenant, other: Tenant) -> None:
        viewer.cookies[preferences.ZONE_COOKIE] = "Asia/Jakarta"

        answer = viewer.get("/admin/report/export.csv", {**MARCH, "merchant": shop.name})

        _, key = api_key(tenant=shop)
        theirs = Client().get(
            "/reports/financial.csv",
            {"start_date": "2026-03-01", "end_date": "2026-04-01", "tz": "Asia/Jakarta"},
            headers={"X-API-Key": key},
        )
        assert theirs.status_code == 200
        ours = b"".join(answer).decode()
        assert ours == b"".join(theirs).decode()
        assert len(list(csv.reader(io.StringIO(ours)))) > 10

    def test_is_a_workbook_too(self, viewer: Client, shop: Tenant) -> None:
        answer = viewer.get("/admin/report/export.xlsx", {**MARCH, "merchant": shop.name})

        sheet = load_workbook(io.BytesIO(b"".join(answer))).active
        assert sheet is not None
        assert sheet["A1"].value == "from (UTC)"

    def test_is_written_into_the_trail(self, viewer: Client, shop: Tenant) -> None:
        viewer.get("/admin/report/export.csv", {**MARCH, "merchant": shop.name})

        act = StaffAct.objects.get()
        assert (act.act, act.outcome) == ("list_exported", "done")
        assert "merchant=Kopi" in act.message

    @pytest.mark.parametrize("address", ["export.pdf", "export.csv?first=x"])
    def test_is_missing_where_nothing_sensible_is_asked(self, viewer: Client, address: str) -> None:
        assert viewer.get(f"/admin/report/{address}").status_code == 404


class TestCash:
    def test_is_compared_with_what_is_settled(self, viewer: Client) -> None:
        shop = TenantFactory.create(name="Kopi")
        done, waits = paid(tenant=shop), paid(tenant=shop)
        settled(done, paid(), fee="0.30")
        day = timezone.localtime(done.created_at, ZoneInfo("Asia/Jakarta")).date().isoformat()
        viewer.cookies[preferences.ZONE_COOKIE] = "Asia/Jakarta"

        (one,) = shown(viewer, first=day, last=day, merchant="Kopi")

        (row,) = one.cash
        assert (row.payment_count, row.received_amount) == (2, done.amount + waits.amount)
        assert (row.settled_count, row.settled_amount) == (1, done.amount)
        assert (row.costs_amount, row.net_amount) == (30, done.amount - 30)
        assert row.open_amount == waits.amount
