"""Gateways, their fees with a history, and our accounts; credentials are never shown."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apikeys.keys import selectors as apikeys
from apikeys.staff_acts import recording
from apikeys.two_people import back_office as two_people
from gateways import descriptors
from gateways.accounts import acts as administering
from gateways.accounts import credentials
from gateways.descriptor import GatewayDescriptor
from gateways.models import Gateway, GatewayAccount, GatewayFee, GatewayFeeChange
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, Facts, ReasonForm, Text
from paytrust.staff.amounts import AmountField, NumberField
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
SAME, ANOTHER = "same", "another"


class FeeForm(ReasonForm):
    """A fee in per cent and whole currency."""

    percentage = NumberField(
        label=_("Per cent"), min_value=0, max_value=100, max_digits=7, decimal_places=4
    )
    fixed = AmountField(label=_("Fixed amount"))
    field_order = ("percentage", "fixed", "reason")

    def __init__(self, *, currency_code: str, data: QueryDict | None = None) -> None:
        super().__init__(data=data)
        self.fields["fixed"].currency_code = currency_code  # type: ignore[attr-defined]  # ours


class CredentialsForm(forms.Form):
    """The secrets of an account, and whose it is."""

    tenant_id = forms.IntegerField(
        label=_("Tenant"),
        required=False,
        min_value=1,
        help_text=_("The number of the tenant whose own account it is; empty: the platform's."),
        widget=UnfoldAdminIntegerFieldWidget,
    )
    kind = forms.ChoiceField(
        label=_("These are"),
        choices=[
            (SAME, _("new secrets of the same account, or its first ones")),
            (ANOTHER, _("the secrets of another account; open payments stay with the one before")),
        ],
        initial=SAME,
        widget=UnfoldAdminRadioSelectWidget,
    )

    def __init__(self, *, names: Sequence[str], data: QueryDict | None = None) -> None:
        super().__init__(data=data)
        for name in names:
            self.fields[name] = forms.CharField(
                label=name.replace("_", " ").capitalize(),  # as the gateway's dashboard calls it
                max_length=500,
                widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
            )
        self.fields["reason"] = forms.CharField(
            label=_("Reason"), required=False, max_length=500, widget=UnfoldAdminTextInputWidget
        )

    def clean_tenant_id(self) -> int | None:
        tenant_id: int | None = self.cleaned_data["tenant_id"]
        if tenant_id is not None and apikeys.tenant_by_id(tenant_id=tenant_id) is None:
            raise forms.ValidationError(_("There is no such tenant."))
        return tenant_id


@admin.register(Gateway)
class GatewayAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "code", "takes")
    fields = ("name", "code", "takes")

    @admin.display(description=_("Currencies"))
    def takes(self, gateway: Gateway) -> str:
        return ", ".join(gateway.currencies)


class FeeHistory(TabularInline):  # type: ignore[misc]  # the theme has no types
    """What the fee was, newest first."""

    model = GatewayFeeChange
    verbose_name_plural = _("History")
    fields = ("changed", "per_cent", "fixed", "who", "why")
    readonly_fields = fields
    ordering = ("-id",)
    extra = 0
    can_delete = False
    hide_title = True

    @admin.display(description=_("From"))
    def changed(self, change: GatewayFeeChange) -> Shown:
        return display.moment(change.changed_at)

    @admin.display(description=_("Per cent"))
    def per_cent(self, change: GatewayFeeChange) -> str:
        return display.quantity(change.percentage)

    @admin.display(description=_("Changed by"))
    def who(self, change: GatewayFeeChange) -> str:
        return change.changed_by

    @admin.display(description=_("Reason"))
    def why(self, change: GatewayFeeChange) -> str:
        return change.reason or display.EMPTY

    @admin.display(description=_("Fixed amount"))
    def fixed(self, change: GatewayFeeChange) -> Shown:
        return display.money(change.fixed_amount, change.fee.currency_code)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


class ChangeFee(Act[GatewayFee]):
    path = "change-fee"
    label = button = _("Change the fee")
    permission = roles.ADMINISTER
    title = _("Change a fee")
    sentences = (_("It holds for new invoices; those that exist keep theirs."),)

    @property
    def facts(self) -> Facts:
        fee = self.subject
        return [
            (_("Gateway"), fee.gateway.name),
            (_("Currency"), fee.currency_code),
            (_("Per cent"), display.quantity(fee.percentage)),
            (_("Fixed amount"), display.money(fee.fixed_amount, fee.currency_code)),
        ]

    @property
    def back(self) -> str:
        return reverse("admin:gateways_gatewayfee_change", args=(self.subject.pk,))

    def form(self, data: Any = None) -> FeeForm:  # noqa: ANN401  # a QueryDict, or none
        return FeeForm(currency_code=self.subject.currency_code, data=data)

    def perform(self, filled: dict[str, Any]) -> Text:
        result = administering.change_fee(
            actor=recording.actor_of(self.request),
            fee_id=self.subject.pk,
            percentage=filled["percentage"],
            fixed_amount=filled["fixed"],
            reason=filled["reason"],
            now=timezone.now(),
        )
        return two_people.said(result, _("The fee is changed for invoices from now on."))


@admin.register(GatewayFee)
class GatewayFeeAdmin(ReadOnlyAdmin):
    fields = ("gateway", "currency_code", "per_cent", "fixed")
    list_display = ("id", "gateway", "currency_code", "per_cent", "fixed")
    list_select_related = ("gateway",)
    ordering = ("id",)
    inlines: ClassVar = [FeeHistory]
    acts = (ChangeFee,)

    @admin.display(description=_("Per cent"), ordering="percentage")
    def per_cent(self, fee: GatewayFee) -> str:
        return display.quantity(fee.percentage)

    @admin.display(description=_("Fixed amount"))
    def fixed(self, fee: GatewayFee) -> Shown:
        return display.money(fee.fixed_amount, fee.currency_code)


class StoreCredentials(Act[None]):
    """Take the secrets of an account with one gateway; a subclass names it."""

    gateway_code: ClassVar[str]
    permission = roles.ADMINISTER
    is_about_a_row = False
    title = _("Store a gateway's credentials")
    sentences = (_("They are encrypted and used; nobody can read them again here."),)
    button = _("Store")

    @property
    def facts(self) -> Facts:
        return [(_("Gateway"), Gateway.objects.get(code=self.gateway_code).name)]

    @property
    def back(self) -> str:
        return reverse("admin:gateways_gatewayaccount_changelist")

    @property
    def names(self) -> list[str]:
        return sorted(descriptors.of(self.gateway_code).credential_names)

    def form(self, data: Any = None) -> CredentialsForm:  # noqa: ANN401  # a QueryDict, or none
        return CredentialsForm(names=self.names, data=data)

    def perform(self, filled: dict[str, Any]) -> Text:
        result = administering.store_credentials(
            actor=recording.actor_of(self.request),
            gateway_code=self.gateway_code,
            tenant_id=filled["tenant_id"],
            secrets={name: filled[name] for name in self.names},
            is_another_account=filled["kind"] == ANOTHER,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return two_people.said(result, _("Stored; in use within half a minute."))


def _storing(gateway: GatewayDescriptor) -> type[StoreCredentials]:
    """Return the act that takes the secrets of an account with one gateway."""
    named = {
        "gateway_code": gateway.code,
        "path": gateway.code,
        "label": format_lazy(_("Store {gateway} credentials"), gateway=gateway.name),
    }
    return type(f"Store{gateway.name}Credentials", (StoreCredentials,), named)


class EndAccount(Act[GatewayAccount]):
    """Open a tenant's new payments with the platform's account again."""

    path = "end"
    label = button = _("End")
    permission = roles.ADMINISTER
    title = _("End a tenant's own account?")
    sentences = (_("New payments go by the platform's account; open ones stay."),)
    form_class = ReasonForm
    is_harmful = True

    def is_offered(self) -> bool:
        return self.subject.tenant_id is not None and self.subject.ended_at is None

    @property
    def facts(self) -> Facts:
        return [(_("Gateway"), self.subject.gateway.name), (_("Tenant"), self.subject.tenant)]

    @property
    def back(self) -> str:
        return reverse("admin:gateways_gatewayaccount_change", args=(self.subject.pk,))

    def check(self) -> None:
        if not self.is_offered():
            raise credentials.NoSuchAccount

    def perform(self, filled: dict[str, Any]) -> Text:
        result = administering.end_account(
            actor=recording.actor_of(self.request),
            account=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return two_people.said(
            result, _("New payments of this tenant go by the platform's account.")
        )


@admin.register(GatewayAccount)
class GatewayAccountAdmin(ReadOnlyAdmin):
    """Our accounts at gateways; their credentials are never shown."""

    fields = ("gateway", "tenant", "created", "updated", "ended")
    list_display = ("id", "gateway", "tenant", "updated", "ended")
    list_select_related = ("gateway", "tenant")
    list_filter: ClassVar = ["gateway"]
    exact_search = ("tenant__id",)
    acts = (*(_storing(one) for one in descriptors.all_served()), EndAccount)

    @admin.display(description=_("Created"))
    def created(self, account: GatewayAccount) -> Shown:
        return display.moment(account.created_at)

    @admin.display(description=_("Secrets stored"))
    def updated(self, account: GatewayAccount) -> Shown:
        return display.moment(account.updated_at)

    @admin.display(description=_("Ended"))
    def ended(self, account: GatewayAccount) -> Shown:
        return display.moment(account.ended_at)
