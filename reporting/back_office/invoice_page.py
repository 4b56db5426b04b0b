"""Invoices: the list, and one page with everything that happened."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from invoices.models import Invoice
from paytrust.staff import display
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str


class InvoiceAdmin(ReadOnlyAdmin):
    list_display = ("id", "tenant", "external_id", "gateway", "total", "paid", "status", "created")
    list_filter: ClassVar = ["status", "currency_code", "gateway"]
    list_select_related = ("tenant", "gateway")
    exact_search = ("external_id",)

    @admin.display(description=_("Total"))
    def total(self, invoice: Invoice) -> Shown:
        return display.money(invoice.total_amount, invoice.currency_code)

    @admin.display(description=_("Paid"))
    def paid(self, invoice: Invoice) -> Shown:
        return display.money(invoice.paid_amount, invoice.currency_code)

    @admin.display(description=_("Created"))
    def created(self, invoice: Invoice) -> Shown:
        return display.moment(invoice.created_at)
