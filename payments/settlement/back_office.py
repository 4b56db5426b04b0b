"""The queue of settlement mismatches: where a gateway and our books do not agree."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from payments.settlement.models import SettlementMismatch
from paytrust.staff import display
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str


class SettlementMismatchAdmin(ReadOnlyAdmin):
    """Mismatches that no later import has ended."""

    fields = ("tenant", "state", "reference", "of", "theirs", "ours", "payout", "found")
    list_display = ("id", "tenant", "state", "reference", "of", "theirs", "ours", "found")
    list_filter = ("state",)
    list_select_related = ("tenant", "line", "transaction__payment_request")
    exact_search = ("line__reference", "transaction__payment_request__reference")
    ordering: ClassVar = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SettlementMismatch]:
        rows: QuerySet[SettlementMismatch] = super().get_queryset(request)
        return rows.filter(ended_at=None)

    @admin.display(description=_("Reference"))
    def reference(self, row: SettlementMismatch) -> Shown:
        if row.line is not None:
            return row.line.reference or ""
        return row.transaction.payment_request.reference if row.transaction else ""

    @admin.display(description=_("Invoice"))
    def of(self, row: SettlementMismatch) -> Shown:
        booked = row.transaction
        return display.link("invoices_invoice", booked.invoice_id) if booked else ""

    @admin.display(description=_("At the gateway"))
    def theirs(self, row: SettlementMismatch) -> Shown:
        line = row.line
        return display.money(line.gross_amount, line.currency_code) if line else ""

    @admin.display(description=_("In our books"))
    def ours(self, row: SettlementMismatch) -> Shown:
        booked = row.transaction
        return display.money(booked.amount, booked.currency_code) if booked else ""

    @admin.display(description=_("Payout"))
    def payout(self, row: SettlementMismatch) -> Shown:
        return (row.line.payout_id if row.line else None) or ""

    @admin.display(description=_("Found"))
    def found(self, row: SettlementMismatch) -> Shown:
        return display.moment(row.found_at)
