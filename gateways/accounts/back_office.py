"""Gateways, their fees with a history, and our accounts; credentials go in and never come out."""

import functools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
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
from gateways.accounts import acts as administering
from gateways.accounts import credentials
from gateways.models import Gateway, GatewayAccount, GatewayFee, GatewayFeeChange
from paytrust.money import minor_units
from paytrust.staff import acts, display, roles
from paytrust.staff.amounts import AmountField
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
SAME, ANOTHER = "same", "another"


class FeeForm(acts.ReasonForm):
    """A fee in per cent and whole currency."""

    percentage = AmountField(
        label=_("Per cent"),
        min_value=0,
        max_value=100,
        max_digits=7,
        decimal_places=4,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    fixed = AmountField(
        label=_("Fixed amount"),
        min_value=0,
        max_digits=18,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    field_order = ("percentage", "fixed", "reason")

    def __init__(self, *, currency_code: str, data: QueryDict | None = None) -> None:
        super().__init__(data=data)
        self._currency_code = currency_code

    def clean_fixed(self) -> int:
        value: Decimal = self.cleaned_data["fixed"]
        try:
            return minor_units(value, self._currency_code)
        except ValueError as error:
            raise forms.ValidationError(_("This is finer than the currency.")) from error


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
                label=name,
                max_length=500,
                widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
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
    fields = ("changed", "percentage", "fixed", "changed_by", "reason")
    readonly_fields = fields
    ordering = ("-id",)
    extra = 0
    can_delete = False
    hide_title = True

    @admin.display(description=_("From"))
    def changed(self, change: GatewayFeeChange) -> Shown:
        return display.moment(change.changed_at)

    @admin.display(description=_("Fixed amount"))
    def fixed(self, change: GatewayFeeChange) -> Shown:
        return display.money(change.fixed_amount, change.fee.currency_code)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(GatewayFee)
class GatewayFeeAdmin(ReadOnlyAdmin):
    fields = ("gateway", "currency_code", "percentage", "fixed")
    list_display = ("id", "gateway", "currency_code", "percentage", "fixed")
    list_select_related = ("gateway",)
    ordering = ("id",)
    inlines: ClassVar = [FeeHistory]
    actions_detail = ("change_fee",)

    @acts.button(_("Change the fee"), path="change-fee", permission=roles.ADMINISTER)
    def change_fee(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Set what the gateway charges from now on."""
        fee = _get(GatewayFee.objects.select_related("gateway"), object_id)

        def change(filled: dict[str, Any]) -> acts.Text:
            administering.change_fee(
                actor=recording.actor_of(request),
                fee_id=fee.pk,
                percentage=filled["percentage"],
                fixed_amount=filled["fixed"],
                reason=filled["reason"],
                now=timezone.now(),
            )
            return _("The fee is changed for invoices from now on.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Change a fee"),
                sentences=[_("It holds for new invoices; those that exist keep theirs.")],
                facts=[
                    (_("Gateway"), fee.gateway.name),
                    (_("Currency"), fee.currency_code),
                    (_("Per cent"), fee.percentage.normalize()),
                    (_("Fixed amount"), self.fixed(fee)),
                ],
                button=_("Change the fee"),
            ),
            back=reverse("admin:gateways_gatewayfee_change", args=(fee.pk,)),
            act=change,
            form_class=functools.partial(FeeForm, currency_code=fee.currency_code),
        )

    @admin.display(description=_("Fixed amount"))
    def fixed(self, fee: GatewayFee) -> Shown:
        return display.money(fee.fixed_amount, fee.currency_code)


@admin.register(GatewayAccount)
class GatewayAccountAdmin(ReadOnlyAdmin):
    """Which accounts there are; what opens them is never shown."""

    fields = ("gateway", "tenant", "created", "updated", "ended")
    list_display = ("id", "gateway", "tenant", "updated", "ended")
    list_select_related = ("gateway", "tenant")
    list_filter: ClassVar = ["gateway"]
    exact_search = ("tenant__id",)
    actions_list = ("store_xendit", "store_midtrans")
    actions_detail = ("end",)

    @acts.button(_("Store Xendit credentials"), path="xendit", permission=roles.ADMINISTER)
    def store_xendit(self, request: HttpRequest) -> HttpResponse:
        """Take the secrets of a Xendit account."""
        return self._store(request, "xendit")

    @acts.button(_("Store Midtrans credentials"), path="midtrans", permission=roles.ADMINISTER)
    def store_midtrans(self, request: HttpRequest) -> HttpResponse:
        """Take the secrets of a Midtrans account."""
        return self._store(request, "midtrans")

    @acts.button(_("End"), path="end", permission=roles.ADMINISTER)
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Open a tenant's new payments with the platform's account again."""
        account = _get(GatewayAccount.objects.select_related("gateway", "tenant"), object_id)
        tenant = account.tenant
        if tenant is None or account.ended_at is not None:
            raise Http404

        def end(filled: dict[str, Any]) -> acts.Text:
            administering.end_account(
                actor=recording.actor_of(request),
                account=account,
                reason=filled["reason"],
                now=timezone.now(),
            )
            return _("New payments of this tenant go by the platform's account.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("End a tenant's own account?"),
                sentences=[_("New payments go by the platform's account; open ones stay.")],
                facts=[(_("Gateway"), account.gateway.name), (_("Tenant"), tenant.name)],
                button=_("End"),
                is_harmful=True,
            ),
            back=reverse("admin:gateways_gatewayaccount_change", args=(account.pk,)),
            act=end,
            form_class=acts.ReasonForm,
        )

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> Any:  # noqa: ANN401
        account = self.get_object(request, object_id)
        if account is None or account.tenant_id is None or account.ended_at is not None:
            return []
        return super().get_actions_detail(request, object_id)

    @admin.display(description=_("Created"))
    def created(self, account: GatewayAccount) -> Shown:
        return display.moment(account.created_at)

    @admin.display(description=_("Secrets stored"))
    def updated(self, account: GatewayAccount) -> Shown:
        return display.moment(account.updated_at)

    @admin.display(description=_("Ended"))
    def ended(self, account: GatewayAccount) -> Shown:
        return display.moment(account.ended_at)

    def _store(self, request: HttpRequest, gateway_code: str) -> HttpResponse:
        names = sorted(credentials.NAMES[gateway_code])

        def store(filled: dict[str, Any]) -> acts.Text:
            administering.store_credentials(
                actor=recording.actor_of(request),
                gateway_code=gateway_code,
                tenant_id=filled["tenant_id"],
                secrets={name: filled[name] for name in names},
                is_another_account=filled["kind"] == ANOTHER,
                now=timezone.now(),
            )
            return _("Stored; in use within half a minute.")

        return acts.confirm(
            request,
            question=acts.Question(
                title=_("Store a gateway's credentials"),
                sentences=[_("They are encrypted and used; nobody can read them again here.")],
                facts=[(_("Gateway"), Gateway.objects.get(code=gateway_code).name)],
                button=_("Store"),
            ),
            back=reverse("admin:gateways_gatewayaccount_changelist"),
            act=store,
            form_class=functools.partial(CredentialsForm, names=names),
        )


def _get(rows: Any, object_id: str) -> Any:  # noqa: ANN401  # a queryset, and a row of it
    found = rows.filter(pk=int(object_id)).first() if object_id.isdecimal() else None
    if found is None:
        raise Http404
    return found
