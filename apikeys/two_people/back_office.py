"""Proposed acts on the platform in the back office: another administrator decides."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds as trail
from apikeys.two_people import proposals
from apikeys.two_people.deciding import (
    Approval,
    Decision,
    Decisions,
    ProposalAdmin,
    Rejection,
    Withdrawal,
)
from apikeys.two_people.kinds import KINDS, Done
from apikeys.two_people.models import StaffProposal
from paytrust.staff import display, roles
from paytrust.staff.acts import Facts, Text

Shown = SafeString | str


def said(result: StaffProposal | Done, done: Text) -> Text:
    """Return the message after a request for an act: it waits, or it is done."""
    if isinstance(result, StaffProposal):
        return _("Proposed. Another administrator must approve it.")
    return done


class StaffDecision(Decision[StaffProposal]):
    """A decision of another administrator, or of the proposer."""

    services: ClassVar[Decisions] = proposals
    open_in = (StaffProposal.Status.OPEN,)
    permission = roles.ADMINISTER

    @property
    def about(self) -> Facts:
        proposal = self.subject
        return [
            (_("Act"), trail.text_of(proposal.kind)),
            (_("About"), proposal.subject),
            (_("What changes"), display.paragraphs(_sentences(proposal))),
        ]


class ApproveAct(Approval[StaffProposal], StaffDecision):
    """Do what another administrator proposed."""

    title = _("Approve this?")
    sentences = (_("It is done at once."),)
    done = _("Approved, and done.")


class RejectAct(Rejection[StaffProposal], StaffDecision):
    """End the proposal without its act."""

    title = _("Reject this?")


class WithdrawAct(Withdrawal[StaffProposal], StaffDecision):
    """End one's own proposal."""


@admin.register(StaffProposal)
class StaffProposalAdmin(ProposalAdmin):
    """What waits for a second administrator, and what was decided; secrets are never shown."""

    fields = (
        *("what", "subject", "what_changes", "reason", "proposed_by", "proposed"),
        *ProposalAdmin.of_the_end,
    )
    list_display = ("id", "what", "subject", "proposed_by", "proposed", "status", "decided_by")
    list_filter: ClassVar = ["status"]
    list_select_related = ("proposed_by", "decided_by")
    exact_search = ("subject",)
    acts = (ApproveAct, RejectAct, WithdrawAct)

    @admin.display(description=_("Act"))
    def what(self, proposal: StaffProposal) -> str:
        return trail.text_of(proposal.kind)

    @admin.display(description=_("What changes"))
    def what_changes(self, proposal: StaffProposal) -> Shown:
        return display.paragraphs(_sentences(proposal))


def _sentences(proposal: StaffProposal) -> list[str]:
    kind = KINDS.get(proposal.kind)
    return list(kind.describe(proposal)) if kind else []
