"""Transactions, notifications and proposals in the back office."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import Sum
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RelatedDropdownFilter,
)

from invoices.invoices.exporting import OfInvoices
from invoices.models import Transaction
from payments.bank.back_office import BankEntryAdmin, BankFileAdmin
from payments.bank.models import BankEntry, BankFile, BankUpload
from payments.bank.upload_pages import BankUploadAdmin
from payments.changes.back_office import ChangeAdmin
from payments.disputes.back_office import DisputeAdmin
from payments.models import Dispute, EventTransaction, Proposal, Refund, WebhookEvent
from payments.refunds.back_office import RefundAdmin
from payments.settlement import selectors as settlements
from payments.settlement.back_office import SettlementLineAdmin, SettlementMismatchAdmin
from payments.settlement.import_pages import SettlementImportAdmin
from payments.settlement.models import (
    SettlementImport,
    SettlementLine,
    SettlementMismatch,
    SettlementReport,
    SettlementTerms,
)
from payments.settlement.report_pages import SettlementReportAdmin
from payments.settlement.terms_pages import SettlementTermsAdmin
from payments.webhooks.back_office import WebhookEventAdmin
from paytrust.staff import display
from paytrust.staff.filters import CurrencyFilter, DatesFilter

Shown = SafeString | str
SEEN = "_settlement_line"


@admin.register(Transaction)
class TransactionAdmin(OfInvoices):
    fields = (
        "gateway_transaction_id",
        "kind",
        "money",
        "overpaid",
        "invoice",
        "payment_request",
        "reverses",
        "tenant",
        "gateway",
        "how",
        "paid",
        "booked",
        "reported_by",
        "pain002",
        "gateway_fee",
        "net",
        "settled",
        "payout",
    )
    list_display = (
        *("id", "merchant", "of", "gateway", "gateway_transaction_id"),
        *("kind", "money", "booked"),
    )
    list_filter: ClassVar = [
        ("kind", ChoicesDropdownFilter),
        CurrencyFilter,
        ("gateway", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("created_at", DatesFilter),
    ]
    list_select_related = ("gateway", "tenant")
    ordering = ("-created_at", "-id")
    sortable_by = ("booked",)
    list_export = ("external_id", "customer_name", "customer_email", "how", "paid")
    sortable_narrowed = ("money",)
    exact_search = ("gateway_transaction_id", "invoice__id")

    @admin.display(description=_("Amount"), ordering="amount")
    def money(self, transaction: Transaction) -> Shown:
        return display.money(transaction.amount, transaction.currency_code)

    @admin.display(description=_("Overpaid"))
    def overpaid(self, transaction: Transaction) -> Shown:
        overpaid = transaction.entries.filter(installment=None).aggregate(sum=Sum("amount"))["sum"]
        return display.money(overpaid or 0, transaction.currency_code)

    @admin.display(description=_("Invoice"))
    def of(self, transaction: Transaction) -> Shown:
        return display.link("invoices_invoice", transaction.invoice_id)

    @admin.display(description=_("Event"))
    def reported_by(self, transaction: Transaction) -> Shown:
        booking = EventTransaction.objects.filter(transaction=transaction).first()
        return display.link("payments_webhookevent", booking.event_id) if booking else display.EMPTY

    @admin.display(description=_("Paid with"))
    def how(self, transaction: Transaction) -> str:
        names = (transaction.payment_method, transaction.payment_channel)
        return ", ".join(name for name in names if name) or display.EMPTY

    @admin.display(description=_("Paid"))
    def paid(self, transaction: Transaction) -> Shown:
        return display.moment(transaction.paid_at)

    @admin.display(description=_("Status report (pain.002)"))
    def pain002(self, transaction: Transaction) -> Shown:
        names = (transaction.iso20022_transaction_status, transaction.iso20022_message_id)
        return " ".join(name for name in names if name) or display.EMPTY

    @admin.display(description=_("Gateway fee with taxes"))
    def gateway_fee(self, transaction: Transaction) -> Shown:
        line = _line_of(transaction)
        return display.money(line.costs_amount, line.currency_code) if line else display.EMPTY

    @admin.display(description=_("Net"))
    def net(self, transaction: Transaction) -> Shown:
        line = _line_of(transaction)
        return display.money(line.net_amount, line.currency_code) if line else display.EMPTY

    @admin.display(description=_("Settled by the gateway"))
    def settled(self, transaction: Transaction) -> Shown:
        line = _line_of(transaction)
        return display.moment(line.settlement_at if line else None)

    @admin.display(description=_("Payout"))
    def payout(self, transaction: Transaction) -> Shown:
        line = _line_of(transaction)
        return (line.payout_id if line else None) or display.EMPTY

    @admin.display(description=_("Booked"), ordering="created_at")
    def booked(self, transaction: Transaction) -> Shown:
        return display.moment(transaction.created_at)


def _line_of(transaction: Transaction) -> SettlementLine | None:
    """Return the transaction's settlement line; the page asks for it once."""
    if not hasattr(transaction, SEEN):
        setattr(transaction, SEEN, settlements.line_of(transaction))
    line: SettlementLine | None = getattr(transaction, SEEN)
    return line


admin.site.register(WebhookEvent, WebhookEventAdmin)
admin.site.register(Proposal, ChangeAdmin)
admin.site.register(Refund, RefundAdmin)
admin.site.register(Dispute, DisputeAdmin)
admin.site.register(SettlementMismatch, SettlementMismatchAdmin)
admin.site.register(BankEntry, BankEntryAdmin)
admin.site.register(BankFile, BankFileAdmin)
admin.site.register(BankUpload, BankUploadAdmin)
admin.site.register(SettlementImport, SettlementImportAdmin)
admin.site.register(SettlementReport, SettlementReportAdmin)
admin.site.register(SettlementTerms, SettlementTermsAdmin)
admin.site.register(SettlementLine, SettlementLineAdmin)
