"""Many tasks work on one notification, and many on one queue."""

import re
import time
from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError

from gateways import registry
from gateways.adapter import PaymentReport
from invoices.models import PaymentRequest, Transaction
from payments.models import WebhookEvent
from payments.webhooks import confirming, receiving, retrying
from tests.apikeys.factories import NOON
from tests.concurrency.threads import at_once
from tests.invoices.factories import PaymentRequestFactory
from tests.payments.reports import report
from tests.payments.webhooks.test_confirming import TOKEN, xendit_says
from tests.payments.webhooks.test_operator_views import event

pytestmark = pytest.mark.usefixtures("committed")

TASKS = 8


class SlowGateway:
    """Says that everything is paid, after a while, and counts who asks."""

    code = "xendit"

    def __init__(self, payment_request: PaymentRequest) -> None:
        self.asked, self._answer = 0, report(payment_request)

    def find_payment(self, **_asked: object) -> PaymentReport:
        self.asked += 1
        time.sleep(0.2)  # long enough for the others to come in
        return self._answer


@pytest.fixture
def payment_request() -> PaymentRequest:
    return PaymentRequestFactory.create(gateway_payment_id="6968a1f0d4e5f60001a00001")


@pytest.fixture
def stored(payment_request: PaymentRequest) -> WebhookEvent:
    body = (
        f'{{"id": "6968a1f0d4e5f60001a00001", "external_id": "{payment_request.reference}",'
        ' "status": "PAID", "amount": 100, "currency": "MYR"}'
    )
    return event(body=body.encode(), status="received", next_attempt_at=NOON, attempts=0)


@pytest.fixture
def gateway(payment_request: PaymentRequest, monkeypatch: pytest.MonkeyPatch) -> SlowGateway:
    gateway = SlowGateway(payment_request)
    real = registry.adapter_for("xendit")
    gateway.parse_notification = real.parse_notification  # type: ignore[attr-defined]  # as it is
    monkeypatch.setattr(registry, "adapter_for", lambda _code, **_: gateway)
    return gateway


def copies_at_once(payment_request: PaymentRequest) -> list[WebhookEvent | Exception | None]:
    body = xendit_says(payment_request)

    def receive() -> WebhookEvent | None:
        return receiving.receive(gateway_code="xendit", headers=TOKEN, body=body, now=NOON)

    return at_once(*[receive] * TASKS)


def test_of_many_copies_at_once_one_is_stored(payment_request: PaymentRequest) -> None:
    received = copies_at_once(payment_request)

    assert [one for one in received if one is not None] == [WebhookEvent.objects.get()]


def test_control_without_on_conflict_the_other_copies_are_errors(
    payment_request: PaymentRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = re.sub("ON CONFLICT .* DO NOTHING", "", receiving._STORE_FOR_ITS_OWNER)
    monkeypatch.setattr(receiving, "_STORE_FOR_ITS_OWNER", plain)

    received = copies_at_once(payment_request)

    assert sum(isinstance(one, IntegrityError) for one in received) == TASKS - 1
    assert WebhookEvent.objects.count() == 1


def test_one_of_many_tasks_processes_a_notification(
    stored: WebhookEvent, gateway: SlowGateway
) -> None:
    at_once(*[lambda: confirming.process(event_id=stored.pk, now=NOON)] * TASKS)

    stored.refresh_from_db()
    assert (gateway.asked, stored.outcome) == (1, "booked")
    assert Transaction.objects.count() == 1


def test_control_without_the_lease_all_ask_and_it_is_booked_once_all_the_same(
    stored: WebhookEvent, gateway: SlowGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "lease", lambda **_: True)

    at_once(*[lambda: confirming.process(event_id=stored.pk, now=NOON)] * TASKS)

    assert gateway.asked == TASKS
    assert Transaction.objects.count() == 1


def test_each_due_notification_is_handed_to_one_of_many() -> None:
    due = [
        event(number, status="received", next_attempt_at=NOON - timedelta(seconds=number)).pk
        for number in range(40)
    ]
    claimed: Counter[int] = Counter()

    at_once(*[lambda: claimed.update(retrying.claim_due(now=NOON, limit=10))] * TASKS)

    assert set(claimed.values()) == {1}
    claimed.update(retrying.claim_due(now=NOON, limit=100))
    assert claimed == Counter(due)
