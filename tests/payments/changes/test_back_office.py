import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.staff_acts.recording import Actor
from invoices.models import Invoice
from payments.booking import settling
from payments.changes import proposals
from payments.models import Proposal
from paytrust.staff import roles
from tests.conftest import Sandbox
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.changes.test_proposals import open_invoice, totals_of
from tests.payments.reports import report
from tests.payments.webhooks.test_back_office import said
from tests.staff import actor, as_shown, member


def client_of(user: User | None = None) -> Client:
    client = Client()
    client.force_login(user or member(roles.OPERATOR))
    return client


def two_installments() -> Invoice:
    return invoice(totals=(6_000, 4_000), expires_at=timezone.now() + timedelta(days=9))


def propose(of: Invoice, by: User | None = None) -> Proposal:
    return proposals.propose_adjustment(
        actor=Actor(user=by or member(roles.OPERATOR)),
        invoice_id=of.pk,
        named={1: 7_000},
        reason="asked for by phone",
        now=timezone.now(),
    )


UNREADABLE = "This cannot be read as an amount. Write it like 1,234,567.89."


@pytest.mark.django_db
class TestProposing:
    def test_takes_new_totals_in_whole_currency(self) -> None:
        of = two_installments()
        form = {"total_1": "70.50", "total_2": "", "reason": "asked for by phone"}

        assert said(client_of(), f"/admin/payments/proposal/adjust/{of.pk}/", **form) == [
            "Proposed. Another person must approve it."
        ]

        assert Proposal.objects.get().named == {"1": 7_050}
        assert totals_of(of) == [6_000, 4_000]

    def test_reads_totals_as_the_page_writes_them(self) -> None:
        of = invoice(
            totals=(14_466_500, 500),
            currency_code="IDR",
            expires_at=timezone.now() + timedelta(days=9),
        )
        address = f"/admin/payments/proposal/adjust/{of.pk}/"
        client = client_of()
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = "id"

        page = client.get(address)
        said(client, address, total_1="14.400.000", reason="diminta lewat telepon")

        assert "Rp\N{NO-BREAK SPACE}14.466.500" in page.text
        assert Proposal.objects.get().named == {"1": 14_400_000}

    @pytest.mark.parametrize(
        ("form", "errors"),
        [
            ({"total_1": "70.505"}, {"total_1": ["MYR has 2 decimals, and this has more."]}),
            ({"total_1": "70.500"}, {"total_1": ["MYR has 2 decimals, and this has more."]}),
            ({"total_1": "7e1"}, {"total_1": [UNREADABLE]}),
            ({"total_1": "70,50"}, {"total_1": [UNREADABLE]}),
            ({"total_1": "-70"}, {"total_1": [UNREADABLE]}),
            ({"total_1": "\u0667\u0660"}, {"total_1": [UNREADABLE]}),
            ({"total_1": "x"}, {"total_1": [UNREADABLE]}),
            ({}, {"__all__": ["Give at least one instalment a new total."]}),
            (
                {"total_1": "900"},
                {
                    "__all__": [
                        as_shown(
                            "The new totals are RM 800.00 more"
                            " than the RM 100.00 that these ask for."
                        )
                    ]
                },
            ),
            (
                {"total_1": "50", "total_2": "49.99"},
                {
                    "__all__": [
                        as_shown(
                            "The new totals are RM 0.01 less than the RM 100.00 that these ask for."
                        )
                    ]
                },
            ),
        ],
    )
    def test_refuses_what_does_not_fit(
        self, form: dict[str, str], errors: dict[str, list[str]]
    ) -> None:
        address = f"/admin/payments/proposal/adjust/{two_installments().pk}/"

        page = client_of().post(address, {"reason": "asked", **form})

        assert page.context["form"].errors == errors
        assert not Proposal.objects.exists()

    def test_proposes_to_cancel(self) -> None:
        of = two_installments()

        said(client_of(), f"/admin/payments/proposal/cancel/{of.pk}/", reason="ordered twice")

        assert (Proposal.objects.get().act, Proposal.objects.get().invoice) == ("cancel", of)

    @pytest.mark.parametrize("act", ["adjust", "cancel", "transfer"])
    def test_refuses_a_second_change_before_the_form(self, act: str) -> None:
        of = two_installments()
        propose(of)

        page = client_of().get(f"/admin/payments/proposal/{act}/{of.pk}/")

        assert page.context["form"] is None
        assert "A change has been proposed already" in page.text

    def test_knows_no_other_invoice(self) -> None:
        assert client_of().get("/admin/payments/proposal/adjust/99999/").status_code == 404


@pytest.mark.django_db
class TestDeciding:
    def test_shows_what_would_change(self) -> None:
        proposal = propose(two_installments())

        page = client_of().get(f"/admin/payments/proposal/{proposal.pk}/approve/")

        assert (
            "Instalment 1: RM\N{NO-BREAK SPACE}60.00 becomes RM\N{NO-BREAK SPACE}70.00."
            in page.text
        )
        assert (
            "Instalment 2: RM\N{NO-BREAK SPACE}40.00 becomes RM\N{NO-BREAK SPACE}30.00."
            in page.text
        )
        assert "asked for by phone" in page.text
        assert Proposal.objects.get().status == "open"

    def test_tells_whose_money_it_is_and_what_it_was(self) -> None:
        of = invoice(
            totals=(6_000, 4_000),
            external_id="order-88",
            customer={"name": "Siti Aminah", "email": "siti@example.com", "phone": None},
            expires_at=timezone.now() + timedelta(days=9),
        )
        proposal = propose(of)

        act = client_of().get(f"/admin/payments/proposal/{proposal.pk}/approve/").context["act"]

        facts = {str(name): re.sub("<[^>]*>", "|", str(value)) for name, value in act.facts}
        assert facts["Tenant"] == of.tenant.name
        assert facts["Customer"] == "Siti Aminah|siti@example.com"
        assert facts["Amount"] == as_shown("|RM 10.00|")
        assert facts["Total"] == as_shown("|RM 100.00|")
        assert "order-88" in facts["Invoice"]
        assert str(of.pk) in facts["Invoice"]
        for row in ("1 RM 60.00 RM 70.00", "2 RM 40.00 RM 30.00"):
            cells = re.sub(r"\|+", " ", facts["What changes"])
            assert as_shown(row) in cells
        assert facts["Since it was proposed"] == "|Nothing was paid.|"

    def test_warns_of_what_was_paid_since(self) -> None:
        of = two_installments()
        demand = PaymentRequestFactory.create(invoice=of)
        proposal = propose(of)
        settling.settle(
            payment_request_id=demand.pk,
            report=report(demand, paid=6_000),
            event=None,
            now=timezone.now(),
        )

        page = client_of().get(f"/admin/payments/proposal/{proposal.pk}/approve/")

        assert as_shown("The customer paid RM 60.00.") in page.text
        assert "What is owed has changed: this can no longer be made." in page.text

    def test_shows_what_a_cancellation_leaves(self) -> None:
        proposal = proposals.propose_cancellation(
            actor=actor(), invoice_id=two_installments().pk, reason="twice", now=timezone.now()
        )

        page = client_of().get(f"/admin/payments/proposal/{proposal.pk}/approve/")

        assert page.text.count(as_shown("RM 0.00")) == 3  # paid so far, and both instalments after

    def test_lists_any_number_in_as_many_queries(self) -> None:
        client, counts = client_of(), []
        client.get("/admin/payments/proposal/")  # the first request reads what is cached after it
        for _ in range(2):
            for _ in range(2):
                propose(two_installments())
            with CaptureQueriesContext(connection) as queries:
                client.get("/admin/payments/proposal/")
            counts.append(len(queries))

        assert counts[0] == counts[1]

    def test_offers_the_proposer_no_button_and_refuses_them(self) -> None:
        who = member(roles.OPERATOR)
        proposal = propose(two_installments(), who)
        address = f"/admin/payments/proposal/{proposal.pk}"

        page = client_of(who).get(f"{address}/change/")
        asked = client_of(who).get(f"{address}/approve/")
        answer = client_of(who).post(f"{address}/approve/")

        assert f"{address}/approve/" not in page.text
        assert "You proposed this change" in asked.text
        assert asked.context["form"] is None
        assert answer.status_code == 403
        assert "You proposed this change" in answer.text
        assert Proposal.objects.get().status == "open"

    def test_lets_only_the_proposer_take_it_back(self) -> None:
        who = member(roles.OPERATOR)
        proposal = propose(two_installments(), who)
        address = f"/admin/payments/proposal/{proposal.pk}"

        others = client_of().get(f"{address}/change/")
        refused = client_of().post(f"{address}/withdraw/")
        own = client_of(who).get(f"{address}/change/")

        assert f"{address}/withdraw/" not in others.text
        assert f"{address}/withdraw/" in own.text
        assert refused.status_code == 403
        assert said(client_of(who), f"{address}/withdraw/") == ["Taken back; nothing was changed."]
        assert Proposal.objects.get().status == "withdrawn"

    def test_rejects_with_a_reason(self) -> None:
        proposal = propose(two_installments())

        assert said(
            client_of(), f"/admin/payments/proposal/{proposal.pk}/reject/", reason="not agreed"
        ) == ["Rejected; nothing was changed."]

        assert Proposal.objects.get().decision_reason == "not agreed"

    def test_lists_what_waits(self) -> None:
        proposal = propose(two_installments())

        page = client_of().get("/admin/payments/proposal/?status__exact=open")

        assert [row.pk for row in page.context["cl"].result_list] == [proposal.pk]


@pytest.mark.usefixtures("committed")
class TestApproving:
    def test_makes_the_change(self, sandbox: Sandbox) -> None:
        of = open_invoice()
        proposal = propose(of)

        assert said(client_of(), f"/admin/payments/proposal/{proposal.pk}/approve/") == [
            "Approved, and the change is made."
        ]

        assert totals_of(of) == [7_000, 3_000]
