"""A merchant's page in the back office."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lxml import html

from apikeys.models import Tenant
from gateways.accounts import credentials
from gateways.models import GatewayFee
from invoices.models import Installment, Invoice, InvoiceStatus
from paytrust.staff import roles
from reporting.back_office import merchant_page
from reporting.financial import selectors as financial
from tests.apikeys.factories import NOON, TenantFactory, api_key
from tests.events.factories import endpoint
from tests.invoices.factories import invoice
from tests.payments.settlement.test_services import paid
from tests.payments.settlement.test_views import settled
from tests.reporting.back_office.conftest import SignIn
from tests.reporting.ledger import unguarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Tenant:
    """A tenant of which there is something of everything, beside another one."""
    tenant = TenantFactory.create(name="Kopi & Teh")
    for of in (tenant, TenantFactory.create(name="Roti")):
        done = paid(tenant=of)
        settled(done)
        late = invoice(tenant=of, expires_at=timezone.now() + timedelta(days=9))
        Installment.objects.filter(invoice=late).update(due_at=timezone.now() - timedelta(days=1))
        invoice(tenant=of, review_flags=["late"])
        api_key(tenant=of)
        endpoint(of, url=f"https://{of.pk}.example/hook")
        credentials.store(
            gateway_code="xendit",
            tenant_id=of.pk,
            credentials={"secret_key": f"secret-of-{of.pk}", "callback_token": "t"},
            now=NOON,
        )
    return tenant


def page_of(client: Client, tenant: Tenant) -> html.HtmlElement:
    answer = client.get(f"/admin/apikeys/tenant/{tenant.pk}/change/")
    assert answer.status_code == 200
    return html.fromstring(answer.text)


def rows_of(page: bytes) -> str:
    """Return the texts of a page's tables."""
    return " ".join(
        str(text) for table in html.fromstring(page).iter("table") for text in table.itertext()
    )


class TestAMerchantsPage:
    def test_counts_what_waits_and_links_to_exactly_that(
        self, viewer: Client, shop: Tenant
    ) -> None:
        tiles = page_of(viewer, shop).find_class("staff-tile")

        counted = {
            tile.find_class("staff-tile-title")[0].text_content(): (
                tile.find_class("staff-tile-number")[0].text_content(),
                tile.get("href"),
            )
            for tile in tiles
        }
        assert {name: number for name, (number, _) in counted.items()} == {
            "Invoices pending": "2",
            "Overdue instalments": "2",
            "Discrepancies": "1",
            "Proposals": "0",
            "Refunds": "0",
        }
        for number, link in counted.values():
            assert viewer.get(link).context["cl"].result_count == int(number), link

    def test_has_the_figures_of_its_report(self, viewer: Client, shop: Tenant) -> None:
        page = page_of(viewer, shop)

        now = timezone.now().astimezone(ZoneInfo("Asia/Jakarta"))
        begins = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        (report,) = financial.financial_report(tenant=shop, start=begins, end=now)
        money = str(page.xpath("string(//*[@id='merchant-money'])"))
        assert f"RM\N{NO-BREAK SPACE}{report.net_amount / 100:.2f}" in money
        assert "Received against settled" in page.text_content()

    def test_leads_to_its_rows_alone(self, viewer: Client, shop: Tenant) -> None:
        links = page_of(viewer, shop).xpath("//nav[contains(@class, 'staff-months')]/a")

        assert len(links) == 8
        for link in links:
            answer = viewer.get(link.get("href"))
            assert answer.status_code == 200
            assert "Roti" not in rows_of(answer.content), link.text

    def test_shows_administrators_its_keys_and_accounts_without_a_secret(
        self, sign_in: SignIn, shop: Tenant
    ) -> None:
        page = page_of(sign_in(roles.ADMINISTRATOR), shop)
        text = page.text_content()

        assert shop.api_keys.get().key_prefix in text
        assert f"https://{shop.pk}.example/hook" in text
        assert "Secrets stored" in text
        assert f"secret-of-{shop.pk}" not in text
        assert GatewayFee.objects.count() == int(
            page.xpath("count(//*[@aria-labelledby='merchant-fees']//li)")
        )

    def test_shows_others_no_key(self, viewer: Client, shop: Tenant) -> None:
        text = page_of(viewer, shop).text_content()

        assert shop.api_keys.get().key_prefix not in text
        assert "Secrets stored" not in text

    def test_asks_as_often_for_a_full_page_as_for_an_empty_one(
        self, viewer: Client, shop: Tenant
    ) -> None:
        empty = TenantFactory.create()
        page_of(viewer, empty)  # so that content types are known
        with CaptureQueriesContext(connection) as for_none:
            page_of(viewer, empty)

        with CaptureQueriesContext(connection) as for_some:
            page_of(viewer, shop)

        assert len(for_some) == len(for_none)


class TestOverdueOf:
    @pytest.mark.parametrize("status", sorted({*InvoiceStatus} - {InvoiceStatus.FULLY_PAID}))
    def test_is_what_is_overdue_in_each_state(self, status: str) -> None:
        now = timezone.now()
        mine, theirs = invoice(), invoice()
        ended_as = status if status in {"cancelled", "expired"} else None
        with unguarded():
            Invoice.objects.update(status=status, ended_as=ended_as)
            Installment.objects.update(due_at=now - timedelta(days=1))

        found = set(merchant_page.overdue_of(mine.tenant, now))

        assert found == set(Installment.objects.overdue(now).filter(tenant=mine.tenant))
        assert bool(found) is (status in merchant_page.WAITING)
        assert theirs.tenant_id != mine.tenant_id
