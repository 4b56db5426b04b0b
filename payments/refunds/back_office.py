"""Refunds in the back office: the list, and proposing one from an invoice or a request."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RelatedDropdownFilter,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apikeys.staff_acts import recording
from invoices.invoices.exporting import OfInvoices
from invoices.models import Invoice, Transaction
from payments.changes import proposals
from payments.refunds import proposing, selectors, services
from payments.refunds.models import Refund
from payments.refunds.request import RefundRequest
from payments.refunds.states import Status
from paytrust.money import Money
from paytrust.staff import display, roles
from paytrust.staff.acts import Act, Facts, ReasonForm, Text, run
from paytrust.staff.amounts import AmountField
from paytrust.staff.filters import CurrencyFilter, DatesFilter

Shown = SafeString | str


class RefundForm(ReasonForm):
    """Which payment gives back how much, why, and how."""

    transaction = forms.TypedChoiceField(
        label=_("Payment"), coerce=int, widget=UnfoldAdminSelectWidget
    )
    amount = AmountField(
        label=_("Amount"),
        required=False,
        help_text=_("Empty: all that the payment can give back."),
    )
    why = forms.ChoiceField(
        label=_("Kind"), choices=Refund.Reason.choices, widget=UnfoldAdminSelectWidget
    )
    bank_reference = forms.CharField(
        label=_("Bank reference"),
        required=False,
        max_length=140,
        help_text=_("Only where the money was sent by bank: nothing is asked of the gateway."),
        widget=UnfoldAdminTextInputWidget,
    )

    def __init__(
        self,
        *,
        invoice: Invoice,
        payments: list[tuple[int, str]],
        data: Any = None,  # noqa: ANN401
    ) -> None:
        super().__init__(data=data)
        self.fields["amount"].currency_code = invoice.currency_code  # type: ignore[attr-defined]
        self.fields["transaction"].choices = payments  # type: ignore[attr-defined]
        self.order_fields(["transaction", "amount", "why", "bank_reference", "reason"])

    def to_request(self) -> RefundRequest:
        """Return the valid form as a request for the service."""
        filled = self.cleaned_data
        return RefundRequest(
            reason=filled["why"],
            amount=filled["amount"],
            transaction_id=filled["transaction"],
            note=filled["reason"],
            bank_reference=filled["bank_reference"].strip() or None,
        )


class ProposeRefund(Act[Invoice]):
    """Propose to give back money of an invoice."""

    path = "refund"
    label = title = _("Propose a refund")
    button = _("Propose")
    sentences = (
        _("What nobody asked for goes back first, then what the payment filled last."),
        _("Instalments stay paid. Another person must approve."),
    )

    @property
    def facts(self) -> Facts:
        invoice = self.subject
        code = invoice.currency_code
        return [
            (_("Invoice"), invoice.pk),
            (_("Tenant"), invoice.tenant.name),
            (_("Paid"), display.money(invoice.paid_amount, code)),
            (_("Overpaid"), display.money(invoice.overpayment_amount, code)),
            (_("Refunded"), display.money(invoice.refunded_amount, code)),
        ]

    @property
    def back(self) -> str:
        return reverse("admin:invoices_invoice_change", args=(self.subject.pk,))

    def is_offered(self) -> bool:
        return self.subject.is_refundable

    @cached_property
    def _asked(self) -> RefundForm:
        return self.form(self.request.POST)

    def form(self, data: Any = None) -> RefundForm:  # noqa: ANN401  # a QueryDict, or none
        payments = selectors.payments_of(invoice=self.subject)
        can = selectors.refundable_of(payments, now=timezone.now())
        choices = [
            (payment.pk, _named(payment, can[payment.pk].left_amount))
            for payment in payments
            if can[payment.pk].left_amount > 0
        ]
        form = RefundForm(invoice=self.subject, payments=choices, data=data)
        if self.subject.overpayment_amount:
            over = Money(self.subject.overpayment_amount, self.subject.currency_code)
            form.fields["amount"].initial = over.whole()
        return form

    def check(self) -> None:
        proposals.require_none_waiting(invoice_id=self.subject.pk)
        if not self.subject.is_refundable:
            raise services.NothingToRefund

    def perform(self, filled: dict[str, Any]) -> Text:
        form = self._asked
        form.is_valid()
        proposing.propose_refund(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            request=form.to_request(),
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Proposed. Another person must approve it.")


class ProposeRequested(Act[Refund]):
    """Propose to send a refund that a merchant asked for above the tenant's limit."""

    path = "propose"
    label = title = _("Propose to send this refund")
    button = _("Propose")
    sentences = (
        _("The merchant's key alone may not give so much back."),
        _("Another person must approve."),
    )
    form_class = ReasonForm

    @property
    def facts(self) -> Facts:
        refund = self.subject
        return [
            (_("Refund"), refund.pk),
            (_("Invoice"), refund.invoice_id),
            (_("Amount"), display.money(refund.amount, refund.currency_code)),
            (_("Kind"), refund.get_reason_display()),
            (_("Note"), refund.note or display.EMPTY),
        ]

    @property
    def back(self) -> str:
        return reverse("admin:payments_refund_change", args=(self.subject.pk,))

    def is_offered(self) -> bool:
        return self.subject.status == Status.REQUESTED

    def check(self) -> None:
        proposals.require_none_waiting(invoice_id=self.subject.invoice_id)

    def perform(self, filled: dict[str, Any]) -> Text:
        proposing.propose_requested(
            actor=recording.actor_of(self.request),
            refund_id=self.subject.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Proposed. Another person must approve it.")


class RefundAdmin(OfInvoices):
    """Every refund and its state; those that wait for two people can be proposed here."""

    fields = (
        "invoice_link",
        "money",
        "status",
        "method",
        "reason",
        "note",
        "external_id",
        "reference",
        "gateway_refund_id",
        "bank_reference",
        "failure_code",
        "failure_message",
        "created",
        "ended",
    )
    list_display = (
        "id",
        "merchant",
        "invoice_link",
        "money",
        "status",
        "method",
        "reason",
        "reference",
        "gateway_refund_id",
        "bank_reference",
        "failure_code",
        "created",
        "ended",
    )
    list_filter: ClassVar = [
        ("status", ChoicesDropdownFilter),
        ("method", ChoicesDropdownFilter),
        ("reason", ChoicesDropdownFilter),
        CurrencyFilter,
        ("transaction__gateway", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("created_at", DatesFilter),
    ]
    sortable_narrowed = ("money", "created")
    list_export = ("order", "customer_name", "customer_email", "how")
    export_select_related = ("invoice", "transaction")
    list_select_related = ("tenant",)
    exact_search = ("reference", "gateway_refund_id", "external_id", "invoice__id")
    acts = (ProposeRequested,)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(_propose)
        return [
            path("propose/<int:invoice_id>/", view, name="payments_refund_propose"),
            *super().get_urls(),
        ]

    @admin.display(description=_("Invoice"))
    def invoice_link(self, refund: Refund) -> Shown:
        return display.link("invoices_invoice", refund.invoice_id)

    @admin.display(description=_("External id of the invoice"))
    def order(self, refund: Refund) -> str | None:
        return refund.invoice.external_id

    @admin.display(description=_("Paid with"))
    def how(self, refund: Refund) -> str:
        names = (refund.transaction.payment_method, refund.transaction.payment_channel)
        return ", ".join(name for name in names if name) or display.EMPTY

    @admin.display(description=_("Amount"), ordering="amount")
    def money(self, refund: Refund) -> Shown:
        return display.money(refund.amount, refund.currency_code)

    @admin.display(description=_("Created"), ordering="created_at")
    def created(self, refund: Refund) -> Shown:
        return display.moment(refund.created_at)

    @admin.display(description=_("Ended"))
    def ended(self, refund: Refund) -> Shown:
        return display.moment(refund.ended_at)


def _propose(request: HttpRequest, invoice_id: int) -> HttpResponse:
    if not roles.may_operate(request):
        raise PermissionDenied
    found = Invoice.objects.select_related("gateway", "tenant").filter(pk=invoice_id).first()
    if found is None:
        raise Http404
    return run(ProposeRefund(request, found))


def _named(payment: Transaction, left_amount: int) -> str:
    """Return a payment's name, and what is left of it."""
    how = payment.payment_channel or payment.payment_method or ""
    left = display.plain_money(left_amount, payment.currency_code)
    return f"{payment.pk} {how}: {left}"
