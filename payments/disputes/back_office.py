"""The queue of chargebacks: money that customers' banks ask back, the nearest deadline first."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RelatedDropdownFilter

from invoices.invoices.exporting import OfInvoices
from payments.disputes.models import Dispute
from paytrust.staff import display
from paytrust.staff.filters import CurrencyFilter, DatesFilter

Shown = SafeString | str


class DisputeAdmin(OfInvoices):
    """Disputes that the gateway has not closed; staff answer them at the gateway."""

    fields = (
        "of",
        "money",
        "raw_status",
        "reason",
        "due",
        "gateway_dispute_id",
        "opened",
    )
    list_display = ("id", "merchant", "of", "money", "raw_status", "reason", "due", "opened")
    list_filter: ClassVar = [
        CurrencyFilter,
        ("payment_request__gateway", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("opened_at", DatesFilter),
    ]
    list_select_related = ("tenant",)
    exact_search = ("gateway_dispute_id", "invoice__id")
    ordering: ClassVar = ("due_at", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dispute]:
        rows: QuerySet[Dispute] = super().get_queryset(request)
        return rows.filter(closed_at=None)

    @admin.display(description=_("Invoice"))
    def of(self, dispute: Dispute) -> Shown:
        return display.link("invoices_invoice", dispute.invoice_id)

    @admin.display(description=_("Amount"))
    def money(self, dispute: Dispute) -> Shown:
        return display.money(dispute.amount, dispute.currency_code)

    @admin.display(description=_("Answer until"))
    def due(self, dispute: Dispute) -> Shown:
        return display.moment(dispute.due_at)

    @admin.display(description=_("Opened"))
    def opened(self, dispute: Dispute) -> Shown:
        return display.moment(dispute.opened_at)
