"""What is due is worked off a few at a time: whose turn it is, and who waits for whom."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import DataError

from apikeys.models import Tenant
from gateways import registry
from gateways.adapter import GatewayTimeout, PaymentReport
from invoices.models import PaymentRequest
from payments import tasks
from payments.models import WebhookEvent
from payments.webhooks import confirming, gathering, receiving, retrying, waking
from paytrust.operations import queue
from tests.apikeys.factories import TenantFactory
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report
from tests.payments.webhooks.test_confirming import T0, store, xendit_says

ENOUGH = gathering.AT_ONCE * retrying.CLAIMERS * 2


def waits(number: int, tenant: Tenant | None, *, since: int, **fields: Any) -> int:
    """Store a notification that has been due for some seconds."""
    due_at = T0 - timedelta(seconds=since)
    given = {"gateway_id": 1, "body": b"{}", **fields}
    return WebhookEvent.objects.create(
        tenant=tenant,
        event_id=f"event-{number}",
        received_at=due_at,
        next_attempt_at=due_at,
        **given,
    ).pk


def statuses(*events: int) -> list[str]:
    found = WebhookEvent.objects.in_bulk(events)
    return [found[event].status for event in events]


@pytest.mark.django_db
class TestTurns:
    def test_of_many_of_one_tenant_the_others_are_not_behind(self) -> None:
        busy, quiet, also = TenantFactory.create_batch(3)
        flood = [waits(number, busy, since=900 - number) for number in range(ENOUGH)]
        nobodys = waits(9001, None, since=3)
        last = waits(9002, quiet, since=2), waits(9003, also, since=1), waits(9004, quiet, since=0)

        taken = retrying.claim_due(now=T0, limit=gathering.AT_ONCE)

        assert taken[:6] == [flood[0], nobodys, *last[:2], flood[1], last[2]]
        assert taken[6:] == flood[2:16]

    def test_each_is_taken_in_the_end(self) -> None:
        tenants = TenantFactory.create_batch(4)
        events = {waits(number, tenants[number % 4], since=number) for number in range(50)}

        taken: list[int] = []
        while claimed := retrying.claim_due(now=T0, limit=gathering.AT_ONCE):
            taken += claimed

        assert len(taken) == len(events)
        assert set(taken) == events

    def test_what_waits_for_later_or_is_leased_is_nobodys_turn(self) -> None:
        tenant = TenantFactory.create()
        waits(1, tenant, since=-1)
        waits(2, tenant, since=1, leased_until=T0 + timedelta(seconds=1))
        left = waits(3, tenant, since=1, leased_until=T0)

        assert retrying.claim_due(now=T0, limit=gathering.AT_ONCE) == [left]


class Gateway:
    """Answers about all payments but some, about which it does not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, silent_about: PaymentRequest) -> None:
        self._silent_about, self.asked = silent_about.reference, list[str]()
        real = registry.adapter_for

        def adapter_for(code: str, **of: Any) -> Any:
            self.parse_notification = real(code, **of).parse_notification
            return self

        monkeypatch.setattr(registry, "adapter_for", adapter_for)

    def find_payment(self, *, reference: str, **_asked: object) -> PaymentReport:
        self.asked.append(reference)
        if reference == self._silent_about:
            raise GatewayTimeout("xendit", "no answer in time")
        return report(PaymentRequest.objects.get(reference=reference))

    def find_paid(self, **_asked: object) -> dict[str, PaymentReport]:
        return {}


@pytest.mark.usefixtures("committed")
class TestAFate:
    def test_is_not_that_of_another_gateway_that_is_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, other = PaymentRequestFactory.create_batch(2)
        other_gateways = PaymentRequestFactory.create(
            invoice=invoice(gateway_id=2, currency_code="IDR")
        )
        away, waiting = store(xendit_says(first)).pk, store(xendit_says(other)).pk
        elsewhere = waits(1, None, since=0, gateway_id=2, body=xendit_says(other_gateways))
        Gateway(monkeypatch, silent_about=first)
        read = registry.adapter_for("xendit").parse_notification
        monkeypatch.setattr(
            confirming,
            "_notification",
            lambda event: read(headers={}, body=bytes(event.body)),
        )

        confirming.process_due(now=T0)

        assert statuses(away, waiting, elsewhere) == ["received", "received", "processed"]
        asked_again = dict(WebhookEvent.objects.values_list("pk", "next_attempt_at"))
        assert asked_again[away] == T0 + retrying.RETRY_AFTER[0]
        assert asked_again[waiting] == T0 + confirming.PAUSE

    def test_is_not_that_of_another_one_that_cannot_be_found(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.CONFIRM_WITH_GATEWAY = False
        odd, sound = PaymentRequestFactory.create_batch(2)
        events = store(xendit_says(odd)).pk, store(xendit_says(sound)).pk
        look_for = receiving.find_payment_requests

        def refuse_odd(named: Any) -> list[PaymentRequest | None]:
            if odd.reference in {notification.reference for _, notification in named}:
                raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
            return look_for(named)

        monkeypatch.setattr(receiving, "find_payment_requests", refuse_odd)

        confirming.process_due(now=T0)

        assert statuses(*events) == ["received", "processed"]
        assert WebhookEvent.objects.get(pk=events[0]).outcome == "internal_error"

    def test_is_left_to_another_task_if_one_account_takes_long(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slow, waiting = (store(xendit_says(one)) for one in PaymentRequestFactory.create_batch(2))
        monkeypatch.setattr(confirming, "LONG_SECONDS", 0.05)
        monkeypatch.setattr(gathering, "take_due", lambda **_: ([[slow], [waiting]], False))
        begun: list[int] = []

        def process_slowly(events: list[WebhookEvent], _now: object) -> None:
            begun.extend(one.pk for one in events)
            time.sleep(0.06)

        monkeypatch.setattr(confirming, "_process", process_slowly)
        retrying.lease_all([slow.pk, waiting.pk], T0)

        are_more = confirming.process_due(now=T0)

        waiting.refresh_from_db()
        assert begun == [slow.pk]
        assert are_more
        assert (waiting.leased_until, waiting.next_attempt_at) == (None, T0)


def publishing(monkeypatch: pytest.MonkeyPatch, *, succeeds: bool) -> list[str]:
    """Return where the names of tasks are kept that would be enqueued from now on."""
    names: list[str] = []

    def publish(task: Any) -> bool:
        names.append(task.name)
        return succeeds

    monkeypatch.setattr(queue, "publish", publish)
    return names


class TestWaking:
    @pytest.fixture
    def published(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        return publishing(monkeypatch, succeeds=True)

    def test_many_notifications_enqueue_one_task(self, published: list[str]) -> None:
        for _ in range(5):
            waking.wake(tasks.process_notifications)

        assert published == ["payments.process_notifications"]

    def test_a_task_that_has_begun_is_followed_by_another(self, published: list[str]) -> None:
        waking.wake(tasks.process_notifications)
        waking.awake()
        waking.wake(tasks.process_notifications)

        assert len(published) == 2

    def test_a_message_that_was_not_taken_is_sent_with_the_next_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries = publishing(monkeypatch, succeeds=False)

        waking.wake(tasks.process_notifications)
        waking.wake(tasks.process_notifications)

        assert len(tries) == 2

    @pytest.mark.usefixtures("committed")
    def test_one_task_works_off_more_than_a_claim_takes(self, settings: Any) -> None:
        settings.CONFIRM_WITH_GATEWAY = False
        for request in PaymentRequestFactory.create_batch(gathering.AT_ONCE + 5):
            store(xendit_says(request))

        tasks.process_notifications.delay()

        assert set(WebhookEvent.objects.values_list("outcome", flat=True)) == {"booked"}
