"""Proposed acts on the platform in the back office: another administrator decides."""

from typing import Any, ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds as trail
from apikeys.staff_acts import recording
from apikeys.two_people import proposals
from apikeys.two_people.kinds import KINDS, Done
from apikeys.two_people.models import StaffProposal
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, Facts, ReasonForm, Text
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str


def said(result: StaffProposal | Done, done: Text) -> Text:
    """Return the message after a request for an act: it waits, or it is done."""
    if isinstance(result, StaffProposal):
        return _("Proposed. Another administrator must approve it.")
    return done


class Decision(Act[StaffProposal]):
    """What ends a proposal: a decision of another administrator, or of the proposer."""

    permission = roles.ADMINISTER
    by_proposer: ClassVar[bool] = False
    approving: ClassVar[bool] = False

    def is_offered(self) -> bool:
        is_own = self.subject.proposed_by_id == self.request.user.pk
        is_open = self.subject.status == StaffProposal.Status.OPEN
        return is_open and is_own == self.by_proposer

    @property
    def facts(self) -> Facts:
        proposal = self.subject
        return [
            (_("Act"), trail.text_of(proposal.kind)),
            (_("About"), proposal.subject),
            (_("What changes"), _paragraphs(proposal)),
            (_("Reason"), proposal.reason),
            (_("Proposed by"), proposal.proposed_by.get_username()),
            (_("Proposed"), display.moment(proposal.proposed_at)),
        ]

    @property
    def back(self) -> str:
        return reverse("admin:apikeys_staffproposal_change", args=(self.subject.pk,))

    def check(self) -> None:
        if not self.by_proposer:
            proposals.require_decidable(
                actor=recording.actor_of(self.request),
                proposal=self.subject,
                now=timezone.now(),
                approving=self.approving,
            )


class ApproveAct(Decision):
    """Do what another administrator proposed."""

    approving = True
    path = "approve"
    label = button = _("Approve")
    title = _("Approve this?")
    sentences = (_("It is done at once."),)

    def perform(self, filled: dict[str, Any]) -> Text:
        actor = recording.actor_of(self.request)
        proposals.approve(actor=actor, proposal_id=self.subject.pk, now=timezone.now())
        return _("Approved, and done.")


class RejectAct(Decision):
    """End the proposal without its act."""

    path = "reject"
    label = button = _("Reject")
    title = _("Reject this?")
    sentences = (_("Nothing changes, and the proposal ends."),)
    form_class = ReasonForm
    is_harmful = True

    def perform(self, filled: dict[str, Any]) -> Text:
        proposals.reject(
            actor=recording.actor_of(self.request),
            proposal_id=self.subject.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Rejected; nothing was changed.")


class WithdrawAct(Decision):
    """End one's own proposal."""

    by_proposer = True
    path = "withdraw"
    label = button = _("Take back")
    title = _("Take this proposal back?")
    sentences = (_("Nothing changes, and the proposal ends."),)

    def perform(self, filled: dict[str, Any]) -> Text:
        actor = recording.actor_of(self.request)
        proposals.withdraw(actor=actor, proposal_id=self.subject.pk, now=timezone.now())
        return _("Taken back; nothing was changed.")


@admin.register(StaffProposal)
class StaffProposalAdmin(ReadOnlyAdmin):
    """What waits for a second administrator, and what was decided; secrets are never shown."""

    fields = (
        "what",
        "subject",
        "what_changes",
        "reason",
        "proposed_by",
        "proposed",
        "status",
        "failure_reason",
        "decided_by",
        "decided",
        "decision_reason",
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
        return _paragraphs(proposal)

    @admin.display(description=_("Proposed"))
    def proposed(self, proposal: StaffProposal) -> Shown:
        return display.moment(proposal.proposed_at)

    @admin.display(description=_("Decided"))
    def decided(self, proposal: StaffProposal) -> Shown:
        return display.moment(proposal.decided_at)


def _paragraphs(proposal: StaffProposal) -> SafeString:
    kind = KINDS.get(proposal.kind)
    sentences = kind.describe(proposal) if kind else []
    return format_html_join("", "<p>{}</p>", ((sentence,) for sentence in sentences))
