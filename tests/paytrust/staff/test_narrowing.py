from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from paytrust.staff import roles
from tests.apikeys.factories import TenantFactory
from tests.invoices.factories import invoice
from tests.payments.refunds.paid import paid_invoice
from tests.staff import member, shown_now

pytestmark = pytest.mark.django_db
LISTS = (
    *("invoices/invoice", "invoices/transaction", "invoices/paymentrequest"),
    *("invoices/installment", "invoices/ledgerentry", "payments/refund"),
    *("payments/webhookevent", "payments/dispute"),
    *("reporting/discrepancy", "reporting/overdueinstallment"),
)
NOVEMBER = "created_at_from=2026-11-01&created_at_to=2026-11-30"


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(member(roles.VIEWER))
    return client


class TestMonths:
    @pytest.mark.parametrize("address", LISTS)
    def test_are_offered_above_every_list_of_money(self, client: Client, address: str) -> None:
        months = client.get(f"/admin/{address}/").context["months"]

        assert len(months) == 6
        assert months[0].name == f"{shown_now():%B %Y}"

    def test_keep_the_merchant(self, client: Client) -> None:
        of, other = paid_invoice(), paid_invoice()

        first = client.get("/admin/invoices/transaction/")
        link = f'href="?tenant__id__exact={of.tenant_id}">{of.tenant.name}'
        second = client.get(f"/admin/invoices/transaction/?tenant__id__exact={of.tenant_id}")
        third = client.get(f"/admin/invoices/transaction/{second.context['months'][0].link}")

        assert link in first.text
        assert {row.invoice_id for row in first.context["cl"].result_list} == {of.pk, other.pk}
        assert [row.invoice_id for row in third.context["cl"].result_list] == [of.pk]
        assert [chip.title for chip in third.context["chips"]] == ["tenant", "created at"]
        assert [month.is_chosen for month in third.context["months"]] == [True] + [False] * 5

    def test_begin_and_end_in_the_readers_zone(self, client: Client) -> None:
        _before, first, last, _after = (
            invoice(
                created_at=datetime(*day, tzinfo=UTC), expires_at=datetime(2027, 1, 1, tzinfo=UTC)
            )
            for day in (
                (2026, 10, 31, 16, 59),
                (2026, 10, 31, 17, 0),
                (2026, 11, 30, 16, 59),
                (2026, 11, 30, 17, 0),
            )
        )

        page = client.get(f"/admin/invoices/invoice/?{NOVEMBER}")

        assert [row.pk for row in page.context["cl"].result_list] == [last.pk, first.pk]


class TestChips:
    def test_name_each_filter_in_words_and_lead_out_of_it(self, client: Client) -> None:
        tenant = TenantFactory.create(name="Toko Kopi")
        query = (
            f"tenant__id__exact={tenant.pk}&status__exact=pending&currency_code=MYR"
            f"&gateway__id__exact=1&{NOVEMBER}&q=order-1&p=3"
        )

        chips = client.get(f"/admin/invoices/invoice/?{query}").context["chips"]

        assert {chip.title: chip.value for chip in chips} == {
            "Search": "order-1",
            "status": "Pending",
            "currency": "MYR",
            "gateway": "Xendit",
            "tenant": "Toko Kopi",
            "created at": "1 Nov 2026 to 30 Nov 2026",
        }
        for chip in chips:
            assert "p=3" not in chip.without
            assert chip.without.count("=") == query.count("=") - (
                3 if chip.title == "created at" else 2
            )

    @pytest.mark.parametrize(
        "query",
        ["tenant__id__exact=999", "created_at_from=nonsense", "status__exact=nonsense"],
    )
    def test_withstand_values_that_name_nothing(self, client: Client, query: str) -> None:
        assert client.get(f"/admin/invoices/invoice/?{query}").status_code == 200

    def test_are_absent_from_a_whole_list(self, client: Client) -> None:
        page = client.get("/admin/invoices/invoice/")

        assert page.context["chips"] == []
        assert "staff-chips" not in page.text


class TestOrder:
    def test_by_date_is_always_offered(self, client: Client) -> None:
        older, newer = paid_invoice(), paid_invoice()

        page = client.get("/admin/invoices/transaction/?o=7")

        assert [row.invoice_id for row in page.context["cl"].result_list] == [older.pk, newer.pk]

    def test_by_amount_is_offered_in_a_narrowed_list_alone(self, client: Client) -> None:
        small = paid_invoice(totals=(1_000,))
        large = paid_invoice(totals=(90_000,), tenant=small.tenant)
        small_again = paid_invoice(totals=(1_100,), tenant=small.tenant)
        newest_first = [small_again.pk, large.pk, small.pk]

        whole = client.get("/admin/invoices/transaction/?o=-6")
        narrowed = client.get(
            f"/admin/invoices/transaction/?o=-6&tenant__id__exact={small.tenant_id}"
        )

        assert [row.invoice_id for row in whole.context["cl"].result_list] == newest_first
        assert [row.invoice_id for row in narrowed.context["cl"].result_list] == [
            *(large.pk, small_again.pk, small.pk)
        ]

    @pytest.mark.parametrize("order", ["x", "99", "-", "1.2", "-0", "\u0663", "7.x"])
    def test_that_is_not_offered_is_left_out(self, client: Client, order: str) -> None:
        page = client.get("/admin/invoices/transaction/", {"o": order})

        assert page.status_code == 200
        assert "o" not in page.context["cl"].params


@pytest.mark.parametrize("address", ["invoices/transaction", "invoices/paymentrequest"])
def test_a_list_takes_no_query_for_each_row(client: Client, address: str) -> None:
    paid_invoice()
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/admin/{address}/")
        counts.append(len(queries))
        for _ in range(3):
            paid_invoice()

    assert counts[1] <= counts[0]
