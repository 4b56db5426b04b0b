"""Instalments and payment requests; invoices have a page of their own above."""

from typing import ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RelatedDropdownFilter,
)

from invoices.invoices import labels
from invoices.invoices.exporting import OfInvoices
from invoices.models import Installment, Invoice, PaymentRequest
from paytrust.staff import display
from paytrust.staff.acts import Act, Facts
from paytrust.staff.filters import CurrencyFilter, CurrencyOfInvoiceFilter, DatesFilter

Shown = SafeString | str


class AboutInvoice(Act[Invoice]):
    """An act on an invoice that changes no money."""

    @property
    def facts(self) -> Facts:
        invoice = self.subject
        return [
            (_("Invoice"), invoice.pk),
            (_("Tenant"), invoice.tenant.name),
            (_("Total"), display.money(invoice.total_amount, invoice.currency_code)),
            (_("Paid"), display.money(invoice.paid_amount, invoice.currency_code)),
        ]

    @property
    def back(self) -> str:
        return reverse("admin:invoices_invoice_change", args=(self.subject.pk,))


@admin.register(Installment)
class InstallmentAdmin(OfInvoices):
    fields = ("invoice", "number", "state", "net", "tax", "fee", "total", "paid", "due", "settled")
    tenant_path = "invoice__tenant"
    list_display = ("id", "merchant", "of", "number", "total", "paid", "state", "due", "settled")
    list_filter: ClassVar = [
        ("status", ChoicesDropdownFilter),
        CurrencyOfInvoiceFilter,
        ("invoice__gateway", RelatedDropdownFilter),
        ("invoice__tenant", AutocompleteSelectFilter),
        ("due_at", DatesFilter),
    ]
    list_select_related = ("invoice__tenant",)
    sortable_narrowed = ("total", "due")
    exact_search = ("invoice__external_id",)

    @admin.display(description=_("Invoice"))
    def of(self, installment: Installment) -> Shown:
        return display.link("invoices_invoice", installment.invoice_id)

    @admin.display(description=_("Net"))
    def net(self, installment: Installment) -> Shown:
        return display.money(installment.net_amount, installment.invoice.currency_code)

    @admin.display(description=_("Tax"))
    def tax(self, installment: Installment) -> Shown:
        return display.money(installment.tax_amount, installment.invoice.currency_code)

    @admin.display(description=_("Fee"))
    def fee(self, installment: Installment) -> Shown:
        return display.money(installment.service_fee_amount, installment.invoice.currency_code)

    @admin.display(description=_("Total"), ordering="total_amount")
    def total(self, installment: Installment) -> Shown:
        return display.money(installment.total_amount, installment.invoice.currency_code)

    @admin.display(description=_("Paid"))
    def paid(self, installment: Installment) -> Shown:
        return display.money(installment.paid_amount, installment.invoice.currency_code)

    @admin.display(description=_("State"))
    def state(self, installment: Installment) -> Shown:
        return labels.installment_label(installment)

    @admin.display(description=_("Due"), ordering="due_at")
    def due(self, installment: Installment) -> Shown:
        return display.moment(installment.due_at)

    @admin.display(description=_("Settled"))
    def settled(self, installment: Installment) -> Shown:
        return display.moment(installment.settled_at)


@admin.register(PaymentRequest)
class PaymentRequestAdmin(OfInvoices):
    fields = (
        "reference",
        "invoice",
        "installment",
        "tenant",
        "gateway",
        "gateway_payment_id",
        "money",
        "state",
        "created",
        "opened",
        "expires",
        "ended",
        "next_check",
    )
    list_display = ("id", "merchant", "reference", "of", "gateway", "money", "state", "created")
    list_filter: ClassVar = [
        ("status", ChoicesDropdownFilter),
        CurrencyFilter,
        ("gateway", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("created_at", DatesFilter),
    ]
    list_select_related = ("gateway", "tenant")
    sortable_by = ("created",)
    sortable_narrowed = ("money",)
    ordering = ("-created_at", "-id")
    exact_search = ("reference", "gateway_payment_id", "invoice__external_id")

    @admin.display(description=_("Invoice"))
    def of(self, payment: PaymentRequest) -> Shown:
        return display.link("invoices_invoice", payment.invoice_id)

    @admin.display(description=_("Amount"), ordering="amount")
    def money(self, payment: PaymentRequest) -> Shown:
        return display.money(payment.amount, payment.currency_code)

    @admin.display(description=_("State"))
    def state(self, payment: PaymentRequest) -> Shown:
        return labels.request_label(payment)

    @admin.display(description=_("Created"), ordering="created_at")
    def created(self, payment: PaymentRequest) -> Shown:
        return display.moment(payment.created_at)

    @admin.display(description=_("Opened"))
    def opened(self, payment: PaymentRequest) -> Shown:
        return display.moment(payment.opened_at)

    @admin.display(description=_("Expires"))
    def expires(self, payment: PaymentRequest) -> Shown:
        return display.moment(payment.expires_at)

    @admin.display(description=_("Ended"))
    def ended(self, payment: PaymentRequest) -> Shown:
        return display.moment(payment.ended_at)

    @admin.display(description=_("The gateway is asked next"))
    def next_check(self, payment: PaymentRequest) -> Shown:
        return display.moment(payment.next_check_at)
