"""Notifications in the back office: what each says, why it failed, and what staff can do."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)

from apikeys.staff_acts import recording
from payments.changes import proposals
from payments.models import WebhookEvent
from payments.webhooks import acts as webhook_acts
from payments.webhooks import groups_page, readings, texts
from payments.webhooks.bulk_acts import IgnoreAll, ProcessAllAgain
from payments.webhooks.masking import shown_body
from paytrust.staff import display
from paytrust.staff.acts import Act, Facts, ReasonForm, Text, Warned
from paytrust.staff.filters import DatesFilter
from paytrust.staff.pages import OfMerchants

Shown = SafeString | str
FAILED = WebhookEvent.Status.FAILED


class WebhookAct(Act[WebhookEvent]):
    """An act on a notification that failed."""

    def is_offered(self) -> bool:
        return self.subject.status == FAILED

    @property
    def facts(self) -> Facts:
        return [
            (_("What it says"), what_it_says(self.subject)),
            (_("Why it failed"), why_it_failed(self.subject)),
            (_("Received"), display.moment(self.subject.received_at)),
            (_("Gateway"), self.subject.gateway.name),
        ]

    @property
    def back(self) -> str:
        return reverse("admin:payments_webhookevent_change", args=(self.subject.pk,))


class AskGateway(WebhookAct):
    """Ask the gateway about the payment and book its answer."""

    path = "ask"
    label = button = _("Ask the gateway")
    title = _("Ask the gateway?")
    sentences = (
        _("The gateway is asked how the payment stands, and its answer is booked."),
        _("The notification stays here until it is processed or ignored."),
    )

    def perform(self, filled: dict[str, Any]) -> Text:
        outcome = webhook_acts.ask_gateway(
            actor=recording.actor_of(self.request), event_id=self.subject.pk, now=timezone.now()
        )
        return texts.answer(outcome)


class ProcessAgain(WebhookAct):
    path = "again"
    label = button = _("Process again")
    title = _("Process this notification again?")
    sentences = (
        _("The gateway is asked whether it is true; what it confirms is booked."),
        _("Nothing is booked twice."),
    )

    def perform(self, filled: dict[str, Any]) -> Text | Warned:
        after = webhook_acts.process_again(
            actor=recording.actor_of(self.request), event_id=self.subject.pk, now=timezone.now()
        )
        if after.status == WebhookEvent.Status.PROCESSED:
            return texts.answer(after.outcome or "")
        return Warned(texts.reason(after.outcome, after.failure_reason))


class Ignore(WebhookAct):
    """Set the notification aside, or propose that if it may be about money."""

    path = "ignore"
    label = _("Ignore")
    form_class = ReasonForm
    is_harmful = True

    title = _("Ignore this notification?")
    sentences: Sequence[Text] = (_("No money is in it. It leaves the queue and changes nothing."),)
    button = _("Ignore")

    def __init__(self, request: HttpRequest, subject: WebhookEvent) -> None:
        super().__init__(request, subject)
        self.by_two = readings.claim_of(subject).may_bear_money
        if self.by_two:
            self.title, self.button = _("Propose to ignore it?"), _("Propose")
            self.sentences = (_("It may be about money, so another person must approve."),)

    def perform(self, filled: dict[str, Any]) -> Text:
        do = proposals.propose_ignoring if self.by_two else webhook_acts.ignore
        do(
            actor=recording.actor_of(self.request),
            event_id=self.subject.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        if self.by_two:
            return _("Proposed. Another person must approve it.")
        return _("The notification is ignored.")


class WhyFilter(DropdownFilter):  # type: ignore[misc]  # the theme has no types
    """Failed notifications by why they failed."""

    title = _("why it failed")
    parameter_name = "why"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(code, str(text)) for code, text in texts.REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        why = self.value()
        return queryset.filter(status=FAILED, outcome=why) if why else queryset


class WebhookEventAdmin(OfMerchants):
    """The queue of failed notifications, and every other notification."""

    fields = (
        "says",
        "about",
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
    list_display = (
        *("id", "received", "merchant", "gateway", "reference"),
        *("says_in_short", "why", "status"),
    )
    list_filter: ClassVar = [
        ("status", ChoicesDropdownFilter),
        WhyFilter,
        ("gateway", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("received_at", DatesFilter),
    ]
    list_select_related = ("gateway", "tenant")
    exact_search = ("reference", "event_id")
    acts = (AskGateway, ProcessAgain, Ignore)
    bulk_acts = (ProcessAllAgain, IgnoreAll)
    list_before_template = "staff/failed_head.html"

    def get_urls(self) -> list[URLPattern]:
        groups = self.admin_site.admin_view(groups_page.show)
        return [path("groups/", groups, name="payments_failed_groups"), *super().get_urls()]

    def offers_bulk(self, request: HttpRequest) -> bool:
        """Return whether the list shows failed notifications alone."""
        return _shows_failed(request)

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        """Return the order that an index gives: failed notifications have their own index."""
        if _shows_failed(request):
            return ("-received_at", "-id")
        return self.ordering

    @admin.display(description=_("What it says"))
    def says(self, event: WebhookEvent) -> str:
        return what_it_says(event)

    @admin.display(description=_("Invoice"))
    def about(self, event: WebhookEvent) -> Shown:
        """Link the invoice that it is about, or claims to be about."""
        about = readings.claim_of(event).payment_request
        return display.link("invoices_invoice", about.invoice_id if about else None)

    @admin.display(description=_("What it says"))
    def says_in_short(self, event: WebhookEvent) -> str:
        return texts.short_effect(readings.said_by(event))

    @admin.display(description=_("Why it failed"))
    def why(self, event: WebhookEvent) -> str:
        return why_it_failed(event)

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


def _shows_failed(request: HttpRequest) -> bool:
    return request.GET.get("status__exact") == FAILED or bool(request.GET.get("why"))


def what_it_says(event: WebhookEvent) -> str:
    """Return a text of what a notification would change."""
    return texts.effect(readings.claim_of(event))


def why_it_failed(event: WebhookEvent) -> str:
    """Return why a notification failed, or was ignored."""
    if event.status not in {FAILED, WebhookEvent.Status.IGNORED}:
        return display.EMPTY
    return texts.reason(event.outcome, event.failure_reason)
