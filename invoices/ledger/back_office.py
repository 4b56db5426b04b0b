"""The ledger as staff see it."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RelatedDropdownFilter,
)

from invoices.invoices import labels
from invoices.invoices.exporting import OfInvoices
from invoices.models import LedgerEntry
from paytrust.staff import display
from paytrust.staff.filters import CurrencyFilter, DatesFilter

Shown = SafeString | str


@admin.register(LedgerEntry)
class LedgerEntryAdmin(OfInvoices):
    """What the reports add up: one row for each piece of money, signed as it moved."""

    fields = (
        "of",
        "paid_by",
        "installment_number",
        "tenant",
        "gateway",
        "of_kind",
        "money",
        "net",
        "tax",
        "fee",
        "booked",
    )
    list_display = (
        "id",
        "merchant",
        "of",
        "installment_number",
        "gateway",
        "of_kind",
        "money",
        "net",
        "tax",
        "fee",
        "booked",
    )
    list_filter: ClassVar = [
        ("kind", ChoicesDropdownFilter),
        CurrencyFilter,
        ("gateway", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("booked_at", DatesFilter),
    ]
    list_select_related = ("installment", "gateway", "tenant")
    sortable_by = ("booked",)
    sortable_narrowed = ("money",)
    ordering = ("-booked_at", "-id")

    @admin.display(description=_("Invoice"))
    def of(self, entry: LedgerEntry) -> Shown:
        return display.link("invoices_invoice", entry.invoice_id)

    @admin.display(description=_("Transaction"))
    def paid_by(self, entry: LedgerEntry) -> Shown:
        return display.link("invoices_transaction", entry.transaction_id, entry.transaction)

    @admin.display(description=_("Instalment"))
    def installment_number(self, entry: LedgerEntry) -> Shown:
        if entry.installment is None:
            return gettext("overpayment")
        return str(entry.installment.number)

    @admin.display(description=_("Kind"))
    def of_kind(self, entry: LedgerEntry) -> Shown:
        return labels.kind_label(entry)

    @admin.display(description=_("Amount"), ordering="amount")
    def money(self, entry: LedgerEntry) -> Shown:
        return display.money(entry.amount, entry.currency_code)

    @admin.display(description=_("Net"))
    def net(self, entry: LedgerEntry) -> Shown:
        return display.money(entry.net_amount, entry.currency_code)

    @admin.display(description=_("Tax"))
    def tax(self, entry: LedgerEntry) -> Shown:
        return display.money(entry.tax_amount, entry.currency_code)

    @admin.display(description=_("Fee"))
    def fee(self, entry: LedgerEntry) -> Shown:
        return display.money(entry.service_fee_amount, entry.currency_code)

    @admin.display(description=_("Booked"), ordering="booked_at")
    def booked(self, entry: LedgerEntry) -> Shown:
        return display.moment(entry.booked_at)
