"""Instalments and payment requests in the back office; invoices have a page of their own there."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from invoices.models import Installment, PaymentRequest
from paytrust.staff import display
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str


@admin.register(Installment)
class InstallmentAdmin(ReadOnlyAdmin):
    list_display = ("id", "invoice", "number", "total", "paid", "status", "due", "settled")
    list_filter: ClassVar = ["status"]
    list_select_related = ("invoice",)
    exact_search = ("invoice__id",)

    @admin.display(description=_("Total"))
    def total(self, part: Installment) -> Shown:
        return display.money(part.total_amount, part.invoice.currency_code)

    @admin.display(description=_("Paid"))
    def paid(self, part: Installment) -> Shown:
        return display.money(part.paid_amount, part.invoice.currency_code)

    @admin.display(description=_("Due"))
    def due(self, part: Installment) -> Shown:
        return display.moment(part.due_at)

    @admin.display(description=_("Settled"))
    def settled(self, part: Installment) -> Shown:
        return display.moment(part.settled_at)


@admin.register(PaymentRequest)
class PaymentRequestAdmin(ReadOnlyAdmin):
    list_display = ("id", "reference", "invoice", "gateway", "money", "status", "created")
    list_filter: ClassVar = ["status", "gateway", "currency_code"]
    list_select_related = ("invoice", "gateway")
    exact_search = ("reference", "gateway_payment_id", "invoice__id")

    @admin.display(description=_("Amount"))
    def money(self, payment: PaymentRequest) -> Shown:
        return display.money(payment.amount, payment.currency_code)

    @admin.display(description=_("Created"))
    def created(self, payment: PaymentRequest) -> Shown:
        return display.moment(payment.created_at)
