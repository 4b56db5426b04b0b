import re

import pytest
from django.test import Client

from apikeys.models import StaffAct, Tenant
from events.models import Delivery, DeliveryAttempt, WebhookEndpoint
from paytrust.staff import roles
from tests.apikeys.factories import TenantFactory
from tests.events import factories
from tests.events.factories import NOON, SECRET
from tests.staff import member

pytestmark = pytest.mark.django_db
ENDPOINTS = "/admin/events/webhookendpoint/"
DELIVERIES = "/admin/events/delivery/"


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(member(roles.OPERATOR))
    return client


@pytest.fixture
def tenant() -> Tenant:
    return TenantFactory.create()


@pytest.fixture
def failed(tenant: Tenant) -> Delivery:
    factories.endpoint(tenant)
    factories.events(tenant)
    Delivery.objects.update(status="failed", next_attempt_at=None, ended_at=NOON, attempts=10)
    delivery = Delivery.objects.get()
    DeliveryAttempt.objects.create(
        tenant=tenant,
        delivery=delivery,
        number=10,
        attempted_at=NOON,
        duration_ms=31,
        status_code=500,
        error="the answer was HTTP 500",
        answer="<script>alert(1)</script>",
    )
    return delivery


class TestEndpoints:
    def test_show_no_secret(self, client: Client, tenant: Tenant) -> None:
        endpoint = factories.endpoint(tenant)

        page = client.get(f"{ENDPOINTS}{endpoint.pk}/change/").text

        assert endpoint.url in page
        assert SECRET not in page
        assert endpoint.sealed_secret not in page
        assert client.get(ENDPOINTS).status_code == 200

    def test_lead_to_their_deliveries(self, client: Client, failed: Delivery) -> None:
        other = TenantFactory.create()
        endpoint = factories.endpoint(other, "https://shop.example/hook?shop=1&kind=a b#new")
        factories.events(other)
        delivery = Delivery.objects.get(endpoint=endpoint)

        page = client.get(f"{ENDPOINTS}{endpoint.pk}/change/").text
        found = client.get(
            re.findall(rf'href="({DELIVERIES}[^"]+)"', page)[0].replace("&amp;", "&")
        )

        assert f"{DELIVERIES}{delivery.pk}/change/" in found.text
        assert f"{DELIVERIES}{failed.pk}/change/" not in found.text

    def test_are_disabled_with_a_reason(self, client: Client, failed: Delivery) -> None:
        address = f"{ENDPOINTS}{failed.endpoint_id}/disable/"

        asked = client.get(address)
        without = client.post(address, {"reason": ""})
        before = WebhookEndpoint.objects.get().status
        done = client.post(address, {"reason": "floods us"})
        again = client.post(address, {"reason": "floods us"})

        assert (asked.status_code, without.status_code, done.status_code) == (200, 200, 302)
        endpoint = WebhookEndpoint.objects.get()
        assert (before, endpoint.status, endpoint.disabled_reason) == (
            *("enabled", "disabled"),
            "staff",
        )
        assert again.status_code == 409
        acts = StaffAct.objects.order_by("pk").values_list("act", "reason", "outcome")
        assert list(acts) == [
            ("endpoint_disabled", "floods us", "done"),
            ("endpoint_disabled", "floods us", "endpoint_disabled"),
        ]

    def test_are_only_looked_at_by_viewers(self, tenant: Tenant) -> None:
        endpoint = factories.endpoint(tenant)
        client = Client()
        client.force_login(member(roles.VIEWER))

        assert client.get(f"{ENDPOINTS}{endpoint.pk}/change/").status_code == 200
        answer = client.post(f"{ENDPOINTS}{endpoint.pk}/disable/", {"reason": "x"})
        assert answer.status_code == 403
        assert WebhookEndpoint.objects.get().status == "enabled"


class TestDeliveries:
    def test_show_what_was_sent_and_answered(self, client: Client, failed: Delivery) -> None:
        page = client.get(f"{DELIVERIES}{failed.pk}/change/").text

        assert failed.event.public_id in page
        assert "&quot;previous&quot;" in page
        assert "the answer was HTTP 500" in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script>alert(1)" not in page

    def test_are_found_by_their_event(self, client: Client, failed: Delivery) -> None:
        listed = client.get(DELIVERIES, {"q": failed.event.public_id})

        assert [row.pk for row in listed.context["cl"].result_list] == [failed.pk]

    def test_are_sent_again_with_a_reason(self, client: Client, failed: Delivery) -> None:
        address = f"{DELIVERIES}{failed.pk}/resend/"

        assert client.post(address, {"reason": " "}).status_code == 200
        assert Delivery.objects.get().status == "failed"
        assert client.post(address, {"reason": "the shop asked"}).status_code == 302

        again = Delivery.objects.get()
        assert (again.status, again.attempts_before) == ("pending", 10)
        assert StaffAct.objects.get(act="delivery_resent").reason == "the shop asked"

    def test_are_not_sent_to_a_disabled_endpoint(self, client: Client, failed: Delivery) -> None:
        WebhookEndpoint.objects.update(status="disabled", disabled_reason="gone", disabled_at=NOON)

        answer = client.post(f"{DELIVERIES}{failed.pk}/resend/", {"reason": "the shop asked"})

        assert answer.status_code == 409
        assert Delivery.objects.get().status == "failed"
