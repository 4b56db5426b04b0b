"""Tenants, keys, their audit log, and what staff did. Hashes and digests are never shown."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from apikeys.audit.recording import Caller
from apikeys.keys import access
from apikeys.keys import acts as administering
from apikeys.models import ApiKey, ApiKeyAuditEntry, StaffAct, Tenant
from apikeys.staff_acts import kinds, outcomes, recording
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, Facts, ReasonForm, Text
from paytrust.staff.export import exported
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
exported.connect(recording.note_export, dispatch_uid="apikeys.staff_acts.recording")


class TenantForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=140,
        help_text=_("As customers know the merchant; it stands in ISO 20022 messages."),
        widget=UnfoldAdminTextInputWidget,
    )


class KeyForm(forms.Form):
    description = forms.CharField(
        label=_("Description"),
        max_length=255,
        help_text=_("What the key is for, such as: web shop."),
        widget=UnfoldAdminTextInputWidget,
    )


class MakeTenant(Act[None]):
    path = "make"
    label = _("New tenant")
    permission = roles.ADMINISTER
    is_about_a_row = False
    title = _("New tenant")
    sentences = (_("A merchant whose invoices and keys no other merchant sees."),)
    button = _("Make")
    form_class = TenantForm

    @property
    def back(self) -> str:
        return reverse("admin:apikeys_tenant_changelist")

    def perform(self, filled: dict[str, Any]) -> Text:
        administering.create_tenant(
            actor=recording.actor_of(self.request), name=filled["name"], now=timezone.now()
        )
        return _("The tenant is there.")


class IssueKey(Act[Tenant]):
    path = "issue-key"
    label = _("Issue a key")
    permission = roles.ADMINISTER
    title = _("Issue a key")
    sentences = (_("The key is shown once, on the next page. Have a safe place ready."),)
    button = _("Issue")
    form_class = KeyForm
    counts_once = True

    @property
    def facts(self) -> Facts:
        return [(_("Tenant"), self.subject.name)]

    @property
    def back(self) -> str:
        return reverse("admin:apikeys_tenant_change", args=(self.subject.pk,))

    def perform(self, filled: dict[str, Any]) -> HttpResponse:
        api_key, key = administering.issue_key(
            actor=recording.actor_of(self.request),
            caller=_caller(self.request),
            tenant_id=self.subject.pk,
            description=filled["description"],
            now=timezone.now(),
        )
        return _shown_once(self.request, api_key, key)


class TenantAdmin(ReadOnlyAdmin):
    """Tenants; `reporting.back_office.merchant_page` adds what upper apps know of them."""

    fields = ("name", "created")
    list_display = ("id", "name", "created")
    exact_search = ("name",)
    acts: ClassVar[Sequence[type[Act[Any]]]] = (MakeTenant, IssueKey)

    @admin.display(description=_("Created"))
    def created(self, tenant: Tenant) -> Shown:
        return display.moment(tenant.created_at)


class KeyAct(Act[ApiKey]):
    """What can be done with a key while it is active."""

    permission = roles.ADMINISTER
    form_class = ReasonForm
    is_harmful = True

    def is_offered(self) -> bool:
        return self.subject.status == ApiKey.Status.ACTIVE

    @property
    def facts(self) -> Facts:
        return [
            (_("Key"), f"{self.subject.key_prefix}..."),
            (_("Description"), self.subject.description),
            (_("Tenant"), self.subject.tenant.name),
            (_("Last used"), display.moment(self.subject.last_used_at)),
        ]

    @property
    def back(self) -> str:
        return _page_of(self.subject)


class RotateKey(KeyAct):
    path = "rotate"
    label = button = _("Rotate")
    title = _("Rotate this key?")
    sentences = (
        _("The old key is refused from that moment on."),
        _("The new one is shown once, on the next page."),
    )
    counts_once = True

    def perform(self, filled: dict[str, Any]) -> HttpResponse:
        renewed, key = administering.rotate_key(
            actor=recording.actor_of(self.request),
            caller=_caller(self.request),
            api_key=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _shown_once(self.request, renewed, key)


class RevokeKey(KeyAct):
    path = "revoke"
    label = button = _("Revoke")
    title = _("Revoke this key?")
    sentences = (_("It is refused from that moment on, and cannot be brought back."),)

    def perform(self, filled: dict[str, Any]) -> Text:
        administering.revoke_key(
            actor=recording.actor_of(self.request),
            caller=_caller(self.request),
            api_key=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("The key is revoked.")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    fields = (
        "tenant",
        "description",
        "key_prefix",
        "status",
        "created",
        "rotated",
        "revoked",
        "last_used",
    )
    list_display = ("id", "prefix", "tenant", "description", "status", "created", "last_used")
    list_filter: ClassVar = ["status", ("tenant", AutocompleteSelectFilter)]
    list_select_related = ("tenant",)
    exact_search = ("key_prefix", "tenant__name")
    acts = (RotateKey, RevokeKey)

    @admin.display(description=_("Key"))
    def prefix(self, api_key: ApiKey) -> str:
        return f"{api_key.key_prefix}..."

    @admin.display(description=_("Created"))
    def created(self, api_key: ApiKey) -> Shown:
        return display.moment(api_key.created_at)

    @admin.display(description=_("Rotated"))
    def rotated(self, api_key: ApiKey) -> Shown:
        return display.moment(api_key.rotated_at)

    @admin.display(description=_("Revoked"))
    def revoked(self, api_key: ApiKey) -> Shown:
        return display.moment(api_key.revoked_at)

    @admin.display(description=_("Last used"))
    def last_used(self, api_key: ApiKey) -> Shown:
        return display.moment(api_key.last_used_at)


@admin.register(ApiKeyAuditEntry)
class ApiKeyAuditEntryAdmin(ReadOnlyAdmin):
    fields = (
        "when",
        "operation_type",
        "success",
        "error_message",
        "tenant",
        "api_key",
        "actor_identifier",
        "ip_address",
        "method",
        "path",
        "status_code",
        "request_id",
    )
    list_display = (
        "id",
        "when",
        "operation_type",
        "tenant",
        "api_key",
        "actor_identifier",
        "ip_address",
        "success",
    )
    list_filter: ClassVar = ["operation_type", "success"]
    list_select_related = ("tenant", "api_key")

    @admin.display(description=_("When"))
    def when(self, entry: ApiKeyAuditEntry) -> Shown:
        return display.moment(entry.created_at)


class KindFilter(DropdownFilter):  # type: ignore[misc]  # the theme has no types
    title = _("act")
    parameter_name = "act"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(code, str(text)) for code, text in kinds.KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(act=self.value()) if self.value() else queryset


@admin.register(StaffAct)
class StaffActAdmin(ReadOnlyAdmin):
    """What staff did in the back office; no user can change it."""

    fields = (
        "when",
        "staff",
        "what",
        "about",
        "object_id",
        "tenant",
        "invoice",
        "reason",
        "ended",
        "message",
        "request_id",
    )
    list_display = ("id", "when", "staff", "what", "invoice", "reason", "ended")
    list_filter: ClassVar = [KindFilter]
    list_select_related = ("staff",)
    exact_search = ("invoice_id", "request_id")

    @admin.display(description=_("When"))
    def when(self, act: StaffAct) -> Shown:
        return display.moment(act.created_at)

    @admin.display(description=_("What was done"))
    def what(self, act: StaffAct) -> str:
        return kinds.text_of(act.act)

    @admin.display(description=_("About"))
    def about(self, act: StaffAct) -> str:
        app, _dot, model = act.object_type.partition(".")
        known = apps.all_models.get(app, {}).get(model)
        return str(known._meta.verbose_name) if known else act.object_type  # noqa: SLF001  # public

    @admin.display(description=_("Outcome"))
    def ended(self, act: StaffAct) -> str:
        return outcomes.text_of(act.outcome)

    @admin.display(description=_("Invoice"))
    def invoice(self, act: StaffAct) -> Shown:
        return display.link("invoices_invoice", act.invoice_id)


def _shown_once(request: HttpRequest, api_key: ApiKey, key: str) -> HttpResponse:
    """Show a new key in the answer to the form: it is stored nowhere."""
    context = {
        **admin.site.each_context(request),
        "title": _("Your new key"),
        "api_key": api_key,
        "key": key,
        "back": _page_of(api_key),
    }
    return render(request, "staff/key_once.html", context)


def _caller(request: HttpRequest) -> Caller:
    return access.caller_of(request, actor=f"staff: {request.user.get_username()}")


def _page_of(api_key: ApiKey) -> str:
    return reverse("admin:apikeys_apikey_change", args=(api_key.pk,))
