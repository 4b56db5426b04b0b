"""Payments that stayed `closing`: who tries again, when, and how a call with a key is answered."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from apikeys.idempotency.once import Once
from apikeys.models import IdempotencyRecord
from gateways import registry
from gateways.adapter import GatewayUnavailable
from gateways.budgets.pacing import Priority
from invoices.models import PaymentRequest
from invoices.payment_requests.leases import PaymentInProgress
from payments import tasks
from payments.changes import closing
from paytrust.operations import rounds
from tests.apikeys.factories import NOON
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body
from tests.invoices.factories import PaymentRequestFactory

A_MINUTE = timedelta(minutes=1)


class Gateway:
    """Closes no payment but one; remembers what it was asked, and how urgently."""

    code = "xendit"

    def __init__(self) -> None:
        self.closes = ""
        self.asked: list[str] = []
        self.priorities: list[Priority] = []

    def adapter_for(self, *_: object, priority: Priority, **_of: object) -> "Gateway":
        self.priorities.append(priority)
        return self

    def expire_payment(self, *, reference: str, **_: object) -> None:
        self.asked.append(reference)
        if reference != self.closes:
            raise GatewayUnavailable(self.code, "away")


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    made = Gateway()
    monkeypatch.setattr(registry, "adapter_for", made.adapter_for)
    monkeypatch.setattr(closing, "release_connection", lambda: None)
    return made


def left(*, since: datetime) -> PaymentRequest:
    return PaymentRequestFactory.create(status="closing", leased_until=None, next_check_at=since)


@pytest.mark.django_db
class TestTheJob:
    @pytest.fixture
    def at(self, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
        """The time of the next round."""
        times = [NOON]
        monkeypatch.setattr(timezone, "now", lambda: times[-1])
        return times

    def test_lets_no_payment_wait_for_those_that_cannot_be_closed(
        self, gateway: Gateway, at: list[datetime], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rounds, "MOST", 3)
        for _ in range(4):
            left(since=NOON - A_MINUTE)
        younger = left(since=NOON)
        gateway.closes = younger.reference

        tasks.close_payments()
        at.append(NOON + timedelta(seconds=10))
        tasks.close_payments()

        younger.refresh_from_db()
        assert younger.status == PaymentRequest.Status.CANCELLED
        assert len(set(gateway.asked)) == len(gateway.asked) == 5

    def test_tries_again_after_a_minute(self, gateway: Gateway, at: list[datetime]) -> None:
        left(since=NOON)

        for seconds in (0, 10, 59, 61):
            at.append(NOON + timedelta(seconds=seconds))
            tasks.close_payments()

        assert len(gateway.asked) == 2

    def test_leaves_budget_to_merchants_who_wait(
        self, gateway: Gateway, at: list[datetime]
    ) -> None:
        left(since=NOON)

        tasks.close_payments()

        assert at == [NOON]
        assert gateway.priorities == [Priority.CONFIRMATION]


@pytest.mark.django_db
def test_a_lease_after_a_slow_closing_has_its_whole_length(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = left(since=NOON)
    gateway.closes = waiting.reference
    clock = iter([100.0, 145.0])
    monkeypatch.setattr(closing, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    times = []

    def open_payment(*, now: datetime, **_: object) -> tuple[Any, bool]:
        times.append(now)
        if len(times) == 1:
            raise PaymentInProgress
        return None, True

    monkeypatch.setattr("invoices.payment_requests.opening.open_payment", open_payment)

    closing.open_payment(
        tenant=waiting.tenant, invoice_id=waiting.invoice_id, once=Once(now=NOON), now=NOON
    )

    assert times == [NOON, NOON + timedelta(seconds=45)]


class TestACallWithAKey:
    """`POST .../payments` first closes what a failed adjustment left open."""

    @pytest.fixture
    def path(self, merchant: Merchant, sandbox: Sandbox) -> str:
        body = invoice_body(installments={"count": 2})
        invoice = merchant.post("/invoices", json=body).json()
        sandbox.fault("xendit", "http_500", times=1)
        named = {"installments": [{"number": 1, "total": 5000}]}
        failed = merchant.patch(f"/invoices/{invoice['id']}/installments", json=named)
        assert failed.status_code == 502
        return f"/invoices/{invoice['id']}/payments"

    def test_binds_the_key_before_the_gateway_is_asked(
        self, merchant: Merchant, sandbox: Sandbox, path: str
    ) -> None:
        sandbox.fault("xendit", "http_500", times=1)
        key = {"Idempotency-Key": "k-1"}

        failed = merchant.post(path, json={}, headers=key)
        other = merchant.post(path, json={"installment_number": 1}, headers=key)
        again = merchant.post(path, json={}, headers=key)

        assert (failed.status_code, other.status_code, again.status_code) == (502, 422, 201)
        assert other.json()["error"] == "idempotency_key_reused"
        assert IdempotencyRecord.objects.filter(key="k-1").count() == 1

    def test_is_answered_again_without_asking_a_gateway(
        self, merchant: Merchant, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = {"Idempotency-Key": "k-1"}
        first = merchant.post(path, json={}, headers=key)
        opened = PaymentRequest.objects.get(status="open")
        now = timezone.now()
        PaymentRequest.objects.filter(pk=opened.pk).update(status="closing", next_check_at=now)
        PaymentRequestFactory.create(  # another call is at its gateway
            invoice=opened.invoice,
            installment=opened.invoice.installments.get(number=2),
            status="opening",
            leased_until=now + A_MINUTE,
        )
        asked: list[object] = []
        monkeypatch.setattr(closing, "close", lambda **given: asked.append(given))

        again = merchant.post(path, json={}, headers=key)

        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        opened.refresh_from_db()
        assert (asked, opened.leased_until) == ([], None)
