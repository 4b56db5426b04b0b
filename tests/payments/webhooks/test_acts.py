from typing import Any

import pytest

from apikeys.models import StaffAct
from apikeys.staff_acts.recording import MissingReason
from gateways.adapter import GatewayUnavailable
from invoices.models import Invoice, PaymentRequest, Transaction
from payments.models import WebhookEvent
from payments.webhooks import acts
from payments.webhooks.acts import NoPaymentToAskAbout, NotificationNotFailed, SecondPersonNeeded
from tests.apikeys.factories import NOON
from tests.conftest import Sandbox
from tests.invoices.factories import PaymentRequestFactory
from tests.payments.changes.test_proposals import open_invoice
from tests.payments.events import failed_event
from tests.staff import actor


def act_on(event: WebhookEvent, do: Any, **arguments: Any) -> Any:
    return do(actor=actor(), event_id=event.pk, now=NOON, **arguments)


def the_act() -> tuple[str, str | None, str]:
    act = StaffAct.objects.get()
    return act.act, act.outcome, act.reason


@pytest.fixture
def paid(committed: None, sandbox: Sandbox) -> WebhookEvent:
    """A failed notification of a payment that the gateway has, and PayTrust has not booked."""
    open_invoice()
    request = PaymentRequest.objects.get()
    sandbox.fault("xendit", "webhook_lost", times=5)
    sandbox.pay(str(request.payment_url))
    return failed_event(request)


@pytest.fixture
def stray(db: None) -> WebhookEvent:
    """A failed notification that names no payment of ours."""
    request = PaymentRequestFactory.create()
    return failed_event(
        request, reference="PT-9", body=b'{"id": "else", "external_id": "PT-9", "status": "PAID"}'
    )


class TestAskGateway:
    def test_books_its_answer_and_leaves_the_notification(self, paid: WebhookEvent) -> None:
        assert act_on(paid, acts.ask_gateway) == "booked"

        assert Invoice.objects.get().paid_amount == 6_000
        assert WebhookEvent.objects.get().status == "failed"
        assert the_act() == ("webhook_asked", "booked", "")
        assert StaffAct.objects.get().invoice_id == Invoice.objects.get().pk

    def test_books_nothing_twice(self, paid: WebhookEvent) -> None:
        act_on(paid, acts.ask_gateway)

        assert act_on(paid, acts.ask_gateway) == "already_booked"

        assert Transaction.objects.count() == 1

    def test_says_that_the_gateway_is_away(self, paid: WebhookEvent, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "http_503")

        with pytest.raises(GatewayUnavailable):
            act_on(paid, acts.ask_gateway)

        assert the_act()[1] == "gateway_unavailable"
        assert not Transaction.objects.exists()

    def test_refuses_where_there_is_no_payment(self, stray: WebhookEvent) -> None:
        with pytest.raises(NoPaymentToAskAbout):
            act_on(stray, acts.ask_gateway)

        assert the_act()[1] == "no_payment_to_ask_about"

    def test_refuses_what_did_not_fail(self, db: None) -> None:
        event = failed_event(PaymentRequestFactory.create(), status="processed", outcome="booked")

        with pytest.raises(NotificationNotFailed):
            act_on(event, acts.ask_gateway)

        assert not StaffAct.objects.exists()


class TestProcessAgain:
    def test_books_what_the_gateway_confirms(self, paid: WebhookEvent) -> None:
        event = act_on(paid, acts.process_again)

        assert (event.status, event.outcome) == ("processed", "booked")
        assert Invoice.objects.get().paid_amount == 6_000
        assert the_act() == ("webhook_retried", "booked", "")

    def test_tells_why_it_failed_again(self, stray: WebhookEvent) -> None:
        event = act_on(stray, acts.process_again)

        assert (event.status, event.outcome) == ("failed", event.outcome)
        act = StaffAct.objects.get()
        assert (act.outcome, act.message) == (event.outcome, event.failure_reason)

    def test_refuses_what_did_not_fail(self, db: None) -> None:
        event = failed_event(PaymentRequestFactory.create(), status="ignored")

        with pytest.raises(NotificationNotFailed):
            act_on(event, acts.process_again)

        assert WebhookEvent.objects.get().status == "ignored"


@pytest.mark.django_db
class TestIgnore:
    def test_sets_aside_what_bears_no_money(self) -> None:
        event = failed_event(PaymentRequestFactory.create(), says="EXPIRED")

        act_on(event, acts.ignore, reason="an old page")

        assert WebhookEvent.objects.get().status == "ignored"
        assert the_act() == ("webhook_ignored", "done", "an old page")

    @pytest.mark.parametrize("body", [None, b"no json", b'{"status": "NEW_WORD"}'])
    def test_needs_a_second_person_where_money_may_be(self, body: bytes | None) -> None:
        changes: dict[str, Any] = {} if body is None else {"body": body}
        event = failed_event(PaymentRequestFactory.create(), **changes)

        with pytest.raises(SecondPersonNeeded):
            act_on(event, acts.ignore, reason="an old page")

        assert WebhookEvent.objects.get().status == "failed"
        assert the_act()[1] == "second_person_needed"

    def test_refuses_no_reason(self) -> None:
        event = failed_event(PaymentRequestFactory.create(), says="EXPIRED")

        with pytest.raises(MissingReason):
            act_on(event, acts.ignore, reason="")

        assert WebhookEvent.objects.get().status == "failed"
