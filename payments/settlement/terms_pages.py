"""Settlement terms in the back office: what is planned for each account, and who changed it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apikeys.models import StaffAct
from apikeys.staff_acts import recording
from apikeys.two_people import back_office as two_people
from payments.settlement import import_pages, terms
from payments.settlement.matching import FeeTerm
from payments.settlement.models import SettlementTerms
from paytrust.money import EXPONENTS
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, ReasonForm, Text
from paytrust.staff.amounts import AmountField, NumberField
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str
SHOWN = 20  # changes of an account's terms, the newest


class TermForm(ReasonForm):
    """What a gateway takes of payments in one currency and channel, and when it settles them."""

    account = forms.ChoiceField(label=_("Account"), widget=UnfoldAdminSelectWidget)
    currency = forms.ChoiceField(
        label=_("Currency"),
        choices=[(code, code) for code in EXPONENTS],
        widget=UnfoldAdminSelectWidget,
    )
    channel = forms.CharField(
        label=_("Channel"),
        required=False,
        max_length=50,
        help_text=_("As lines name it, such as QRIS; empty: all other methods."),
        widget=UnfoldAdminTextInputWidget,
    )
    percentage = NumberField(
        label=_("Per cent"), min_value=0, max_value=100, max_digits=5, decimal_places=2
    )
    fixed = AmountField(label=_("Fixed amount"), min_value=0)
    vat = NumberField(
        label=_("VAT on the fee, per cent"),
        min_value=0,
        max_value=100,
        max_digits=5,
        decimal_places=2,
    )
    days = forms.IntegerField(
        label=_("Settled after days (T+n)"),
        required=False,
        min_value=0,
        max_value=90,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    is_removed = forms.BooleanField(
        label=_("Remove this term"), required=False, widget=UnfoldBooleanWidget
    )
    field_order = (
        *("account", "currency", "channel", "percentage", "fixed", "vat", "days"),
        *("is_removed", "reason"),
    )

    def __init__(self, *, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data=data)
        self.fields["account"].choices = import_pages.account_choices()  # type: ignore[attr-defined]
        asked = (data or {}).get("currency")
        self.fields["fixed"].currency_code = asked if asked in EXPONENTS else "IDR"  # type: ignore[attr-defined]  # ours

    def term(self) -> FeeTerm:
        """Return what was filled in."""
        filled = self.cleaned_data
        return FeeTerm(
            currency=filled["currency"],
            channel=filled["channel"] or None,
            fixed_amount=filled["fixed"],
            basis_points=int(filled["percentage"] * 100),
            vat_basis_points=int(filled["vat"] * 100),
            settlement_days=filled["days"],
        )


class ChangeTerm(Act[None]):
    """Set or remove a term of an account."""

    path = "set"
    label = title = _("Change a term")
    button = _("Propose")
    permission = roles.ADMINISTER
    is_about_a_row = False
    sentences = (
        _("A line whose fee is another one becomes a mismatch. Lines of before keep their state."),
    )
    form_class = TermForm

    @property
    def back(self) -> str:
        return reverse("admin:payments_settlementterms_changelist")

    def perform(self, filled: dict[str, Any]) -> Text:
        form = TermForm(data=self.request.POST)
        form.is_valid()
        gateway, account = import_pages.account_of(filled["account"])
        result = terms.change_term(
            actor=recording.actor_of(self.request),
            gateway=gateway,
            account=account,
            term=form.term(),
            is_removed=filled["is_removed"],
            reason=filled["reason"],
            now=timezone.now(),
        )
        return two_people.said(result, _("The term is changed for lines from now on."))


class SettlementTermsAdmin(ReadOnlyAdmin):
    """The terms of each account."""

    fields = ("gateway", "whose", "planned", "named", "updated", "history")
    list_display = ("id", "gateway", "whose", "planned", "updated")
    list_select_related = ("gateway", "account__gateway", "account__tenant")
    ordering: ClassVar = ("id",)
    acts = (ChangeTerm,)

    @admin.display(description=_("Account"))
    def whose(self, row: SettlementTerms) -> Shown:
        return str(row.account) if row.account else gettext("the platform's")

    @admin.display(description=_("Terms"))
    def planned(self, row: SettlementTerms) -> Shown:
        return display.paragraphs(map(terms.text_of, row.fees)) if row.fees else display.EMPTY

    @admin.display(description=_("Columns of its files"))
    def named(self, row: SettlementTerms) -> Shown:
        found = (f"{name}: {', '.join(headers)}" for name, headers in sorted(row.columns.items()))
        return display.paragraphs(found) if row.columns else display.EMPTY

    @admin.display(description=_("Changed"))
    def updated(self, row: SettlementTerms) -> Shown:
        return display.moment(row.updated_at)

    @admin.display(description=_("Changed by"))
    def history(self, row: SettlementTerms) -> Shown:
        acts = StaffAct.objects.filter(
            object_type=SettlementTerms._meta.label_lower,  # noqa: SLF001  # public
            object_id=row.pk,
            act=terms.TERM_SET,
        ).select_related("staff")
        return (
            format_html_join(
                "",
                "<p>{} {}: {}{}</p>",
                (
                    (
                        display.moment(one.created_at),
                        one.staff,
                        one.message,
                        format_html(" ({})", one.reason) if one.reason else "",
                    )
                    for one in acts.order_by("-pk")[:SHOWN]
                ),
            )
            or display.EMPTY
        )
