from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apikeys.models import StaffAct
from payments.changes import proposals
from payments.models import Proposal
from reporting.audit import runs, trail
from reporting.audit.checks import Finding
from tests.apikeys.factories import NOON
from tests.invoices.factories import PaymentRequestFactory
from tests.payments.events import failed_event
from tests.staff import actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved() -> Proposal:
    event = failed_event(PaymentRequestFactory.create())
    proposal = proposals.propose_ignoring(
        actor=actor(), event_id=event.pk, reason="a test payment", now=NOON
    )
    return proposals.approve(actor=actor(), proposal_id=proposal.pk, now=NOON)


def take_out(act: str) -> None:
    """Do as somebody does who owns the database."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE apikeys_staffact DISABLE TRIGGER USER")
        StaffAct.objects.filter(act=act).delete()
        cursor.execute("ALTER TABLE apikeys_staffact ENABLE TRIGGER USER")


def run(command: str) -> str:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command(command, stdout=out)
    return out.getvalue()


class TestAuditDecisions:
    def test_finds_nothing_while_the_trail_is_whole(self, approved: Proposal) -> None:
        assert list(trail.audit_decisions()) == []

    @pytest.mark.parametrize("act", ["change_proposed", "change_approved"])
    def test_names_the_proposal_whose_act_is_gone(self, approved: Proposal, act: str) -> None:
        take_out(act)

        staff = approved.proposed_by_id if act == "change_proposed" else approved.decided_by_id
        assert list(trail.audit_decisions()) == [
            Finding(
                check="a decision without its act",
                table="payments_proposal",
                row_id=str(approved.pk),
                message=f"the trail has no {act} of staff {staff}",
            )
        ]

    def test_belongs_to_both_audits(self, approved: Proposal) -> None:
        take_out("change_approved")

        books, log = run("audit_books"), run("verify_audit")

        assert f"payments_proposal {approved.pk}: the trail has no change_approved" in books
        assert f"staff acts: payments.proposal {approved.pk} has no act change_approved" in log
        assert runs.run(now=NOON).finding_count == 1

    def test_knows_what_was_rejected_and_taken_back(self) -> None:
        for number in range(2):
            event, who = failed_event(PaymentRequestFactory.create()), actor()
            proposal = proposals.propose_ignoring(
                actor=who, event_id=event.pk, reason="a test payment", now=NOON
            )
            if number:
                proposals.withdraw(actor=who, proposal_id=proposal.pk, now=NOON)
            else:
                proposals.reject(actor=actor(), proposal_id=proposal.pk, reason="no", now=NOON)

        before = list(trail.audit_decisions())
        take_out("change_rejected")
        take_out("change_withdrawn")

        assert before == []
        assert len(list(trail.audit_decisions())) == 2
