"""Two people approve one proposal at the same moment."""

import pytest
from django.utils import timezone

from apikeys.models import StaffAct
from apikeys.staff_acts.recording import Actor
from invoices.models import PaymentRequest
from payments.changes import closing, proposals
from payments.changes.proposals import ProposalDecided
from payments.models import Proposal
from tests.concurrency.threads import at_once
from tests.conftest import Sandbox
from tests.payments.changes.test_proposals import open_invoice, propose, totals_of
from tests.staff import actor

pytestmark = pytest.mark.usefixtures("committed", "sandbox")
ROUNDS = 3


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the invoices whose adjustment was asked for, each time that it was."""
    asked: list[int] = []
    adjust = closing.adjust_installments

    def counted(**arguments: object) -> object:
        asked.append(int(str(arguments["invoice_id"])))
        return adjust(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(closing, "adjust_installments", counted)
    return asked


@pytest.fixture
def _unclaimed(monkeypatch: pytest.MonkeyPatch) -> None:
    def claim(proposal: Proposal, who: Actor, now: object) -> None:
        Proposal.objects.filter(pk=proposal.pk).update(
            status="applying", decided_by=who.user, decided_at=now, tries=1
        )
        proposal.refresh_from_db()

    monkeypatch.setattr(proposals, "_claim", claim)


def both_approve(proposal: Proposal) -> list[object]:
    return at_once(
        *(
            lambda who=who: (
                proposals.approve(actor=who, proposal_id=proposal.pk, now=timezone.now()).status
            )
            for who in (actor(), actor())
        )
    )


class TestApproval:
    def test_makes_the_change_once(self, sandbox: Sandbox, calls: list[int]) -> None:
        for _ in range(ROUNDS):
            calls.clear()
            of = open_invoice()

            ends = both_approve(propose(of))

            assert sorted(map(str, ends)) == sorted(["applied", str(ProposalDecided())])
            assert calls == [of.pk]
            assert totals_of(of) == [7_000, 3_000]
            requests = PaymentRequest.objects.filter(invoice=of).order_by("pk")
            assert [row.status for row in requests] == ["cancelled", "open"]
            approvals = StaffAct.objects.filter(act="change_approved", invoice_id=of.pk)
            assert sorted(str(row.outcome) for row in approvals) == ["done", "proposal_decided"]

    @pytest.mark.usefixtures("_unclaimed")
    def test_control_without_the_claim_both_go_to_the_gateway(
        self, sandbox: Sandbox, calls: list[int]
    ) -> None:
        of = open_invoice()

        both_approve(propose(of))

        assert calls == [of.pk, of.pk]
