from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apikeys.models import StaffAct
from apikeys.people import acts as people
from apikeys.staff_acts.recording import Actor, MissingReason
from apikeys.two_people.independence import NotIndependent, OwnProposal
from apikeys.two_people.proposals import NotYourProposal
from gateways.adapter import GatewayUnavailable
from invoices.invoices import services as invoices
from invoices.invoices.request import InstallmentsRequest, InvoiceRequest, LineRequest
from invoices.models import Invoice, PaymentRequest
from invoices.schedule.adjusting import InvoiceChanged, InvoiceNotCancellable
from invoices.schedule.splitting import InvalidInstallments
from payments.changes import closing, proposals
from payments.changes.proposals import (
    ProposalDecided,
    ProposalWaiting,
)
from payments.models import Proposal, WebhookEvent
from payments.webhooks.acts import NotificationNotFailed
from paytrust.operations.database import violated_constraint
from tests.apikeys.factories import NOON, TenantFactory
from tests.conftest import Sandbox
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.journeys import books
from tests.payments.events import failed_event
from tests.staff import actor

TOTALS = (6_000, 4_000)


def open_invoice(customer: dict[str, Any] | None = None) -> Invoice:
    """Return an invoice of MYR 60.00 and 40.00 whose first payment is open at the gateway."""
    document, _ = invoices.create_invoice(
        tenant=TenantFactory.create(),
        request=InvoiceRequest(
            gateway_id=1,
            currency_code="MYR",
            customer=customer,
            line_items=(LineRequest("Phone", Decimal(1), Decimal("97.09"), Decimal(0)),),
            installments=InstallmentsRequest(count=2, custom_amounts=TOTALS),
        ),
        now=timezone.now(),
    )
    return document.invoice


def totals_of(of: Invoice) -> list[int]:
    return list(of.installments.order_by("number").values_list("total_amount", flat=True))


def propose(of: Invoice, named: dict[int, int] | None = None, by: Actor | None = None) -> Proposal:
    return proposals.propose_adjustment(
        actor=by or actor(),
        invoice_id=of.pk,
        named=named or {1: 7_000},
        reason="asked for by phone",
        now=timezone.now(),
    )


def approve(proposal: Proposal, by: Actor | None = None, **later: float) -> Proposal:
    return proposals.approve(
        actor=by or actor(),
        proposal_id=proposal.pk,
        now=timezone.now() + timedelta(**later),
    )


def acts() -> list[tuple[str, str | None]]:
    return list(StaffAct.objects.order_by("pk").values_list("act", "outcome"))


@pytest.mark.django_db
class TestProposeAdjustment:
    def test_keeps_what_is_owed_and_what_would_be(self) -> None:
        of, who = invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9)), actor()

        proposal = propose(of, {1: 7_000}, who)

        proposal.refresh_from_db()
        assert (proposal.act, proposal.status) == ("adjust", "open")
        assert (proposal.proposed_by, proposal.reason) == (who.user, "asked for by phone")
        assert proposal.named == {"1": 7_000}
        assert proposal.before == {
            "ended_as": None,
            "paid_amount": 0,
            "installments": [[1, 6_000, 0], [2, 4_000, 0]],
        }
        assert proposal.after == {
            "ended_as": None,
            "paid_amount": 0,
            "installments": [[1, 7_000, 0], [2, 3_000, 0]],
        }
        assert totals_of(of) == [6_000, 4_000]  # nothing is changed by it
        act = StaffAct.objects.get()
        assert (act.act, act.outcome, act.reason) == ("change_proposed", "done", proposal.reason)
        assert (act.object_type, act.object_id) == ("payments.proposal", proposal.pk)
        assert (act.invoice_id, act.tenant_id) == (of.pk, of.tenant_id)

    def test_refuses_totals_that_do_not_fit(self) -> None:
        of = invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9))

        with pytest.raises(InvalidInstallments):
            propose(of, {1: 7_000, 2: 7_000})

        assert not Proposal.objects.exists()

    def test_refuses_no_reason(self) -> None:
        of = invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9))

        with pytest.raises(MissingReason):
            proposals.propose_adjustment(
                actor=actor(), invoice_id=of.pk, named={1: 7_000}, reason=" ", now=NOON
            )

        assert not Proposal.objects.exists()

    def test_refuses_a_second_one_while_the_first_waits(self) -> None:
        of = invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9))
        first = propose(of)

        with pytest.raises(ProposalWaiting):
            propose(of, {1: 5_000})

        assert Proposal.objects.get() == first
        assert acts() == [("change_proposed", "done"), ("change_proposed", "proposal_waiting")]


@pytest.mark.django_db
class TestProposeCancellation:
    def test_keeps_what_is_owed(self) -> None:
        of = invoice()

        proposal = proposals.propose_cancellation(
            actor=actor(), invoice_id=of.pk, reason="ordered twice", now=NOON
        )

        assert (proposal.act, proposal.status, proposal.named) == ("cancel", "open", None)
        assert proposal.after is not None
        assert proposal.after["ended_as"] == "cancelled"
        assert Invoice.objects.get().ended_as is None

    def test_refuses_an_invoice_that_cannot_be_cancelled(self) -> None:
        of = invoice(status="expired", ended_as="expired", ended_at=NOON)

        with pytest.raises(InvoiceNotCancellable):
            proposals.propose_cancellation(
                actor=actor(), invoice_id=of.pk, reason="ordered twice", now=NOON
            )

        assert not Proposal.objects.exists()


@pytest.mark.django_db
class TestProposeIgnoring:
    def test_names_the_invoice_that_the_notification_is_about(self) -> None:
        request = PaymentRequestFactory.create()
        event = failed_event(request)

        proposal = proposals.propose_ignoring(
            actor=actor(), event_id=event.pk, reason="a test payment", now=NOON
        )

        assert (proposal.act, proposal.invoice_id) == ("ignore_webhook", request.invoice_id)
        assert WebhookEvent.objects.get().status == "failed"

    def test_refuses_one_that_did_not_fail(self) -> None:
        event = failed_event(PaymentRequestFactory.create(), status="processed", outcome="booked")

        with pytest.raises(NotificationNotFailed):
            proposals.propose_ignoring(
                actor=actor(), event_id=event.pk, reason="a test payment", now=NOON
            )

        assert not Proposal.objects.exists()


@pytest.mark.usefixtures("committed")
class TestApprove:
    def test_adjusts_and_opens_the_payment_anew(self, sandbox: Sandbox) -> None:
        of, who = open_invoice(), actor("request-9")
        proposal = propose(of)

        approved = approve(proposal, who)

        assert (approved.status, approved.decided_by) == ("applied", who.user)
        assert totals_of(of) == [7_000, 3_000]
        reopened = PaymentRequest.objects.order_by("pk").values_list("status", "amount")
        assert list(reopened) == [("cancelled", 6_000), ("open", 7_000)]
        act = StaffAct.objects.get(act="change_approved")
        assert (act.staff, act.outcome, act.request_id) == (who.user, "done", "request-9")
        assert act.invoice_id == of.pk
        books.check(books.read([of.tenant]))

    def test_cancels(self, sandbox: Sandbox) -> None:
        of = open_invoice()
        proposal = proposals.propose_cancellation(
            actor=actor(), invoice_id=of.pk, reason="ordered twice", now=timezone.now()
        )

        assert approve(proposal).status == "applied"

        of.refresh_from_db()
        assert (of.status, of.ended_as) == ("cancelled", "cancelled")

    def test_sets_a_notification_aside(self) -> None:
        event = failed_event(PaymentRequestFactory.create())
        proposal = proposals.propose_ignoring(
            actor=actor(), event_id=event.pk, reason="a test payment", now=NOON
        )

        assert approve(proposal).status == "applied"

        event.refresh_from_db()
        assert event.status == "ignored"

    def test_refuses_the_proposer(self, sandbox: Sandbox) -> None:
        of, who = open_invoice(), actor()
        proposal = propose(of, by=who)

        with pytest.raises(OwnProposal):
            approve(proposal, who)

        proposal.refresh_from_db()
        assert (proposal.status, proposal.decided_by) == ("open", None)
        assert totals_of(of) == [6_000, 4_000]
        assert acts()[-1] == ("change_approved", "own_proposal")

    def test_refuses_whom_the_proposer_made(self, sandbox: Sandbox) -> None:
        of, who, puppet = open_invoice(), actor(), actor()
        people.record_made(actor=who, user=puppet.user, now=timezone.now())
        proposal = propose(of, by=who)

        with pytest.raises(NotIndependent):
            approve(proposal, puppet)

        proposal.refresh_from_db()
        assert (proposal.status, proposal.decided_by) == ("open", None)
        assert totals_of(of) == [6_000, 4_000]
        assert acts()[-1] == ("change_approved", "not_independent")

    def test_refuses_what_is_decided(self, sandbox: Sandbox) -> None:
        of = open_invoice()
        proposal = approve(propose(of))

        with pytest.raises(ProposalDecided):
            approve(proposal)

        assert totals_of(of) == [7_000, 3_000]
        assert PaymentRequest.objects.count() == 2  # nothing was closed again

    def test_ends_a_proposal_of_which_the_invoice_has_changed(self, sandbox: Sandbox) -> None:
        of = open_invoice()
        proposal = propose(of, {1: 7_000})
        closing.adjust_installments(
            tenant=of.tenant, invoice_id=of.pk, named={1: 5_000}, now=timezone.now()
        )

        with pytest.raises(InvoiceChanged):
            approve(proposal)

        proposal.refresh_from_db()
        assert proposal.status == "stale"
        assert proposal.failure_reason == str(InvoiceChanged())
        assert totals_of(of) == [5_000, 5_000]
        assert acts()[-1] == ("change_approved", "invoice_changed")

    def test_ends_a_proposal_whose_customer_was_faster(self, sandbox: Sandbox) -> None:
        of = open_invoice()
        proposal = propose(of)
        sandbox.fault("xendit", "webhook_lost", times=5)
        sandbox.pay(str(PaymentRequest.objects.get().payment_url))

        with pytest.raises(closing.PaidMeanwhile):
            approve(proposal)

        proposal.refresh_from_db()
        assert proposal.status == "stale"
        of.refresh_from_db()
        assert (of.paid_amount, totals_of(of)) == (6_000, [6_000, 4_000])
        books.check(books.read([of.tenant]))

    def test_keeps_a_proposal_open_while_the_gateway_is_away(self, sandbox: Sandbox) -> None:
        of = open_invoice()
        proposal = propose(of)
        sandbox.fault("xendit", "http_503")

        with pytest.raises(GatewayUnavailable):
            approve(proposal)

        proposal.refresh_from_db()
        assert (proposal.status, proposal.decided_by, proposal.tries) == ("open", None, 1)
        assert proposal.failure_reason.startswith("xendit: ")
        assert totals_of(of) == [6_000, 4_000]
        assert approve(proposal).status == "applied"
        assert totals_of(of) == [7_000, 3_000]

    def test_takes_over_an_approval_that_was_cut_short(self, sandbox: Sandbox) -> None:
        of = open_invoice()
        proposal = propose(of)
        cut_short(proposal)

        with pytest.raises(ProposalDecided):
            approve(proposal, seconds=179)
        assert approve(proposal, seconds=181).status == "applied"

        assert totals_of(of) == [7_000, 3_000]

    def test_finds_what_an_approval_that_was_cut_short_has_made(self, sandbox: Sandbox) -> None:
        of = open_invoice()
        proposal = propose(of)
        cut_short(proposal)
        closing.adjust_installments(
            tenant=of.tenant, invoice_id=of.pk, named={1: 7_000}, now=timezone.now()
        )

        assert approve(proposal, seconds=181).status == "applied"

        assert totals_of(of) == [7_000, 3_000]
        assert PaymentRequest.objects.count() == 2  # made once

    def test_leaves_a_proposal_leased_after_a_bug(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proposal = propose(open_invoice())
        monkeypatch.setattr(closing, "adjust_installments", _bug)

        with pytest.raises(ZeroDivisionError):
            approve(proposal)

        proposal.refresh_from_db()
        assert proposal.status == "applying"
        assert acts()[-1] == ("change_approved", "internal_error")


def cut_short(proposal: Proposal) -> None:
    """Leave a proposal as an approval does whose process died."""
    now = timezone.now()
    Proposal.objects.filter(pk=proposal.pk).update(
        status="applying",
        decided_by=actor().user,
        decided_at=now,
        leased_until=now + proposals.LEASE,
        tries=1,
    )


def _bug(**_arguments: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.django_db
class TestReject:
    def test_ends_a_proposal_without_its_change(self) -> None:
        of = invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9))
        proposal, who = propose(of), actor()

        rejected = proposals.reject(
            actor=who, proposal_id=proposal.pk, reason="the customer paid", now=NOON
        )

        assert (rejected.status, rejected.decided_by) == ("rejected", who.user)
        assert rejected.decision_reason == "the customer paid"
        assert totals_of(of) == [6_000, 4_000]
        assert acts()[-1] == ("change_rejected", "done")
        assert propose(of).status == "open"  # another may be proposed

    def test_refuses_the_proposer(self) -> None:
        of, who = invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9)), actor()
        proposal = propose(of, by=who)

        with pytest.raises(OwnProposal):
            proposals.reject(actor=who, proposal_id=proposal.pk, reason="changed mind", now=NOON)

        assert Proposal.objects.get().status == "open"

    def test_refuses_what_is_decided(self) -> None:
        of = invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9))
        proposal, first = propose(of), actor()
        proposals.reject(actor=first, proposal_id=proposal.pk, reason="no", now=NOON)

        with pytest.raises(ProposalDecided):
            proposals.reject(actor=actor(), proposal_id=proposal.pk, reason="never", now=NOON)

        assert Proposal.objects.get().decision_reason == "no"

    def test_refuses_no_reason(self) -> None:
        of = invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9))
        proposal = propose(of)

        with pytest.raises(MissingReason):
            proposals.reject(actor=actor(), proposal_id=proposal.pk, reason="", now=NOON)

        assert Proposal.objects.get().status == "open"


@pytest.mark.django_db
class TestWithdraw:
    @pytest.fixture
    def of(self) -> Invoice:
        return invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9))

    def test_ends_ones_own_proposal_and_makes_room_for_another(self, of: Invoice) -> None:
        who = actor()
        proposal = propose(of, by=who)

        withdrawn = proposals.withdraw(actor=who, proposal_id=proposal.pk, now=NOON)

        assert (withdrawn.status, withdrawn.decided_by) == ("withdrawn", None)
        assert withdrawn.decided_at == NOON
        assert totals_of(of) == [6_000, 4_000]
        assert acts()[-1] == ("change_withdrawn", "done")
        assert propose(of, by=who).status == "open"

    def test_refuses_anybody_else(self, of: Invoice) -> None:
        proposal = propose(of)

        with pytest.raises(NotYourProposal):
            proposals.withdraw(actor=actor(), proposal_id=proposal.pk, now=NOON)

        assert Proposal.objects.get().status == "open"
        assert acts()[-1] == ("change_withdrawn", "not_your_proposal")

    @pytest.mark.parametrize("status", ["applying", "rejected"])
    def test_refuses_what_somebody_decides_on(self, of: Invoice, status: str) -> None:
        who = actor()
        proposal = propose(of, by=who)
        Proposal.objects.filter(pk=proposal.pk).update(
            status=status, decided_by=actor().user, decided_at=NOON
        )

        with pytest.raises(ProposalDecided):
            proposals.withdraw(actor=who, proposal_id=proposal.pk, now=NOON)

        assert Proposal.objects.get().status == status

    def test_leaves_nothing_to_approve(self, of: Invoice) -> None:
        who = actor()
        proposal = propose(of, by=who)
        proposals.withdraw(actor=who, proposal_id=proposal.pk, now=NOON)

        with pytest.raises(ProposalDecided):
            approve(proposal)

        assert Proposal.objects.get().status == "withdrawn"
        assert totals_of(of) == [6_000, 4_000]


@pytest.mark.django_db
class TestTheDatabase:
    @pytest.fixture
    def proposal(self) -> Proposal:
        return propose(invoice(totals=TOTALS, expires_at=timezone.now() + timedelta(days=9)))

    def refused(self, proposal: Proposal, **change: Any) -> str | None:
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            Proposal.objects.filter(pk=proposal.pk).update(**change)
        return violated_constraint(refusal.value)

    def test_knows_no_proposer_who_decides(self, proposal: Proposal) -> None:
        own = {"status": "applied", "decided_by": proposal.proposed_by, "decided_at": NOON}

        assert self.refused(proposal, **own) == "proposal_decided_by_another"

    def test_knows_no_decision_without_who_made_it(self, proposal: Proposal) -> None:
        assert self.refused(proposal, status="applied") == "proposal_decision_names_who"

    def test_knows_no_withdrawal_by_another(self, proposal: Proposal) -> None:
        another = {"status": "withdrawn", "decided_by": actor().user, "decided_at": NOON}

        assert self.refused(proposal, **another) == "proposal_decision_names_who"

    def test_keeps_what_was_withdrawn(self, proposal: Proposal) -> None:
        Proposal.objects.filter(pk=proposal.pk).update(status="withdrawn", decided_at=NOON)

        assert self.refused(proposal, status="open", decided_at=None) == "proposal_frozen"

    @pytest.mark.parametrize(
        "change", [{"named": {"1": 1}}, {"reason": "another"}, {"act": "cancel"}, {"before": {}}]
    )
    def test_keeps_what_was_proposed(self, proposal: Proposal, change: dict[str, Any]) -> None:
        assert self.refused(proposal, **change) == "proposal_frozen"

    def test_keeps_what_was_decided(self, proposal: Proposal) -> None:
        proposals.reject(actor=actor(), proposal_id=proposal.pk, reason="no", now=NOON)

        assert self.refused(proposal, decision_reason="yes") == "proposal_frozen"

    def test_keeps_proposals(self, proposal: Proposal) -> None:
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            proposal.delete()

        assert violated_constraint(refusal.value) == "proposal_frozen"
