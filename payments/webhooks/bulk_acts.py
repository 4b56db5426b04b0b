"""What staff can do about several failed notifications at once."""

from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import recording
from payments import tasks
from payments.changes import proposals
from payments.models import WebhookEvent
from payments.webhooks import acts, readings, texts, waking
from payments.webhooks.readings import Claim
from paytrust.staff import display
from paytrust.staff.acts import Facts, ReasonForm, Text, Warned
from paytrust.staff.bulk import BulkAct


class AboutNotifications(BulkAct[WebhookEvent]):
    """An act on failed notifications, each of which is shown with what it says."""

    form_class = ReasonForm

    @property
    def back(self) -> str:
        return f"{super().back}?status__exact={WebhookEvent.Status.FAILED}"

    @property
    def facts(self) -> Facts:
        claims = readings.claims_of(self.subject)
        return [_fact_of(*pair) for pair in zip(self.subject, claims, strict=True)]


class ProcessAllAgain(AboutNotifications):
    """Let the workers process the notifications again."""

    path = "again"
    label = button = _("Process again")
    title = _("Process these notifications again?")
    sentences = (
        _("The gateway is asked about each, one after the other; what it confirms is booked."),
        _("Nothing is booked twice. Those that fail again come back to this queue."),
    )

    def do_one(self, row: WebhookEvent, filled: dict[str, Any]) -> Text:
        acts.make_due_again(
            actor=recording.actor_of(self.request),
            event_id=row.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Tried again now")

    def perform(self, filled: dict[str, Any]) -> Text | Warned:
        said = super().perform(filled)
        waking.wake(tasks.process_notifications)
        return said


class IgnoreAll(AboutNotifications):
    """Set the notifications aside, and propose it for those that may be about money."""

    path = "ignore"
    label = button = _("Ignore")
    title = _("Ignore these notifications?")
    is_harmful = True
    sentences = (
        _("Those without money leave the queue and change nothing."),
        _("Those that may be about money are proposed: another person must approve each."),
    )

    def do_one(self, row: WebhookEvent, filled: dict[str, Any]) -> Text:
        by_two = readings.claim_of(row).may_bear_money
        do = proposals.propose_ignoring if by_two else acts.ignore
        do(
            actor=recording.actor_of(self.request),
            event_id=row.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Proposed to another person") if by_two else _("Ignored")


def _fact_of(row: WebhookEvent, claim: Claim) -> tuple[Text, object]:
    return f"{row.gateway.name} {row.pk}", format_html(
        "<p>{}</p><p>{}</p>",
        texts.effect(claim),
        texts.reason(row.outcome, row.failure_reason),
    )


def shown_amount(event: WebhookEvent) -> str:
    """Return the amount that a notification claims."""
    amount = readings.said_by(event).amount
    return display.plain_money(amount.minor, amount.currency) if amount else display.EMPTY
