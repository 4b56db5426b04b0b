"""Deciding on a proposal in the back office, whatever it is about."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import recording
from apikeys.staff_acts.recording import Actor
from paytrust.staff import display
from paytrust.staff.acts import Act, Facts, ReasonForm, Text
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
Row = TypeVar("Row", bound=models.Model)  # a proposal: who made it and when, its status and reason


class Decisions(Protocol):
    """A module of services that end proposals of one kind."""

    def require_decidable(
        self,
        *,
        actor: Actor,
        proposal: Any,  # noqa: ANN401  # a Row
        now: datetime,
        approving: bool,
    ) -> None: ...
    def approve(self, *, actor: Actor, proposal_id: int, now: datetime) -> object: ...
    def reject(self, *, actor: Actor, proposal_id: int, reason: str, now: datetime) -> object: ...
    def withdraw(self, *, actor: Actor, proposal_id: int, now: datetime) -> object: ...


class Decision(Act[Row]):
    """What ends a proposal: a decision of another person, or of the proposer."""

    services: ClassVar[Decisions]
    open_in: ClassVar[Collection[str]]  # the states in which it can be decided on
    by_proposer: ClassVar[bool] = False
    approving: ClassVar[bool] = False
    done: Text

    def is_offered(self) -> bool:
        proposal: Any = self.subject
        is_own = proposal.proposed_by_id == self.request.user.pk
        return proposal.status in self.open_in and is_own == self.by_proposer

    @property
    def facts(self) -> Facts:
        proposal: Any = self.subject
        return [
            *self.about,
            (_("Reason"), proposal.reason),
            (_("Proposed by"), proposal.proposed_by.get_username()),
            (_("Proposed"), display.moment(proposal.proposed_at)),
        ]

    @property
    def about(self) -> Facts:
        """What would change."""
        raise NotImplementedError

    @property
    def back(self) -> str:
        options = self.subject._meta  # noqa: SLF001  # public
        page = f"admin:{options.app_label}_{options.model_name}_change"
        return reverse(page, args=(self.subject.pk,))

    def check(self) -> None:
        if not self.by_proposer:
            self.services.require_decidable(
                actor=recording.actor_of(self.request),
                proposal=self.subject,
                now=timezone.now(),
                approving=self.approving,
            )


class Approval(Decision[Row]):
    approving = True
    path = "approve"
    label = button = _("Approve")

    def perform(self, filled: dict[str, Any]) -> Text:
        actor = recording.actor_of(self.request)
        self.services.approve(actor=actor, proposal_id=self.subject.pk, now=timezone.now())
        return self.done


class Rejection(Decision[Row]):
    path = "reject"
    label = button = _("Reject")
    sentences = (_("Nothing changes, and the proposal ends."),)
    form_class = ReasonForm
    is_harmful = True
    done = _("Rejected; nothing was changed.")

    def perform(self, filled: dict[str, Any]) -> Text:
        self.services.reject(
            actor=recording.actor_of(self.request),
            proposal_id=self.subject.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return self.done


class Withdrawal(Decision[Row]):
    by_proposer = True
    path = "withdraw"
    label = button = _("Take back")
    title = _("Take this proposal back?")
    sentences = (_("Nothing changes, and the proposal ends."),)
    done = _("Taken back; nothing was changed.")

    def perform(self, filled: dict[str, Any]) -> Text:
        actor = recording.actor_of(self.request)
        self.services.withdraw(actor=actor, proposal_id=self.subject.pk, now=timezone.now())
        return self.done


class ProposalAdmin(ReadOnlyAdmin):
    """A page of what waits for a second person, and of what was decided."""

    of_the_end = ("status", "failure_reason", "decided_by", "decided", "decision_reason")

    @admin.display(description=_("Proposed"))
    def proposed(self, proposal: Any) -> Shown:  # noqa: ANN401  # a Row
        return display.moment(proposal.proposed_at)

    @admin.display(description=_("Decided"))
    def decided(self, proposal: Any) -> Shown:  # noqa: ANN401  # a Row
        return display.moment(proposal.decided_at)
