import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks import Webhook

from apikeys.models import Tenant
from events import tasks
from events.deliveries import claims, services, signing
from events.endpoints import secrets
from events.models import Delivery, DeliveryAttempt, WebhookEndpoint
from paytrust.operations import queue
from tests.apikeys.factories import TenantFactory
from tests.events import factories
from tests.events.factories import NOON, SECRET
from tests.events.receivers import Received, Shop

pytestmark = pytest.mark.usefixtures("committed", "asleep")


@pytest.fixture
def tenant(committed: None) -> Tenant:
    return TenantFactory.create()


def run(now: datetime = NOON) -> None:
    """Deliver all that is due, as the worker's threads would."""
    for claim in claims.claim_due(now=now, limit=100):
        while services.deliver(endpoint_id=claim.endpoint_id, lease=claim.lease, now=now):
            pass


def end_the_process(*_arguments: object) -> None:
    raise KeyboardInterrupt


def delivery() -> Delivery:
    return Delivery.objects.get()


class TestDeliver:
    def test_sends_the_envelope_signed(self, tenant: Tenant, receiver: Shop) -> None:
        factories.endpoint(tenant, receiver.url)
        now = timezone.now()
        [event] = factories.events(tenant, now=now)

        run(now)

        [came] = receiver.received
        sent: dict[str, Any] = Webhook(SECRET).verify(came.body, came.headers)
        assert sent == {
            "id": event.public_id,
            "type": "invoice.paid",
            "timestamp": now.isoformat().replace("+00:00", "Z"),
            "api_version": "1",
            "data": {"object": {"id": 7, "n": 0}, "previous": {"status": "pending"}},
            "request_id": "request-1",
        }
        assert came.headers["webhook-id"] == event.public_id
        assert came.headers["content-type"] == "application/json"
        assert (delivery().status, delivery().attempts) == ("delivered", 1)
        [attempt] = DeliveryAttempt.objects.all()
        assert (attempt.number, attempt.status_code, attempt.error, attempt.answer) == (
            *(1, 200),
            *(None, "thank you"),
        )

    def test_signs_with_both_secrets_until_the_grace_ends(
        self, tenant: Tenant, receiver: Shop
    ) -> None:
        older = secrets.new_secret()
        now = timezone.now()
        factories.endpoint(
            tenant,
            receiver.url,
            sealed_previous_secret=secrets.seal(older),
            previous_secret_until=now + timedelta(seconds=10),
        )
        factories.events(tenant, now=now)

        run(now)

        [came] = receiver.received
        for secret in (SECRET, older):
            Webhook(secret).verify(came.body, came.headers)
        event = delivery().event
        later = now + timedelta(seconds=11)
        headers = signing.headers_of(
            event,
            came.body,
            secrets=secrets.in_force(WebhookEndpoint.objects.get(), now=later),
            now=later,
        )
        assert " " not in headers["webhook-signature"]

    @pytest.mark.parametrize("status", [199, 301, 302, 400, 404, 429, 500, 503])
    def test_takes_nothing_but_2xx_for_success(
        self, tenant: Tenant, receiver: Shop, status: int
    ) -> None:
        receiver.status = status
        factories.endpoint(tenant, receiver.url)
        factories.events(tenant)

        run()

        assert (delivery().status, len(receiver.received)) == ("pending", 1)
        assert DeliveryAttempt.objects.get().error == f"the answer was HTTP {status}"

    def test_tries_at_the_stated_times_and_then_gives_up(
        self, tenant: Tenant, receiver: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(random, "random", lambda: 0.5)
        receiver.status = 500
        factories.endpoint(tenant, receiver.url)
        factories.events(tenant)
        times: list[timedelta] = []

        now: datetime | None = NOON
        while now is not None:
            run(now - timedelta(milliseconds=1))  # not before its time
            assert len(receiver.received) == len(times)
            run(now)
            times.append(now - NOON)
            assert len(receiver.received) == len(times)
            now = delivery().next_attempt_at

        stated = [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
        assert [round(time.total_seconds()) for time in times] == stated
        assert delivery().status == "failed"
        assert {one.headers["webhook-id"] for one in receiver.received} == {
            delivery().event.public_id
        }
        assert len({one.body for one in receiver.received}) == 1

    def test_obeys_retry_after(self, tenant: Tenant, receiver: Shop) -> None:
        receiver.status, receiver.headers = 503, {"Retry-After": "3600"}
        factories.endpoint(tenant, receiver.url)
        factories.events(tenant)

        run()

        due = delivery().next_attempt_at
        assert due
        assert round((due - NOON).total_seconds()) == 3600

    def test_keeps_the_order_of_an_invoice(self, tenant: Tenant, receiver: Shop) -> None:
        refused: list[str] = []

        def once(came: Received) -> int:
            sent = json.loads(came.body)
            if sent["type"] == "payment.succeeded" and not refused:
                refused.append(sent["id"])
                return 500
            return 200

        receiver.decide = once
        factories.endpoint(tenant, receiver.url)
        factories.events(tenant, ["payment.succeeded", "invoice.paid"], invoice_id=7)
        factories.events(tenant, ["invoice.expired"], invoice_id=8)
        factories.events(tenant, ["refund.created"], invoice_id=7)

        run()
        first = [json.loads(body)["type"] for body in receiver.bodies()]
        run(NOON + timedelta(seconds=1))
        run(NOON + timedelta(seconds=6))

        types = [json.loads(body)["type"] for body in receiver.bodies()]
        assert sorted(first) == ["invoice.expired", "payment.succeeded"]
        assert types[2:] == ["payment.succeeded", "invoice.paid", "refund.created"]
        assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}

    def test_disables_an_endpoint_that_is_gone(
        self, tenant: Tenant, receiver: Shop, settings: Any
    ) -> None:
        settings.ALERT_RECIPIENTS = ["ops@paytrust.example"]
        receiver.status = 410
        factories.endpoint(tenant, receiver.url, contact_email="dev@shop.example")
        factories.events(tenant, ["invoice.created"], invoice_id=1)
        factories.events(tenant, ["invoice.created"], invoice_id=1)

        run()
        factories.events(tenant, ["invoice.created"], invoice_id=2)

        endpoint = WebhookEndpoint.objects.get()
        assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "gone")
        assert len(receiver.received) == 1
        assert list(Delivery.objects.values_list("status", flat=True)) == ["cancelled"] * 2
        assert [one.to for one in mail.outbox] == [["dev@shop.example"], ["ops@paytrust.example"]]
        assert "it answered 410 Gone" in mail.outbox[0].body

    def test_disables_an_endpoint_after_120_hours_of_nothing_but_failures(
        self, tenant: Tenant, receiver: Shop, caplog: pytest.LogCaptureFixture
    ) -> None:
        receiver.status = 500
        factories.endpoint(tenant, receiver.url)
        factories.events(tenant, invoice_id=1)
        run()
        factories.events(tenant, invoice_id=2)
        run(NOON + timedelta(hours=119, minutes=59))
        before = WebhookEndpoint.objects.get().status
        factories.events(tenant, invoice_id=3)

        run(NOON + timedelta(hours=120))

        endpoint = WebhookEndpoint.objects.get()
        assert (before, endpoint.status) == ("enabled", "disabled")
        assert endpoint.disabled_reason == "failing"
        assert "CRITICAL" in {record.levelname for record in caplog.records}
        assert not Delivery.objects.filter(status="pending").exists()

    def test_counts_the_hours_anew_after_a_success(self, tenant: Tenant, receiver: Shop) -> None:
        receiver.status = 500
        factories.endpoint(tenant, receiver.url)
        factories.events(tenant, invoice_id=1)
        run()
        receiver.status = 200
        run(NOON + timedelta(hours=60))
        receiver.status = 500
        factories.events(tenant, invoice_id=2)

        run(NOON + timedelta(hours=121))

        endpoint = WebhookEndpoint.objects.get()
        assert (endpoint.status, endpoint.failing_since) == (
            "enabled",
            DeliveryAttempt.objects.latest("pk").attempted_at,
        )

    def test_sends_again_what_was_not_written_down(
        self, tenant: Tenant, receiver: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As if the process were killed between the answer and the commit."""
        factories.endpoint(tenant, receiver.url)
        factories.events(tenant)
        with monkeypatch.context() as killed:
            killed.setattr(
                services, "_write_down", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
            )
            with pytest.raises(KeyboardInterrupt):
                run()

        run(NOON + timedelta(seconds=30))  # the lease of the dead one still holds
        held = len(receiver.received)
        run(NOON + timedelta(seconds=61))

        assert (held, len(receiver.received), delivery().status) == (1, 2, "delivered")

    def test_refuses_a_lease_that_another_worker_took(self, tenant: Tenant, receiver: Shop) -> None:
        endpoint = factories.endpoint(tenant, receiver.url)
        factories.events(tenant)
        [old] = claims.claim_due(now=NOON, limit=10)
        [new] = claims.claim_due(now=NOON + timedelta(seconds=61), limit=10)

        assert not services.deliver(endpoint_id=endpoint.pk, lease=old.lease, now=NOON)
        assert receiver.received == []
        assert old.lease != new.lease

    def test_lets_no_endpoint_wait_for_a_lease_that_no_broker_took(
        self, tenant: Tenant, receiver: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoint = factories.endpoint(tenant, receiver.url)
        factories.events(tenant, now=timezone.now())
        monkeypatch.setattr(queue, "publish", lambda *_, **__: False)

        tasks.hand_out_deliveries()
        endpoint.refresh_from_db()
        handed_out = (endpoint.lease, endpoint.leased_until)
        [claim] = claims.claim_due(now=timezone.now(), limit=10)
        tasks.deliver(endpoint_id=endpoint.pk, lease=claim.lease)  # has more to do
        endpoint.refresh_from_db()

        assert handed_out == (endpoint.lease, endpoint.leased_until) == (None, None)
        assert len(receiver.received) == 1

    def test_gives_back_no_lease_that_another_worker_has(self, tenant: Tenant) -> None:
        endpoint = factories.endpoint(tenant)
        factories.events(tenant)
        [old] = claims.claim_due(now=NOON, limit=10)
        [new] = claims.claim_due(now=NOON + timedelta(seconds=41), limit=10)

        claims.give_back(endpoint_id=endpoint.pk, lease=old.lease)

        endpoint.refresh_from_db()
        assert str(endpoint.lease) == new.lease

    def test_leaves_what_was_cancelled_meanwhile(self, tenant: Tenant, receiver: Shop) -> None:
        endpoint = factories.endpoint(tenant, receiver.url)
        factories.events(tenant)

        def disable(_came: Received) -> int:
            WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
                status="disabled", disabled_reason="merchant", disabled_at=NOON
            )
            return 500

        receiver.decide = disable

        run()

        assert (delivery().status, delivery().attempts) == ("cancelled", 1)


class TestClaimDue:
    def test_gives_each_endpoint_to_one_caller(self, tenant: Tenant) -> None:
        factories.endpoint(tenant)
        factories.endpoint(tenant)
        factories.events(tenant)

        first = claims.claim_due(now=NOON, limit=10)

        assert len(first) == 2
        assert claims.claim_due(now=NOON, limit=10) == []

    def test_gives_few_slow_endpoints_out_at_once(self, tenant: Tenant, settings: Any) -> None:
        settings.DELIVERY_SLOW_SLOTS = 2
        for _ in range(5):
            factories.endpoint(tenant, is_slow=True)
        quick = factories.endpoint(tenant)
        factories.events(tenant)

        first = claims.claim_due(now=NOON, limit=10)

        assert len(first) == 3
        assert quick.pk in {claim.endpoint_id for claim in first}
        assert claims.claim_due(now=NOON, limit=10) == []

    def test_finds_nothing_behind_a_delivery_that_waits(
        self, tenant: Tenant, receiver: Shop
    ) -> None:
        receiver.status = 500
        factories.endpoint(tenant, receiver.url)
        factories.events(tenant, ["payment.succeeded", "invoice.paid"])
        run()

        run(NOON + timedelta(seconds=1))

        assert claims.claim_due(now=NOON + timedelta(seconds=2), limit=10) == []
        assert len(receiver.received) == 1
