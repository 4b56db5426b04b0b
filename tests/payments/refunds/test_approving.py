"""Refunds that two members of staff decide on."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apikeys.staff_acts.recording import Actor
from apikeys.two_people.independence import OwnProposal
from gateways.refunds import InsufficientGatewayBalance
from invoices.models import Invoice, Transaction
from payments.changes import proposals
from payments.changes.descriptions import changes_of
from payments.models import Proposal, Refund, RefundLimit
from payments.refunds import proposing
from payments.refunds.request import RefundRequest
from tests.payments.refunds.gateway import RefundingGateway
from tests.payments.refunds.paid import paid_invoice
from tests.payments.refunds.test_services import refund
from tests.staff import actor, as_shown

pytestmark = pytest.mark.usefixtures("committed")


def propose(of: Invoice, by: Actor | None = None, **asked: Any) -> Proposal:
    return proposing.propose_refund(
        actor=by or actor(),
        invoice_id=of.pk,
        request=RefundRequest(**{"reason": "other", **asked}),
        reason="the customer wrote",
        now=timezone.now(),
    )


def approve(proposal: Proposal, by: Actor | None = None) -> Proposal:
    return proposals.approve(actor=by or actor(), proposal_id=proposal.pk, now=timezone.now())


class TestTwoPeople:
    def test_nothing_goes_back_before_the_second_says_yes(self, gateway: RefundingGateway) -> None:
        of, one = paid_invoice(over_amount=50), actor()
        proposal = propose(of, one, amount=70)
        asked_before = list(gateway.asked)

        with pytest.raises(OwnProposal):
            approve(proposal, one)
        said = changes_of(proposal)
        approve(proposal)

        of.refresh_from_db()
        assert asked_before == []
        assert said == [
            "RM\N{NO-BREAK SPACE}0.70 goes back through the gateway.",
            as_shown("Instalment 1: RM 0.20, of it RM 0.00 tax and RM 0.00 fee; it stays paid."),
            "Overpayment: RM\N{NO-BREAK SPACE}0.50.",
        ]
        assert of.refunded_amount == 70
        assert Refund.objects.get().status == "succeeded"

    def test_money_sent_by_bank_is_booked_when_the_second_says_yes(
        self, gateway: RefundingGateway
    ) -> None:
        of = paid_invoice(method="BANK_TRANSFER", channel="BCA")
        proposal = propose(of, amount=500, bank_reference="TRX 77")

        approve(proposal)

        made, row = Refund.objects.get(), Transaction.objects.get(kind="refund")
        assert (made.status, made.method, made.booked_as) == ("succeeded", "manual", row)
        assert (row.amount, gateway.asked) == (-500, [])

    @pytest.mark.parametrize("end", ["reject", "withdraw"])
    def test_a_no_ends_it(self, gateway: RefundingGateway, end: str) -> None:
        of, one = paid_invoice(), actor()
        proposal = propose(of, one)

        if end == "reject":
            proposals.reject(
                actor=actor(), proposal_id=proposal.pk, reason="no", now=timezone.now()
            )
        else:
            proposals.withdraw(actor=one, proposal_id=proposal.pk, now=timezone.now())

        assert Refund.objects.get().status == "cancelled"
        assert gateway.asked == []
        assert propose(of).pk

    def test_a_merchants_request_above_the_limit_is_sent_by_two(
        self, gateway: RefundingGateway
    ) -> None:
        of = paid_invoice()
        RefundLimit.objects.create(
            tenant=of.tenant, currency_code="MYR", amount=0, updated_at=timezone.now()
        )
        waiting = refund(of, amount=100)
        proposal = proposing.propose_requested(
            actor=actor(), refund_id=waiting.pk, reason="checked", now=timezone.now()
        )

        approve(proposal)

        waiting.refresh_from_db()
        assert (waiting.status, len(gateway.asked)) == ("succeeded", 1)

    def test_without_funds_the_proposal_ends_and_says_why(self, gateway: RefundingGateway) -> None:
        gateway.answer = InsufficientGatewayBalance()
        proposal = propose(paid_invoice())

        with pytest.raises(InsufficientGatewayBalance):
            approve(proposal)

        proposal.refresh_from_db()
        assert (proposal.status, Refund.objects.get().status) == ("stale", "failed")


class TestPages:
    def test_an_operator_proposes_from_the_invoice(
        self, gateway: RefundingGateway, client: Client
    ) -> None:
        of = paid_invoice(over_amount=50)
        client.force_login(actor().user)
        page = reverse("admin:payments_refund_propose", args=(of.pk,))
        payment = Transaction.objects.get()

        shown = client.get(page)
        answer = client.post(
            page,
            {
                "transaction": payment.pk,
                "amount": "0.50",
                "why": "duplicate",
                "bank_reference": "",
                "reason": "overpaid",
            },
        )

        assert shown.status_code == 200, shown.content
        assert "0.5" in shown.content.decode()
        assert answer.status_code == 302, answer.content
        made = Refund.objects.get()
        assert (made.amount, made.status, made.reason) == (50, "requested", "duplicate")
        listed = client.get(reverse("admin:payments_refund_changelist"))
        assert made.reference in listed.content.decode()
        exported = client.get(reverse("admin:payments_refund_export", args=("csv",)))
        assert made.reference in exported.getvalue().decode()
