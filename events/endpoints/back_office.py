"""Webhook endpoints and deliveries in the back office: what was sent, answered, and can be done."""

import json
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from apikeys.staff_acts import recording
from events.deliveries import signing
from events.endpoints import acts as endpoint_acts
from events.endpoints import failures
from events.models import Delivery, DeliveryAttempt, WebhookEndpoint
from events.outbox.resending import EndpointDisabled
from paytrust.staff import display
from paytrust.staff.acts import Act, Facts, ReasonForm, Text
from paytrust.staff.pages import ReadOnlyAdmin
from paytrust.web import strict_json

Shown = SafeString | str
TONES = {
    "enabled": "good",
    "delivered": "good",
    "pending": "warn",
    "disabled": "bad",
    "failed": "bad",
}


class Disable(Act[WebhookEndpoint]):
    path = "disable"
    label = button = _("Disable")
    title = _("Disable this endpoint?")
    sentences = (
        _("It is told nothing more. What waits for it is cancelled, and can be replayed."),
        _("The merchant can enable it again."),
    )
    form_class = ReasonForm
    is_harmful = True

    def is_offered(self) -> bool:
        return self.subject.status == WebhookEndpoint.Status.ENABLED

    @property
    def facts(self) -> Facts:
        return [(_("Tenant"), self.subject.tenant.name), (_("Address"), self.subject.url)]

    @property
    def back(self) -> str:
        return reverse("admin:events_webhookendpoint_change", args=(self.subject.pk,))

    def check(self) -> None:
        if not self.is_offered():
            raise EndpointDisabled

    def perform(self, filled: dict[str, Any]) -> Text:
        endpoint_acts.disable(
            actor=recording.actor_of(self.request),
            endpoint=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("The endpoint is disabled.")


class Resend(Act[Delivery]):
    path = "resend"
    label = button = _("Send again")
    title = _("Send this event again?")
    sentences = (
        _("The endpoint gets the same event under the same id, with all attempts before it."),
    )
    form_class = ReasonForm

    def is_offered(self) -> bool:
        return self.subject.endpoint.status == WebhookEndpoint.Status.ENABLED

    @property
    def facts(self) -> Facts:
        return [
            (_("Event"), f"{self.subject.event.type} {self.subject.event.public_id}"),
            (_("Address"), self.subject.endpoint.url),
            (_("Attempts"), self.subject.attempts),
        ]

    @property
    def back(self) -> str:
        return reverse("admin:events_delivery_change", args=(self.subject.pk,))

    def check(self) -> None:
        if not self.is_offered():
            raise EndpointDisabled

    def perform(self, filled: dict[str, Any]) -> Text:
        endpoint_acts.resend(
            actor=recording.actor_of(self.request),
            delivery=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("The event is sent again.")


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    """The webhook endpoints of merchants; secrets are never shown."""

    fields = (
        "tenant",
        "url_shown",
        "event_types",
        "description",
        "contact_email",
        "state",
        "disabled_reason",
        "disabled",
        "failing",
        "deliveries_shown",
        "created",
    )
    list_display = ("id", "tenant", "url_shown", "state", "disabled_reason", "failing")
    list_filter: ClassVar = ["status", ("tenant", AutocompleteSelectFilter)]
    list_select_related = ("tenant",)
    exact_search = ("tenant__id",)
    acts = (Disable,)

    @admin.display(description=_("Address"))
    def url_shown(self, endpoint: WebhookEndpoint) -> Shown:
        return display.long_text(endpoint.url)

    @admin.display(description=_("State"))
    def state(self, endpoint: WebhookEndpoint) -> Shown:
        return _state(endpoint)

    @admin.display(description=_("Disabled"))
    def disabled(self, endpoint: WebhookEndpoint) -> Shown:
        return display.moment(endpoint.disabled_at)

    @admin.display(description=_("Nothing but failures since"))
    def failing(self, endpoint: WebhookEndpoint) -> Shown:
        return display.moment(endpoint.failing_since)

    @admin.display(description=_("Deliveries"))
    def deliveries_shown(self, endpoint: WebhookEndpoint) -> Shown:
        address = f"{reverse('admin:events_delivery_changelist')}?{urlencode({'q': endpoint.url})}"
        return format_html('<a class="staff-link" href="{}">{}</a>', address, _("Show"))

    @admin.display(description=_("Created"))
    def created(self, endpoint: WebhookEndpoint) -> Shown:
        return display.moment(endpoint.created_at)


class Attempts(TabularInline):  # type: ignore[misc]  # the theme has no types
    """Each try, the newest first."""

    model = DeliveryAttempt
    verbose_name_plural = _("Attempts")
    fields = ("place", "attempted", "ms", "status", "failure", "answer_shown")
    readonly_fields = fields
    ordering = ("-number",)
    extra = 0
    can_delete = False
    hide_title = True

    @admin.display(description=_("No."))
    def place(self, attempt: DeliveryAttempt) -> int:
        return attempt.number

    @admin.display(description=_("Status code"))
    def status(self, attempt: DeliveryAttempt) -> int | str:
        return attempt.status_code or display.EMPTY

    @admin.display(description=_("Error"))
    def failure(self, attempt: DeliveryAttempt) -> str:
        return failures.in_words(attempt.error) if attempt.error else display.EMPTY

    @admin.display(description=_("Time"))
    def attempted(self, attempt: DeliveryAttempt) -> Shown:
        return display.moment(attempt.attempted_at)

    @admin.display(description=_("Milliseconds"))
    def ms(self, attempt: DeliveryAttempt) -> int:
        return attempt.duration_ms

    @admin.display(description=_("Answer"))
    def answer_shown(self, attempt: DeliveryAttempt) -> Shown:
        return display.long_text(attempt.answer)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """The deliveries to merchants, with what was sent and what they answered."""

    fields = (
        "event_type",
        "event_id_shown",
        "endpoint_shown",
        "tenant",
        "invoice_id",
        "state",
        "attempts",
        "created",
        "next_attempt",
        "ended",
        "sent",
    )
    list_display = ("id", "created", "tenant", "event_type", "endpoint_shown", "state", "attempts")
    list_filter: ClassVar = ["status", ("tenant", AutocompleteSelectFilter)]
    list_select_related = ("tenant", "event", "endpoint__tenant")
    exact_search = ("event__public_id", "endpoint__url")
    inlines: ClassVar = [Attempts]
    acts = (Resend,)

    @admin.display(description=_("Event"))
    def event_type(self, delivery: Delivery) -> str:
        return delivery.event.type

    @admin.display(description=_("Event id"))
    def event_id_shown(self, delivery: Delivery) -> str:
        return delivery.event.public_id

    @admin.display(description=_("Address"))
    def endpoint_shown(self, delivery: Delivery) -> Shown:
        return display.link(
            "events_webhookendpoint", delivery.endpoint_id, delivery.endpoint.url[:60]
        )

    @admin.display(description=_("State"))
    def state(self, delivery: Delivery) -> Shown:
        return _state(delivery)

    @admin.display(description=_("Created"))
    def created(self, delivery: Delivery) -> Shown:
        return display.moment(delivery.created_at)

    @admin.display(description=_("Next attempt"))
    def next_attempt(self, delivery: Delivery) -> Shown:
        return display.moment(delivery.next_attempt_at)

    @admin.display(description=_("Ended"))
    def ended(self, delivery: Delivery) -> Shown:
        return display.moment(delivery.ended_at)

    @admin.display(description=_("What is sent"))
    def sent(self, delivery: Delivery) -> SafeString:
        envelope = json.loads(strict_json.encode(signing.envelope(delivery.event)))
        return format_html(
            '<details class="staff-raw"><summary>{}</summary><pre>{}</pre></details>',
            _("Show"),
            json.dumps(envelope, indent=2, ensure_ascii=False),
        )


def _state(row: WebhookEndpoint | Delivery) -> SafeString:
    return display.label(row.get_status_display(), TONES.get(row.status, "plain"))
