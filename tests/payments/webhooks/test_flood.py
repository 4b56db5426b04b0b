"""Many paid invoices at once on one account: few calls confirm them, within its budget (12)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.utils import timezone

from gateways import registry
from gateways.adapter import GatewayBusy, PaymentOrder
from gateways.budgets import breaker, pacing
from gateways.budgets.pacing import Priority
from invoices.models import PaymentRequest, Transaction
from payments.models import WebhookEvent, WebhookRetry
from payments.webhooks import confirming, gathering, receiving, retrying
from paytrust.money import Money
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body
from tests.invoices.factories import PaymentRequestFactory
from tests.payments.webhooks.test_confirming import T0, TOKEN, books, xendit_says

FLOOD = 150


@dataclass(frozen=True)
class Calls:
    """The calls that were made, as they are logged."""

    logs: Sequence[Any]

    @property
    def paths(self) -> list[str]:
        return [str(one["path"]) for one in self.logs if one["event"] == "gateway call"]


@pytest.fixture
def calls(sale: list[PaymentRequest]) -> Iterator[Calls]:
    """Those after the sale."""
    with structlog.testing.capture_logs() as logs:
        yield Calls(logs)


@pytest.fixture
def sale(committed: None, sandbox: Sandbox, request: pytest.FixtureRequest) -> list[PaymentRequest]:
    """Demands that customers have paid at Xendit, whose notifications are still to come."""
    number = getattr(request, "param", 8)
    sandbox.fault("xendit", "webhook_lost", times=number)
    adapter = registry.adapter_for("xendit")
    demands = [PaymentRequestFactory.create() for _ in range(number)]

    def open_and_pay(demand: PaymentRequest) -> str:
        now = timezone.now()
        page = adapter.create_payment(
            PaymentOrder(
                reference=demand.reference,
                amount=Money(demand.amount, demand.currency_code),
                description="flood",
                created_at=now,
                expires_at=now + timedelta(hours=1),
            )
        )
        assert page.url is not None
        assert page.gateway_id is not None
        sandbox.pay(page.url)
        return page.gateway_id

    with ThreadPoolExecutor(4) as pool:
        for demand, gateway_id in zip(demands, pool.map(open_and_pay, demands), strict=True):
            demand.gateway_payment_id, demand.opened_at = gateway_id, timezone.now()
            demand.save(update_fields=["gateway_payment_id", "opened_at"])
    return demands


@pytest.fixture
def at_600_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.GATEWAY_CALLS_PER_MINUTE, "xendit", 600)


def notified(demand: PaymentRequest, *, now: datetime = T0, **fields: Any) -> WebhookEvent:
    """Store what Xendit says: paid when it was opened, give or take a moment."""
    paid_at = f"{demand.opened_at:%Y-%m-%dT%H:%M:%S}.000Z"
    body = xendit_says(demand, paid_at=paid_at, **fields)
    event = receiving.receive(gateway_code="xendit", headers=TOKEN, body=body, now=now)
    assert event is not None
    return event


def outcomes() -> set[tuple[str, str | None, int]]:
    return set(WebhookEvent.objects.values_list("status", "outcome", "attempts"))


@pytest.mark.parametrize("sale", [FLOOD], indirect=True)
def test_a_flood_is_confirmed_page_by_page(
    sale: list[PaymentRequest], at_600_a_minute: None, calls: Calls
) -> None:
    events = [notified(demand) for demand in sale]

    for event in events:
        confirming.process(event_id=event.pk, now=T0)

    assert outcomes() == {("processed", "booked", 0)}
    assert Transaction.objects.count() == FLOOD
    first, second = calls.paths
    for asked in (first, second):
        assert asked.startswith("/xendit/v2/invoices?paid_after=")
        assert "&paid_before=" in asked
        assert "statuses=PAID&statuses=SETTLED" in asked
    assert "last_invoice=" not in first
    assert "last_invoice=" in second


@pytest.mark.parametrize("sale", [FLOOD], indirect=True)
def test_a_steady_stream_lets_its_batches_grow(
    sale: list[PaymentRequest], at_600_a_minute: None, calls: Calls
) -> None:
    """15 in each of ten seconds, each of which wakes a worker, and then beat alone."""
    for second in range(10):
        now = T0 + timedelta(seconds=second)
        for demand in sale[second * 15 : second * 15 + 15]:
            notified(demand, now=now)
            confirming.process_due(now=now)
    while confirming.process_due(now=T0 + timedelta(minutes=3)):
        pass

    assert outcomes() == {("processed", "booked", 0)}
    assert not WebhookRetry.objects.exists()
    assert len(calls.paths) <= 25


def test_many_notifications_about_one_payment_ask_and_book_once(
    sale: list[PaymentRequest], calls: Calls
) -> None:
    events = [notified(sale[0], note=number) for number in range(200)]

    for event in events:
        confirming.process(event_id=event.pk, now=T0)

    assert Transaction.objects.count() == 1
    assert len(calls.paths) == 1
    found = Counter(WebhookEvent.objects.values_list("outcome", flat=True))
    assert found == {"booked": 1, "already_booked": 199}


def test_what_a_row_does_not_tell_is_asked_for_singly(
    sale: list[PaymentRequest], sandbox: Sandbox, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.xendit.adapter._complete", lambda _rows: iter(()))
    events = [notified(demand) for demand in sale[:6]]

    confirming.process(event_id=events[0].pk, now=T0)

    assert outcomes() == {("processed", "booked", 0)}
    asked = [path.split("?")[0] for path in calls.paths]
    assert asked[0] == "/xendit/v2/invoices"
    assert len(asked) == 7


class TestALimit:
    def test_costs_an_event_no_attempt(
        self, sale: list[PaymentRequest], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event, before = notified(sale[0]), books()
        sandbox.fault("xendit", "rate_limit", delay_s=30)

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.attempts, event.first_failed_at) == ("received", 0, None)
        assert event.next_attempt_at is not None
        assert timedelta(seconds=29) < event.next_attempt_at - T0 <= timedelta(seconds=45)
        assert not WebhookRetry.objects.exists()
        assert books() == before
        assert breaker.health_of("xendit").consecutive_failures == 0


@pytest.mark.parametrize(("gateway", "body"), [("xendit", invoice_body), ("midtrans", rupiah_body)])
def test_a_create_without_budget_answers_busy_and_resumes(
    merchant: Merchant, sandbox: Sandbox, gateway: str, body: Any
) -> None:
    sandbox.fault(gateway, "rate_limit", delay_s=30)
    wanted = body(external_id="order-77")

    busy = merchant.post("/invoices", json=wanted)
    again = merchant.post("/invoices", json=wanted)  # within our own knowledge of the limit
    drafts = PaymentRequest.objects.values_list("status", "payment_url")
    seen, charges = list(drafts), sandbox.charges()
    caller = registry.caller_for(gateway, account_id=None, priority=Priority.MERCHANT)
    pacing.reset(caller)
    resumed = merchant.post("/invoices", json=wanted)

    assert (busy.status_code, busy.json()["error"]) == (503, "gateway_busy")
    assert busy.headers["Retry-After"] == "30"
    assert (again.status_code, again.json()["error"]) == (503, "gateway_busy")
    assert seen == [("opening", None)]
    assert charges == []
    assert resumed.status_code == 201
    assert len(sandbox.charges()) == 1


def test_a_short_limit_is_waited_for(merchant: Merchant, sandbox: Sandbox) -> None:
    sandbox.fault("xendit", "rate_limit", delay_s=1)

    made = merchant.post("/invoices", json=invoice_body())

    assert made.status_code == 201
    assert len(sandbox.charges()) == 1


class TestSpread:
    """Where each payment costs a call, what waits comes again at the budget's pace."""

    @pytest.fixture
    def waiting(self, committed: None, monkeypatch: pytest.MonkeyPatch) -> list[WebhookEvent]:
        for code in ("xendit", "midtrans"):
            monkeypatch.setitem(settings.GATEWAY_CALLS_PER_MINUTE, code, 60)
        return [
            WebhookEvent.objects.create(
                gateway_id=gateway_id,
                event_id=f"waiting-{gateway_id}-{number}",
                body=b"{}",
                headers={},
                received_at=T0,
                next_attempt_at=T0,
            )
            for gateway_id in (1, 2)
            for number in range(90)
        ]

    def test_grows_with_what_waits_at_midtrans(self, waiting: list[WebhookEvent]) -> None:
        assert gathering.spread(waiting[-1]) == timedelta(minutes=1)  # 90 of 45 a minute, halved

        WebhookEvent.objects.filter(pk__in=[one.pk for one in waiting[90:135]]).update(
            status="ignored", next_attempt_at=None, outcome="x", processed_at=T0
        )
        assert gathering.spread(waiting[-1]) == timedelta(seconds=30)

    def test_is_nothing_where_there_is_a_list(self, waiting: list[WebhookEvent]) -> None:
        assert gathering.spread(waiting[0]) == timedelta()

    def test_is_nothing_without_a_figure(
        self, waiting: list[WebhookEvent], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(settings.GATEWAY_CALLS_PER_MINUTE, "midtrans", 0)
        assert gathering.spread(waiting[-1]) == timedelta()

    def test_decides_when_events_come_again(self, waiting: list[WebhookEvent]) -> None:
        busy = GatewayBusy("midtrans", retry_after_seconds=2)
        events = waiting[90:]

        for event in events:
            retrying.come_again([event], busy, T0, spread=timedelta(minutes=1))

        due = [
            one - T0
            for one in WebhookEvent.objects.filter(gateway_id=2).values_list(
                "next_attempt_at", flat=True
            )
            if one is not None
        ]
        assert len(due) == 90
        assert min(due) >= timedelta(seconds=2)
        assert max(due) <= timedelta(seconds=62)
        assert max(due) - min(due) > timedelta(seconds=30)
