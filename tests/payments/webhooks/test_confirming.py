"""The way of a notification: stored once, processed, tried again, given up."""

import json
import logging
from datetime import datetime, timedelta
from hashlib import sha512
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from gateways.adapter import NotificationNotAuthentic
from invoices.models import (
    Installment,
    Invoice,
    InvoiceQuerySet,
    LedgerEntry,
    PaymentRequest,
    Transaction,
)
from payments import tasks
from payments.booking import settling
from payments.models import WebhookEvent, WebhookRetry
from payments.webhooks import confirming, receiving, retrying
from paytrust.operations import queue
from tests.apikeys.factories import NOON
from tests.concurrency.threads import at_once, locked_elsewhere
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body
from tests.invoices.factories import PaymentRequestFactory

TOKEN = {"x-callback-token": "TESTCALLBACKTOKEN0123456789abcdef"}
T0 = NOON + timedelta(days=1)  # when the first attempt is made
MINUTES = (1, 6, 36)
SERVER_KEY = "SB-Mid-server-TESTKEY"


def xendit_says(payment_request: PaymentRequest, status: str = "PAID", **fields: Any) -> bytes:
    """Return Xendit's callback about a demand, in whole currency."""
    amount = payment_request.amount / 100
    message = {
        "id": payment_request.gateway_payment_id,
        "external_id": payment_request.reference,
        "status": status,
        "amount": amount,
        "currency": payment_request.currency_code,
        "created": "2026-11-22T08:00:00.000Z",
        "updated": "2026-11-22T09:00:00.000Z",
    }
    if status == "PAID":
        message |= {
            "paid_amount": amount,
            "paid_at": "2026-11-22T09:00:00.000Z",
            "payment_method": "BANK_TRANSFER",
        }
    return json.dumps(message | fields).encode()


def store(body: bytes, **headers: str) -> WebhookEvent:
    event = receiving.receive(gateway_code="xendit", headers=TOKEN | headers, body=body, now=T0)
    assert event is not None
    return event


def books() -> tuple[list[Any], ...]:
    return tuple(
        list(model._default_manager.order_by("pk").values())
        for model in (Invoice, Installment, PaymentRequest, Transaction, LedgerEntry)
    )


def attempts() -> list[tuple[int, datetime, str]]:
    rows = WebhookRetry.objects.order_by("attempt")
    return list(rows.values_list("attempt", "attempted_at", "outcome"))


def criticals(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [record.msg for record in caplog.records if record.levelno == logging.CRITICAL]


@pytest.fixture
def demand(merchant: Merchant, sandbox: Sandbox) -> PaymentRequest:
    """An open demand whose notifications the gateway loses."""
    merchant.post("/invoices", json=invoice_body()).raise_for_status()
    sandbox.fault("xendit", "webhook_lost", times=9)
    return PaymentRequest.objects.get()


@pytest.fixture
def paid(demand: PaymentRequest, sandbox: Sandbox) -> PaymentRequest:
    assert demand.payment_url is not None
    sandbox.pay(demand.payment_url)
    return demand


@pytest.mark.django_db
class TestReceive:
    def test_stores_the_bytes_as_they_came_and_whose_they_are(self) -> None:
        request = PaymentRequestFactory.create()
        body = b" " + xendit_says(request) + b"\n"

        store(body, **{"webhook-id": "hook-1", "user-agent": "Xendit", "x-forwarded-for": "::1"})

        event = WebhookEvent.objects.get()
        assert (bytes(event.body), event.reference) == (body, request.reference)
        assert (event.tenant_id, event.gateway.code) == (request.tenant_id, "xendit")
        assert (event.status, event.outcome, event.attempts) == ("received", None, 0)
        assert event.received_at == T0
        assert event.next_attempt_at == T0

    def test_keeps_no_secret(self) -> None:
        store(xendit_says(PaymentRequestFactory.create()), **{"webhook-id": "hook-1"})

        assert WebhookEvent.objects.get().headers == {"webhook-id": "hook-1"}

    def test_a_second_copy_has_no_effect(self) -> None:
        body = xendit_says(PaymentRequestFactory.create())
        store(body)
        before = list(WebhookEvent.objects.values())

        again = receiving.receive(
            gateway_code="xendit", headers=TOKEN, body=body, now=T0 + timedelta(hours=1)
        )

        assert again is None
        assert list(WebhookEvent.objects.values()) == before

    def test_a_second_copy_for_nobody_has_no_effect_either(self) -> None:
        body = xendit_says(PaymentRequestFactory.create(), external_id="nobody", id="nobody")
        store(body)

        again = receiving.receive(gateway_code="xendit", headers=TOKEN, body=body, now=T0)

        assert again is None
        assert WebhookEvent.objects.get().tenant_id is None

    @pytest.mark.parametrize(
        "headers",
        [{}, {"x-callback-token": ""}, {"x-callback-token": "wrong"}, {"x-callback-token": "é"}],
    )
    def test_without_the_token_stores_nothing(self, headers: dict[str, str]) -> None:
        body = xendit_says(PaymentRequestFactory.create())

        with pytest.raises(NotificationNotAuthentic):
            receiving.receive(gateway_code="xendit", headers=headers, body=body, now=T0)

        assert not WebhookEvent.objects.exists()

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"PAID"', b"\xff", b'{"id": NaN}'])
    def test_what_cannot_be_read_is_kept_as_failed(self, body: bytes) -> None:
        event = store(body)

        assert (event.status, event.outcome) == ("failed", "malformed_notification")
        assert (event.next_attempt_at, event.processed_at) == (None, T0)
        assert event.failure_reason
        assert bytes(WebhookEvent.objects.get().body) == body


class TestProcess:
    def test_books_what_the_gateway_confirms(self, paid: PaymentRequest) -> None:
        event = store(xendit_says(paid))

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        row = Transaction.objects.get()
        assert (event.status, event.outcome) == ("processed", "booked")
        assert (event.processed_at, event.next_attempt_at, event.attempts) == (T0, None, 0)
        assert (row.booked_by.event, row.amount, row.tenant_id) == (
            event,
            paid.amount,
            paid.tenant_id,
        )
        assert Invoice.objects.get().status == "fully_paid"
        assert attempts() == []

    def test_run_again_changes_nothing(self, paid: PaymentRequest) -> None:
        event = store(xendit_says(paid))
        confirming.process(event_id=event.pk, now=T0)
        before = (books(), list(WebhookEvent.objects.values()))

        confirming.process(event_id=event.pk, now=T0 + timedelta(hours=1))

        assert (books(), list(WebhookEvent.objects.values())) == before

    def test_of_another_event_about_the_same_payment_books_it_once(
        self, paid: PaymentRequest
    ) -> None:
        for hook in ("hook-1", "hook-2"):
            event = store(xendit_says(paid), **{"webhook-id": hook})
            confirming.process(event_id=event.pk, now=T0)

        outcomes = WebhookEvent.objects.order_by("pk").values_list("outcome", flat=True)
        assert list(outcomes) == ["booked", "already_booked"]
        assert Transaction.objects.count() == 1

    def test_books_what_the_gateway_says_not_what_the_message_says(
        self, paid: PaymentRequest
    ) -> None:
        lie = xendit_says(paid, paid_amount=99_999_999.99, amount=99_999_999.99)

        confirming.process(event_id=store(lie).pk, now=T0)

        assert Transaction.objects.get().amount == paid.amount
        assert Invoice.objects.get().overpayment_amount == 0

    def test_fails_on_another_currency_though_the_gateway_says_it_is_paid(
        self, paid: PaymentRequest
    ) -> None:
        before = books()
        event = store(xendit_says(paid, currency="USD"))

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.outcome) == ("failed", "currency_mismatch")
        assert books() == before

    def test_sets_the_tenant_of_an_event_that_came_before_its_demand(
        self, paid: PaymentRequest
    ) -> None:
        event = store(xendit_says(paid))
        WebhookEvent.objects.update(tenant=None)

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert event.tenant_id == paid.tenant_id

    def test_of_a_reference_that_nobody_knows_fails_at_once(
        self, paid: PaymentRequest, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = books()
        event = store(xendit_says(paid, external_id="invoice_123124123", id="unknown"))

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.outcome) == ("failed", "unknown_reference")
        assert (event.processed_at, event.next_attempt_at, event.attempts) == (T0, None, 1)
        assert attempts() == [(1, T0, "unknown_reference")]
        assert len(criticals(caplog)) == 1
        assert books() == before

    @pytest.mark.usefixtures("committed")
    def test_of_another_gateways_payment_is_of_an_unknown_reference(self) -> None:
        request = PaymentRequestFactory.create(gateway_id=2)

        event = store(xendit_says(request))
        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.outcome) == ("failed", "unknown_reference")
        assert event.tenant_id is None
        assert not Transaction.objects.exists()

    @pytest.mark.parametrize("fault", ["http_500", "connection_reset", "html_502"])
    def test_with_the_gateway_in_trouble_is_put_off(
        self, paid: PaymentRequest, sandbox: Sandbox, fault: str
    ) -> None:
        event = store(xendit_says(paid))
        before = books()
        sandbox.fault("xendit", fault)

        confirming.process(event_id=event.pk, now=T0)
        event.refresh_from_db()
        put_off = (event.status, event.outcome, event.next_attempt_at, books() == before)
        confirming.process(event_id=event.pk, now=T0 + timedelta(minutes=1))

        event.refresh_from_db()
        assert put_off == (
            "received",
            "gateway_unavailable",
            T0 + timedelta(minutes=1),
            True,
        )
        assert (event.status, event.outcome) == ("processed", "booked")
        assert event.failure_reason is None
        assert attempts() == [
            (1, T0, "gateway_unavailable"),
            (2, T0 + timedelta(minutes=1), "booked"),
        ]

    def test_with_the_invoice_locked_is_put_off(
        self, paid: PaymentRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event = store(xendit_says(paid))
        locked = InvoiceQuerySet.locked  # the lock time-out of 5 s, three times, is too long here
        monkeypatch.setattr(InvoiceQuerySet, "locked", lambda rows: locked(rows, nowait=True))

        with locked_elsewhere(Invoice.objects.all()):
            confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.outcome) == ("received", "payment_in_progress")
        assert event.next_attempt_at == T0 + timedelta(minutes=1)
        assert not Transaction.objects.exists()

    def test_calls_no_gateway_inside_a_transaction(self, paid: PaymentRequest) -> None:
        event = store(xendit_says(paid))

        with transaction.atomic():
            confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.outcome) == ("received", "internal_error")
        assert "gateway was about to be called in a transaction" in (event.failure_reason or "")
        assert not Transaction.objects.exists()


class TestPutOff:
    def test_one_six_and_thirty_six_minutes_after_the_first_failure_then_given_up(
        self, demand: PaymentRequest, caplog: pytest.LogCaptureFixture
    ) -> None:
        event = store(xendit_says(demand))  # says paid; the gateway does not
        before = books()
        due = []

        for attempt_at in (T0, *(T0 + timedelta(minutes=minutes) for minutes in MINUTES)):
            assert criticals(caplog) == []
            confirming.process(event_id=event.pk, now=attempt_at)
            event.refresh_from_db()
            due.append((event.status, event.next_attempt_at))

        assert due == [
            *(("received", T0 + timedelta(minutes=minutes)) for minutes in MINUTES),
            ("failed", None),
        ]
        assert (event.outcome, event.attempts) == ("not_confirmed", 4)
        assert (event.first_failed_at, event.processed_at) == (T0, T0 + timedelta(minutes=36))
        assert attempts() == [
            (number, T0 + timedelta(minutes=minutes), "not_confirmed")
            for number, minutes in enumerate((0, *MINUTES), start=1)
        ]
        (critical,) = criticals(caplog)
        assert (critical["event_id"], critical["gateway"]) == (event.pk, "xendit")
        assert critical["reference"] == demand.reference
        assert books() == before

    def test_counts_from_the_first_failure_however_late_an_attempt_is(
        self, demand: PaymentRequest
    ) -> None:
        event = store(xendit_says(demand))
        confirming.process(event_id=event.pk, now=T0)

        confirming.process(event_id=event.pk, now=T0 + timedelta(minutes=4))

        event.refresh_from_db()
        assert event.next_attempt_at == T0 + timedelta(minutes=6)

    def test_is_booked_once_the_gateway_agrees(
        self, demand: PaymentRequest, sandbox: Sandbox
    ) -> None:
        event = store(xendit_says(demand))
        confirming.process(event_id=event.pk, now=T0)
        assert demand.payment_url is not None
        sandbox.pay(demand.payment_url)

        confirming.process(event_id=event.pk, now=T0 + timedelta(minutes=1))

        event.refresh_from_db()
        assert (event.status, event.outcome, event.attempts) == ("processed", "booked", 2)
        assert Invoice.objects.get().status == "fully_paid"

    def test_after_it_has_failed_nothing_more_is_tried(self, demand: PaymentRequest) -> None:
        event = store(xendit_says(demand))
        WebhookEvent.objects.update(status="failed", next_attempt_at=None)

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.attempts) == ("failed", 0)
        assert attempts() == []


@pytest.mark.django_db
class TestWithoutConfirmation:
    @pytest.fixture(autouse=True)
    def _trusting(self, settings: Any) -> None:
        settings.CONFIRM_WITH_GATEWAY = False

    def test_books_what_the_message_says(self) -> None:
        request = PaymentRequestFactory.create()
        event = store(xendit_says(request))

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        connection.check_constraints()
        assert (event.status, event.outcome) == ("processed", "booked")
        assert Transaction.objects.get().amount == 10_000
        assert Invoice.objects.get().status == "fully_paid"

    def test_fails_on_another_currency_and_changes_no_balance(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        event = store(xendit_says(PaymentRequestFactory.create(), currency="USD"))
        before = books()

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.outcome) == ("failed", "currency_mismatch")
        assert attempts() == [(1, T0, "currency_mismatch")]
        assert books() == before
        assert [line["event_id"] for line in criticals(caplog)] == [event.pk]

    def test_an_expiry_ends_the_payment(self) -> None:
        event = store(xendit_says(PaymentRequestFactory.create(), "EXPIRED"))

        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.outcome) == ("processed", "ended")
        assert Invoice.objects.get().status == "expired"

    def test_one_at_work_keeps_others_away_until_its_lease_lapses(self) -> None:
        event = store(xendit_says(PaymentRequestFactory.create()))
        WebhookEvent.objects.update(leased_until=T0 + timedelta(seconds=1))

        confirming.process(event_id=event.pk, now=T0)
        untouched = not Transaction.objects.exists()
        confirming.process(event_id=event.pk, now=T0 + timedelta(seconds=1))

        assert untouched
        assert Transaction.objects.count() == 1

    def test_a_bug_is_put_off_logged_and_leaves_nothing(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        event = store(xendit_says(PaymentRequestFactory.create()))
        before = books()

        def break_down(**_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(settling, "settle_within", break_down)
        confirming.process(event_id=event.pk, now=T0)

        event.refresh_from_db()
        assert (event.status, event.outcome) == ("received", "internal_error")
        assert event.next_attempt_at == T0 + timedelta(minutes=1)
        assert [r for r in caplog.records if r.levelno == logging.ERROR]
        assert books() == before


def midtrans_message(status_code: str, **fields: str) -> bytes:
    message = {
        "order_id": "PT-1-1-1-AAAAAA",
        "transaction_id": "57d5293c-e65f-4a29-95e4-5959c3fa335b",
        "transaction_status": "settlement",
        "transaction_time": "2026-11-22 16:00:00",
        "settlement_time": "2026-11-22 16:01:00",
        "fraud_status": "accept",
        "payment_type": "qris",
        "gross_amount": "10000.00",
        "currency": "IDR",
        "status_code": status_code,
        **fields,
    }
    signed = message["order_id"] + status_code + message["gross_amount"] + SERVER_KEY
    return json.dumps(message | {"signature_key": sha512(signed.encode()).hexdigest()}).encode()


@pytest.mark.django_db
class TestMidtransFieldsThatContradictEachOther:
    @pytest.mark.parametrize(
        ("code", "status"),
        [("201", "settlement"), ("202", "settlement"), ("200", "pending"), ("200", "deny")],
    )
    def test_are_kept_as_failed_though_the_signature_fits(self, code: str, status: str) -> None:
        body = midtrans_message(code, transaction_status=status)

        event = receiving.receive(gateway_code="midtrans", headers={}, body=body, now=T0)

        assert event is not None
        assert (event.status, event.outcome) == ("failed", "malformed_notification")
        assert event.next_attempt_at is None

    def test_agreeing_are_taken(self) -> None:
        event = receiving.receive(
            gateway_code="midtrans", headers={}, body=midtrans_message("200"), now=T0
        )

        assert event is not None
        assert (event.status, event.reference) == ("received", "PT-1-1-1-AAAAAA")

    def test_a_forged_signature_stores_nothing(self) -> None:
        body = midtrans_message("200").replace(b"10000.00", b"10000.01")

        with pytest.raises(NotificationNotAuthentic):
            receiving.receive(gateway_code="midtrans", headers={}, body=body, now=T0)

        assert not WebhookEvent.objects.exists()


def waiting(number: int, due_at: datetime, **fields: Any) -> int:
    return WebhookEvent.objects.create(
        gateway_id=1,
        event_id=f"event-{number}",
        body=b"{}",
        received_at=NOON,
        next_attempt_at=due_at,
        **fields,
    ).pk


class TestClaimDue:
    @pytest.mark.django_db
    def test_takes_what_is_due_oldest_first_and_no_more_than_asked(self) -> None:
        second, first, _later = (
            waiting(number, T0 + timedelta(seconds=after))
            for number, after in enumerate((-1, -2, 1))
        )
        third = waiting(3, T0)
        waiting(4, T0, status="failed")
        waiting(5, T0, status="processed")

        assert retrying.claim_due(now=T0, limit=2) == [first, second]
        assert retrying.claim_due(now=T0, limit=500) == [third]
        assert retrying.claim_due(now=T0, limit=500) == []

    @pytest.mark.django_db
    def test_hands_a_lost_task_out_again_later(self) -> None:
        event = waiting(1, T0)
        retrying.claim_due(now=T0, limit=500)
        due_again = WebhookEvent.objects.get().next_attempt_at

        assert due_again is not None
        assert due_again > T0
        assert retrying.claim_due(now=due_again - timedelta(seconds=1), limit=500) == []
        assert retrying.claim_due(now=due_again, limit=500) == [event]

    @pytest.mark.usefixtures("committed")
    def test_leaves_what_somebody_else_holds(self) -> None:
        held, free = waiting(1, T0), waiting(2, T0)

        with locked_elsewhere(WebhookEvent.objects.filter(pk=held)):
            claimed = retrying.claim_due(now=T0, limit=500)

        assert claimed == [free]

    @pytest.mark.usefixtures("committed")
    def test_gives_each_to_one_of_many_claimants(self) -> None:
        events = [waiting(number, T0) for number in range(40)]

        shares = at_once(*[lambda: retrying.claim_due(now=T0, limit=7)] * 8)

        claimed = [event for share in shares for event in share]  # type: ignore[union-attr]
        assert len(claimed) == len(set(claimed))
        rest = retrying.claim_due(now=T0, limit=500)
        assert sorted(claimed + rest) == events


@pytest.mark.usefixtures("committed")
class TestBrokerAway:
    @pytest.fixture(autouse=True)
    def _away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_args: object, **_options: object) -> None:
            raise OperationalError("connection refused")

        monkeypatch.setattr(tasks.process_notifications, "apply_async", refuse)
        monkeypatch.setattr(queue.switch, "away_until", 0.0)

    def test_a_notification_is_answered_and_stays_due(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = xendit_says(PaymentRequestFactory.create())

        answer = Client().post(
            "/webhooks/xendit", body, content_type="application/json", headers=TOKEN
        )

        event = WebhookEvent.objects.get()
        assert answer.status_code == 200
        assert (event.status, event.attempts) == ("received", 0)
        assert event.next_attempt_at is not None
        assert event.next_attempt_at <= timezone.now() + timedelta(minutes=1)

    def test_the_beat_job_processes_it_when_the_broker_is_back(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.CONFIRM_WITH_GATEWAY = False
        Client().post(
            "/webhooks/xendit",
            xendit_says(PaymentRequestFactory.create()),
            content_type="application/json",
            headers=TOKEN,
        )
        still_away = WebhookEvent.objects.get().status
        monkeypatch.undo()
        monkeypatch.setattr(queue.switch, "away_until", 0.0)
        settings.CONFIRM_WITH_GATEWAY = False
        tasks.process_notifications.delay()

        assert still_away == "received"
        assert WebhookEvent.objects.get().outcome == "booked"
        assert Invoice.objects.get().status == "fully_paid"
