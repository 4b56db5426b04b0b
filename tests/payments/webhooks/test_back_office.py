from typing import Any

import pytest
from django.test import Client

from apikeys.models import StaffAct
from invoices.models import Invoice
from payments.models import Proposal, WebhookEvent
from paytrust.staff import roles
from tests.conftest import Sandbox
from tests.invoices.factories import PaymentRequestFactory
from tests.payments.events import failed_event
from tests.payments.webhooks.test_acts import paid, stray  # noqa: F401  # fixtures
from tests.staff import member


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(member(roles.OPERATOR))
    return client


def address(event: WebhookEvent, act: str = "change") -> str:
    return f"/admin/payments/webhookevent/{event.pk}/{act}/"


def said(client: Client, to: str, **filled: Any) -> list[str]:
    """Send a form and return what the page that it leads to says."""
    answer = client.post(to, filled, follow=True)
    assert answer.redirect_chain, answer.context["form"].errors
    return [str(message) for message in answer.context["messages"]]


@pytest.mark.django_db
class TestTheQueue:
    def test_shows_what_failed_newest_first_and_why(self, client: Client) -> None:
        older = failed_event(PaymentRequestFactory.create())
        newer = failed_event(PaymentRequestFactory.create(), outcome="unknown_reference")
        failed_event(PaymentRequestFactory.create(), status="processed", outcome="booked")

        page = client.get("/admin/payments/webhookevent/?status__exact=failed")

        assert [row.pk for row in page.context["cl"].result_list] == [newer.pk, older.pk]
        assert "It names a payment that PayTrust never asked for." in page.text

    def test_tells_in_words_what_one_would_change(self, client: Client) -> None:
        request = PaymentRequestFactory.create()

        page = client.get(address(failed_event(request)))

        assert "Says that RM\N{NO-BREAK SPACE}100.00 was paid." in page.text
        assert f"It is about {request.reference} of invoice {request.invoice_id}." in page.text
        assert address(WebhookEvent.objects.get(), "ignore") in page.text

    def test_offers_nothing_where_nothing_failed(self, client: Client) -> None:
        event = failed_event(PaymentRequestFactory.create(), status="processed", outcome="booked")

        page = client.get(address(event))

        assert address(event, "again") not in page.text

    @pytest.mark.parametrize("event_id", ["0", "x", "99999999999"])
    def test_knows_no_other(self, client: Client, event_id: str) -> None:
        page = client.get(f"/admin/payments/webhookevent/{event_id}/again/")

        assert page.status_code == 404


@pytest.mark.usefixtures("committed")
class TestAsking:
    def test_asks_first_and_changes_nothing_by_that(
        self,
        client: Client,
        paid: WebhookEvent,  # noqa: F811
    ) -> None:
        page = client.get(address(paid, "ask"))

        assert "Ask the gateway?" in page.text
        assert not StaffAct.objects.exists()

    def test_books_and_says_so(self, client: Client, paid: WebhookEvent) -> None:  # noqa: F811
        assert said(client, address(paid, "ask")) == [
            "The gateway says it is paid, and the money is booked."
        ]

        assert Invoice.objects.get().paid_amount == 6_000

    def test_keeps_the_page_and_says_that_the_gateway_is_away(
        self,
        client: Client,
        sandbox: Sandbox,
        paid: WebhookEvent,  # noqa: F811
    ) -> None:
        sandbox.fault("xendit", "http_503")

        page = client.post(address(paid, "ask"))

        assert page.status_code == 502
        assert "The gateway is away. Nothing was changed; try again later." in page.text


class TestProcessingAgain:
    @pytest.mark.usefixtures("committed")
    def test_books_and_says_so(
        self,
        client: Client,
        paid: WebhookEvent,  # noqa: F811
    ) -> None:
        assert said(client, address(paid, "again")) == [
            "The gateway says it is paid, and the money is booked."
        ]

        assert WebhookEvent.objects.get().status == "processed"

    @pytest.mark.django_db
    def test_says_why_it_failed_again(
        self,
        client: Client,
        stray: WebhookEvent,  # noqa: F811
    ) -> None:
        assert len(said(client, address(stray, "again"))) == 1

        assert WebhookEvent.objects.get().status == "failed"


@pytest.mark.django_db
class TestIgnoring:
    def test_is_done_at_once_where_no_money_is(self, client: Client) -> None:
        event = failed_event(PaymentRequestFactory.create(), says="EXPIRED")

        assert said(client, address(event, "ignore"), reason="an old page") == [
            "The notification is ignored."
        ]

        assert WebhookEvent.objects.get().status == "ignored"

    def test_is_proposed_where_money_may_be(self, client: Client) -> None:
        event = failed_event(PaymentRequestFactory.create())

        assert said(client, address(event, "ignore"), reason="a test payment") == [
            "Proposed. Another person must approve it."
        ]

        assert WebhookEvent.objects.get().status == "failed"
        assert Proposal.objects.get().reason == "a test payment"

    def test_wants_a_reason(self, client: Client) -> None:
        event = failed_event(PaymentRequestFactory.create(), says="EXPIRED")

        page = client.post(address(event, "ignore"), {"reason": " "})

        assert page.context["form"].errors == {"reason": ["This field is required."]}
        assert WebhookEvent.objects.get().status == "failed"
