"""Tenants, keys, their audit log, and what staff did. Hashes and digests are never shown."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from apikeys.audit.recording import Caller
from apikeys.keys import access
from apikeys.keys import acts as administering
from apikeys.models import ApiKey, ApiKeyAuditEntry, StaffAct, Tenant
from apikeys.staff_acts import recording
from paytrust.staff import acts, display, roles
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


@admin.register(Tenant)
class TenantAdmin(ReadOnlyAdmin):
    fields = ("name", "created")
    list_display = ("id", "name", "created")
    exact_search = ("name",)
    actions_list = ("make",)
    actions_detail = ("issue_key",)

    @acts.button(_("New tenant"), path="make", permission=roles.ADMINISTER)
    def make(self, request: HttpRequest) -> HttpResponse:
        """Make a tenant."""

        def make(filled: dict[str, Any]) -> acts.Text:
            administering.create_tenant(
                actor=recording.actor_of(request), name=filled["name"], now=timezone.now()
            )
            return _("The tenant is there.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("New tenant"),
                sentences=[_("A merchant whose invoices and keys no other merchant sees.")],
                button=_("Make"),
            ),
            back=reverse("admin:apikeys_tenant_changelist"),
            act=make,
            form_class=TenantForm,
        )

    @acts.button(_("Issue a key"), path="issue-key", permission=roles.ADMINISTER)
    def issue_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a key for the tenant and show it once."""
        tenant = self.get_object(request, object_id)
        if tenant is None:
            raise Http404

        def issue(filled: dict[str, Any]) -> HttpResponse:
            api_key, key = administering.issue_key(
                actor=recording.actor_of(request),
                caller=_caller(request),
                tenant_id=tenant.pk,
                description=filled["description"],
                now=timezone.now(),
            )
            return _shown_once(request, api_key, key)

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Issue a key"),
                sentences=[_("The key is shown once, on the next page. Have a safe place ready.")],
                facts=[(_("Tenant"), tenant.name)],
                button=_("Issue"),
                counts_once=True,
            ),
            back=reverse("admin:apikeys_tenant_change", args=(tenant.pk,)),
            act=issue,
            form_class=KeyForm,
        )

    @admin.display(description=_("Created"))
    def created(self, tenant: Tenant) -> Shown:
        return display.moment(tenant.created_at)


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
    list_filter: ClassVar = ["status"]
    list_select_related = ("tenant",)
    exact_search = ("key_prefix", "tenant__name")
    actions_detail = ("rotate", "revoke")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> Any:  # noqa: ANN401
        api_key = self.get_object(request, object_id)
        if api_key is None or api_key.status != ApiKey.Status.ACTIVE:
            return []
        return super().get_actions_detail(request, object_id)

    @acts.button(_("Rotate"), path="rotate", permission=roles.ADMINISTER)
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give the key a new secret and show it once."""
        api_key = self._key(request, object_id)

        def rotate(filled: dict[str, Any]) -> HttpResponse:
            renewed, key = administering.rotate_key(
                actor=recording.actor_of(request),
                caller=_caller(request),
                api_key=api_key,
                reason=filled["reason"],
                now=timezone.now(),
            )
            return _shown_once(request, renewed, key)

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Rotate this key?"),
                sentences=[
                    _("The old key is refused from that moment on."),
                    _("The new one is shown once, on the next page."),
                ],
                facts=_about(api_key),
                button=_("Rotate"),
                is_harmful=True,
                counts_once=True,
            ),
            back=_page_of(api_key),
            act=rotate,
            form_class=acts.ReasonForm,
        )

    @acts.button(_("Revoke"), path="revoke", permission=roles.ADMINISTER)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End the key for good."""
        api_key = self._key(request, object_id)

        def revoke(filled: dict[str, Any]) -> acts.Text:
            administering.revoke_key(
                actor=recording.actor_of(request),
                caller=_caller(request),
                api_key=api_key,
                reason=filled["reason"],
                now=timezone.now(),
            )
            return _("The key is revoked.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Revoke this key?"),
                sentences=[_("It is refused from that moment on, and cannot be brought back.")],
                facts=_about(api_key),
                button=_("Revoke"),
                is_harmful=True,
            ),
            back=_page_of(api_key),
            act=revoke,
            form_class=acts.ReasonForm,
        )

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

    def _key(self, request: HttpRequest, object_id: str) -> ApiKey:
        api_key: ApiKey | None = self.get_object(request, object_id)
        if api_key is None:
            raise Http404
        return api_key


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


@admin.register(StaffAct)
class StaffActAdmin(ReadOnlyAdmin):
    """What staff did in the back office; nobody can change it."""

    fields = (
        "when",
        "staff",
        "act",
        "object_type",
        "object_id",
        "tenant",
        "invoice",
        "reason",
        "outcome",
        "message",
        "request_id",
    )
    list_display = ("id", "when", "staff", "act", "invoice", "reason", "outcome")
    list_filter: ClassVar = ["act"]
    list_select_related = ("staff",)
    exact_search = ("invoice_id", "request_id")

    @admin.display(description=_("When"))
    def when(self, act: StaffAct) -> Shown:
        return display.moment(act.created_at)

    @admin.display(description=_("Invoice"))
    def invoice(self, act: StaffAct) -> Shown:
        if act.invoice_id is None:
            return display.EMPTY
        link = reverse("admin:invoices_invoice_change", args=(act.invoice_id,))
        return format_html('<a href="{}">{}</a>', link, act.invoice_id)


def _shown_once(request: HttpRequest, api_key: ApiKey, key: str) -> HttpResponse:
    """Show a key in the answer that makes it: it is kept nowhere."""
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


def _about(api_key: ApiKey) -> list[tuple[acts.Text, object]]:
    return [
        (_("Key"), f"{api_key.key_prefix}..."),
        (_("Description"), api_key.description),
        (_("Tenant"), api_key.tenant.name),
        (_("Last used"), display.moment(api_key.last_used_at)),
    ]


def _page_of(api_key: ApiKey) -> str:
    return reverse("admin:apikeys_apikey_change", args=(api_key.pk,))
