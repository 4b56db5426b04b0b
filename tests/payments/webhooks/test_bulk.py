"""Several failed notifications at once: in groups, and by ticking them in the list."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.models import StaffAct
from invoices.models import PaymentRequest
from payments.changes import proposals
from payments.models import Proposal, WebhookEvent
from payments.webhooks import groups
from paytrust.staff import bulk, roles
from tests.invoices.factories import PaymentRequestFactory
from tests.payments.events import failed_event
from tests.payments.webhooks.test_back_office import said
from tests.staff import actor, member

pytestmark = pytest.mark.django_db
LIST = "/admin/payments/webhookevent/"
FAILED = f"{LIST}?status__exact=failed"
GROUPS = f"{LIST}groups/"


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(member(roles.OPERATOR))
    return client


def address(act: str, *events: WebhookEvent) -> str:
    return f"{LIST}bulk/{act}/?ids={','.join(str(event.pk) for event in events)}"


def failed(says: str = "PAID", request: PaymentRequest | None = None, **fields: Any) -> Any:
    return failed_event(request or PaymentRequestFactory.create(), says=says, **fields)


def acts() -> set[tuple[str, int | None, str, str | None]]:
    return {(act.act, act.object_id, act.reason, act.outcome) for act in StaffAct.objects.all()}


def statuses() -> list[str]:
    return list(WebhookEvent.objects.order_by("pk").values_list("status", flat=True))


class TestTicking:
    def test_looks_the_payments_of_all_up_together(self, client: Client) -> None:
        rows = [*(failed() for _ in range(5)), *(failed(body=b"damaged") for _ in range(5))]
        client.get(address("ignore", *rows))  # the session, the theme and the accounts are read

        with CaptureQueriesContext(connection) as few:
            client.get(address("ignore", rows[0], rows[5]))
        with CaptureQueriesContext(connection) as many:
            page = client.get(address("ignore", *rows)).text

        assert all(row.gateway.name in page and str(row.pk) in page for row in rows)
        # One trip finds the payments of those that can be read: a statement for each.
        assert len(many) == len(few) + 4

    def test_leads_to_a_page_that_shows_each(self, client: Client) -> None:
        one, two, other = failed(), failed(says="EXPIRED"), failed()

        answer = client.post(
            FAILED, {"action": "bulk_ignore", "_selected_action": [one.pk, two.pk], "index": 0}
        )

        assert answer.headers["Location"].startswith(f"{LIST}bulk/ignore/?ids=")
        page = client.get(answer.headers["Location"]).text
        for event in (one, two):
            assert event.reference in page
        assert other.reference not in page
        assert statuses() == ["failed"] * 3

    def test_is_offered_for_failed_ones_alone(self, client: Client) -> None:
        failed()

        assert 'name="_selected_action"' in client.get(FAILED).text
        assert 'name="_selected_action"' in client.get(f"{LIST}?why=not_confirmed").text
        assert 'name="_selected_action"' not in client.get(LIST).text

    def test_is_not_offered_to_viewers(self) -> None:
        event, client = failed(), Client()
        client.force_login(member(roles.VIEWER))

        assert 'name="_selected_action"' not in client.get(FAILED).text
        assert client.get(address("ignore", event)).status_code == 403
        assert client.post(address("again", event), {"reason": "x"}).status_code == 403
        assert (statuses(), acts()) == (["failed"], set())

    def test_refuses_more_than_a_person_can_read(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bulk, "MOST", 1)
        ids = [failed().pk, failed().pk]

        page = client.post(
            FAILED, {"action": "bulk_again", "_selected_action": ids, "index": 0}, follow=True
        )

        assert [str(one) for one in page.context["messages"]] == ["Choose at most 1 row."]

    @pytest.mark.parametrize("ids", ["", "x", "0", "1e3,٣", "99999999999999999999"])
    def test_without_rows_leads_back(self, client: Client, ids: str) -> None:
        answer = client.get(f"{LIST}bulk/ignore/?ids={ids}")

        assert answer.headers["Location"] == LIST

    def test_refuses_what_is_no_id(self, client: Client) -> None:
        failed()

        answer = client.post(FAILED, {"action": "bulk_ignore", "_selected_action": "x"})

        assert answer.status_code == 400


class TestIgnoring:
    def test_ignores_some_and_proposes_those_about_money(self, client: Client) -> None:
        about_money, without = failed(), failed(says="EXPIRED")

        assert said(client, address("ignore", about_money, without), reason="tests of ours") == [
            "Proposed to another person: 1. Ignored: 1."
        ]

        assert statuses() == ["failed", "ignored"]
        proposal = Proposal.objects.get()
        assert (proposal.event_id, proposal.reason) == (about_money.pk, "tests of ours")
        assert acts() == {
            ("webhook_ignored", without.pk, "tests of ours", "done"),
            ("change_proposed", proposal.pk, "tests of ours", "done"),
        }

    def test_counts_the_refused_and_does_the_others(self, client: Client) -> None:
        done, other = failed(status="processed", outcome="booked"), failed(says="EXPIRED")

        assert said(client, address("ignore", done, other), reason="tests of ours") == [
            "Ignored: 1. This notification was processed or ignored, or is still tried: 1."
        ]

        assert statuses() == ["processed", "ignored"]

    def test_wants_a_reason(self, client: Client) -> None:
        event = failed(says="EXPIRED")

        assert client.post(address("ignore", event), {"reason": " "}).status_code == 200
        assert (statuses(), acts()) == (["failed"], set())


class TestProcessingAgain:
    def test_makes_them_due_for_the_workers(self, client: Client) -> None:
        events = [failed(), failed()]

        assert said(client, address("again", *events), reason="the gateway was away") == [
            "Tried again now: 2."
        ]

        for event in WebhookEvent.objects.all():
            assert (event.status, event.attempts_before) == ("received", 4)
            assert event.next_attempt_at is not None
        assert acts() == {
            ("webhook_retried", event.pk, "the gateway was away", "done") for event in events
        }


class TestApprovingTogether:
    LIST = "/admin/payments/proposal/"

    def propose(self, event: WebhookEvent, by: Any) -> Proposal:
        return proposals.propose_ignoring(
            actor=by, event_id=event.pk, reason="tests of ours", now=timezone.now()
        )

    def test_takes_those_of_others_and_shows_what_each_says(self, client: Client) -> None:
        made = [self.propose(failed(), actor()) for _ in range(2)]
        page = f"{self.LIST}bulk/approve/?ids={made[0].pk},{made[1].pk}"

        shown = client.get(page).text

        assert shown.count("Says that RM\N{NO-BREAK SPACE}100.00 was paid.") == 2
        assert said(client, page) == ["Ignored: 2."]
        assert statuses() == ["ignored", "ignored"]

    def test_leaves_ones_own_and_other_changes(self, client: Client) -> None:
        event = failed()
        own = self.propose(event, actor())
        client.force_login(own.proposed_by)

        (text,) = said(client, f"{self.LIST}bulk/approve/?ids={own.pk}")

        assert text.endswith(": 1.")
        assert (statuses(), Proposal.objects.get().status) == (["failed"], "open")

    def test_is_offered_for_them_alone(self, client: Client) -> None:
        self.propose(failed(), actor())

        ignoring = f"{self.LIST}?status__exact=open&act__exact=ignore_webhook"
        assert 'name="_selected_action"' in client.get(ignoring).text
        assert 'name="_selected_action"' not in client.get(f"{self.LIST}?status__exact=open").text


class TestGroups:
    def test_are_by_why_gateway_and_claimed_reference(self) -> None:
        request, now = PaymentRequestFactory.create(), timezone.now()
        older = failed(request=request, event_id="a", received_at=now - timedelta(hours=2))
        newer = failed(request=request, event_id="b", received_at=now - timedelta(hours=1))
        stray = failed(outcome="unknown_reference", reference="PT-9", received_at=now)
        failed(status="ignored")

        found = groups.failures()

        assert [[group.ids for group in failure.groups] for failure in found] == [
            [[stray.pk]],
            [[newer.pk, older.pk]],
        ]
        (group,) = found[1].groups
        assert (group.first_at, group.last_at) == (older.received_at, newer.received_at)
        assert (group.count, group.invoice_id) == (2, request.invoice_id)
        assert found[0].groups[0].invoice_id is None

    def test_show_the_claimed_reference_and_amount(self, client: Client) -> None:
        event = failed(reference="PT-9", outcome="unknown_reference")

        page = client.get(GROUPS).text

        for text in (
            "It names a payment that PayTrust never asked for.",
            "PT-9",
            "RM\N{NO-BREAK SPACE}100.00",
            f"/bulk/ignore/?ids={event.pk}",
        ):
            assert text in page

    def test_take_few_queries(self, django_assert_num_queries: Any) -> None:
        for _ in range(5):
            failed()

        groups.failures()  # the first reads which accounts there are
        with django_assert_num_queries(3):
            groups.failures()

    def test_offer_no_act_to_viewers(self) -> None:
        failed()
        client = Client()
        client.force_login(member(roles.VIEWER))

        page = client.get(GROUPS)

        assert page.status_code == 200
        assert "/bulk/" not in page.text

    def test_say_if_there_are_none(self, client: Client) -> None:
        assert "No notification has failed." in client.get(GROUPS).text
