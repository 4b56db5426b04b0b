"""Notifications in the back office: what each says, why it failed, and what can be done."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import recording
from payments.changes import proposals
from payments.models import WebhookEvent
from payments.webhooks import acts as webhook_acts
from payments.webhooks import readings, texts
from payments.webhooks.masking import shown_body
from paytrust.staff import acts, display, roles
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
FAILED = WebhookEvent.Status.FAILED


class WebhookEventAdmin(ReadOnlyAdmin):
    """The queue of failed notifications, and every other notification."""

    fields = (
        "says",
        "why",
        "status",
        "gateway",
        "reference",
        "event_id",
        "tenant",
        "attempts",
        "received",
        "ended",
        "next_attempt",
        "shown_body",
    )
    list_display = ("id", "received", "gateway", "reference", "says_in_short", "why", "status")
    list_filter: ClassVar = ["status", "gateway"]
    list_select_related = ("gateway",)
    exact_search = ("reference", "event_id")
    actions_detail = ("ask", "again", "ignore")

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        """Return the order that an index gives: the failed ones have one of their own."""
        if request.GET.get("status__exact") == FAILED:
            return ("-received_at", "-id")
        return self.ordering

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> Any:  # noqa: ANN401
        event = self.get_object(request, object_id)
        if event is None or event.status != FAILED:
            return []
        return super().get_actions_detail(request, object_id)

    @acts.button(_("Ask the gateway"), path="ask", permission=roles.OPERATE)
    def ask(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the gateway about the payment and book what it says."""
        event = self._event(object_id)
        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Ask the gateway?"),
                sentences=[
                    _("The gateway is asked how the payment stands, and its answer is booked."),
                    _("The notification stays here until it is processed or ignored."),
                ],
                facts=self._facts(event),
                button=_("Ask the gateway"),
            ),
            back=_page_of(event),
            act=lambda _filled: texts.answer(
                webhook_acts.ask_gateway(
                    actor=recording.actor_of(request), event_id=event.pk, now=timezone.now()
                )
            ),
        )

    @acts.button(_("Process again"), path="again", permission=roles.OPERATE)
    def again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Process the notification again, at once."""
        event = self._event(object_id)

        def process(_filled: dict[str, Any]) -> acts.Text | acts.Warned:
            after = webhook_acts.process_again(
                actor=recording.actor_of(request), event_id=event.pk, now=timezone.now()
            )
            if after.status == WebhookEvent.Status.PROCESSED:
                return texts.answer(after.outcome or "")
            return acts.Warned(texts.reason(after.outcome, after.failure_reason))

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Process this notification again?"),
                sentences=[
                    _("The gateway is asked whether it is true; what it confirms is booked."),
                    _("Nothing is booked twice."),
                ],
                facts=self._facts(event),
                button=_("Process again"),
            ),
            back=_page_of(event),
            act=process,
        )

    @acts.button(_("Ignore"), path="ignore", permission=roles.OPERATE)
    def ignore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Set the notification aside, or propose that where money may be in it."""
        event = self._event(object_id)
        by_two = readings.claim_of(event).may_bear_money

        def set_aside(filled: dict[str, Any]) -> acts.Text:
            do = proposals.propose_ignoring if by_two else webhook_acts.ignore
            do(
                actor=recording.actor_of(request),
                event_id=event.pk,
                reason=filled["reason"],
                now=timezone.now(),
            )
            if by_two:
                return _("Proposed. Another person must approve it.")
            return _("The notification is ignored.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Propose to ignore it?") if by_two else _("Ignore this notification?"),
                sentences=[
                    _("It may be about money, so another person must approve.")
                    if by_two
                    else _("No money is in it. It leaves the queue and changes nothing.")
                ],
                facts=self._facts(event),
                button=_("Propose") if by_two else _("Ignore"),
                is_harmful=True,
            ),
            back=_page_of(event),
            act=set_aside,
            form_class=acts.ReasonForm,
        )

    @admin.display(description=_("What it says"))
    def says(self, event: WebhookEvent) -> str:
        return texts.effect(readings.claim_of(event))

    @admin.display(description=_("What it says"))
    def says_in_short(self, event: WebhookEvent) -> str:
        return texts.short_effect(readings.said_by(event))

    @admin.display(description=_("Why it failed"))
    def why(self, event: WebhookEvent) -> str:
        if event.status not in {FAILED, WebhookEvent.Status.IGNORED}:
            return display.EMPTY
        return texts.reason(event.outcome, event.failure_reason)

    @admin.display(description=_("Received"))
    def received(self, event: WebhookEvent) -> Shown:
        return display.moment(event.received_at)

    @admin.display(description=_("Ended"))
    def ended(self, event: WebhookEvent) -> Shown:
        return display.moment(event.processed_at)

    @admin.display(description=_("Next attempt"))
    def next_attempt(self, event: WebhookEvent) -> Shown:
        return display.moment(event.next_attempt_at)

    @admin.display(description=_("As it came"))
    def shown_body(self, event: WebhookEvent) -> SafeString:
        body = shown_body(bytes(event.body))
        text = body if isinstance(body, str) else json.dumps(body, indent=2, default=str)
        return format_html(
            '<details class="staff-raw"><summary>{}</summary><pre>{}</pre></details>',
            _("Show; secrets are masked"),
            text,
        )

    def _event(self, object_id: str) -> WebhookEvent:
        try:
            return WebhookEvent.objects.select_related("gateway").get(pk=int(object_id))
        except (ValueError, WebhookEvent.DoesNotExist) as error:
            raise Http404 from error

    def _facts(self, event: WebhookEvent) -> list[tuple[acts.Text, object]]:
        return [
            (_("What it says"), self.says(event)),
            (_("Why it failed"), self.why(event)),
            (_("Received"), self.received(event)),
            (_("Gateway"), event.gateway.name),
        ]


def _page_of(event: WebhookEvent) -> str:
    return reverse("admin:payments_webhookevent_change", args=(event.pk,))
