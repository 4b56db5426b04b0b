"""Transactions, notifications and proposals in the back office."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from payments.models import Proposal, Transaction, WebhookEvent
from payments.proposal_pages import ProposalAdmin
from payments.webhook_pages import WebhookEventAdmin
from paytrust.staff import display
from paytrust.staff.filters import CurrencyFilter
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    list_display = ("id", "invoice", "gateway", "gateway_transaction_id", "kind", "money", "booked")
    list_filter: ClassVar = ["kind", "gateway", CurrencyFilter]
    list_select_related = ("invoice", "gateway")
    exact_search = ("gateway_transaction_id", "invoice__id")

    @admin.display(description=_("Amount"))
    def money(self, transaction: Transaction) -> Shown:
        return display.money(transaction.amount, transaction.currency_code)

    @admin.display(description=_("Booked"))
    def booked(self, transaction: Transaction) -> Shown:
        return display.moment(transaction.created_at)


admin.site.register(WebhookEvent, WebhookEventAdmin)
admin.site.register(Proposal, ProposalAdmin)
