"""Settlement in the back office: lines, payouts, and the queue of what does not agree."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import recording
from payments.bank import selectors as bank
from payments.settlement import acts, selectors
from payments.settlement.models import SettlementLine, SettlementMismatch
from paytrust.staff import display
from paytrust.staff.acts import Act, Facts, ReasonForm, Text
from paytrust.staff.filters import CurrencyFilter
from paytrust.staff.pages import ReadOnlyAdmin

Shown = SafeString | str


class Resolve(Act[SettlementMismatch]):
    """End a mismatch that a person has looked into."""

    path = "resolve"
    label = title = _("Resolve this mismatch")
    button = _("Resolve")
    form_class = ReasonForm
    sentences = (_("No money moves. The queue does not show the mismatch any more."),)

    @property
    def back(self) -> str:
        return reverse("admin:payments_settlementmismatch_changelist")

    @property
    def facts(self) -> Facts:
        row = self.subject
        return [
            (_("State"), row.get_state_display()),
            (_("Reference"), reference_of(row) or display.EMPTY),
            (_("At the gateway"), _theirs(row) or display.EMPTY),
            (_("In our books"), _ours(row) or display.EMPTY),
        ]

    def perform(self, filled: dict[str, Any]) -> Text:
        acts.resolve(
            actor=recording.actor_of(self.request),
            mismatch=self.subject,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("The mismatch was resolved.")


class SettlementMismatchAdmin(ReadOnlyAdmin):
    """Mismatches that no later import has ended."""

    fields = ("tenant", "state", "reference", "of", "theirs", "ours", "payout", "found")
    list_display = ("id", "tenant", "state", "reference", "of", "theirs", "ours", "found")
    list_filter = ("state",)
    list_select_related = ("tenant", "line", "transaction__payment_request")
    exact_search = ("line__reference", "transaction__payment_request__reference")
    ordering: ClassVar = ("-id",)
    acts = (Resolve,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SettlementMismatch]:
        rows: QuerySet[SettlementMismatch] = super().get_queryset(request)
        return rows.filter(ended_at=None)

    @admin.display(description=_("Reference"))
    def reference(self, row: SettlementMismatch) -> Shown:
        return reference_of(row)

    @admin.display(description=_("Invoice"))
    def of(self, row: SettlementMismatch) -> Shown:
        booked = row.transaction
        return display.link("invoices_invoice", booked.invoice_id) if booked else ""

    @admin.display(description=_("At the gateway"))
    def theirs(self, row: SettlementMismatch) -> Shown:
        return _theirs(row)

    @admin.display(description=_("In our books"))
    def ours(self, row: SettlementMismatch) -> Shown:
        return _ours(row)

    @admin.display(description=_("Payout"))
    def payout(self, row: SettlementMismatch) -> Shown:
        return (row.line.payout_id if row.line else None) or ""

    @admin.display(description=_("Found"))
    def found(self, row: SettlementMismatch) -> Shown:
        return display.moment(row.found_at)


class SettlementLineAdmin(ReadOnlyAdmin):
    """Every row of a gateway, as it came."""

    fields = (
        "state",
        "kind",
        "gateway",
        "account",
        "tenant",
        "reference",
        "booked",
        "channel",
        "gross",
        "fee",
        "vat",
        "withholding",
        "net",
        "fee_state",
        "occurred",
        "settled",
        "payout_id",
        "imported_in",
        "as_it_came",
    )
    list_display = (
        "id",
        "state",
        "kind",
        "gateway",
        "reference",
        "booked",
        "channel",
        "gross",
        "fee",
        "net",
        "settled",
        "payout_id",
    )
    list_filter: ClassVar = ["state", "kind", "gateway", CurrencyFilter]
    list_select_related = ("gateway", "transaction")
    exact_search = ("reference", "payout_id")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(_payouts)
        return [path("payouts/", view, name="payments_payouts"), *super().get_urls()]

    @admin.display(description=_("Transaction"))
    def booked(self, line: SettlementLine) -> Shown:
        return display.link("invoices_transaction", line.transaction_id)

    @admin.display(description=_("Gross"))
    def gross(self, line: SettlementLine) -> Shown:
        return display.money(line.gross_amount, line.currency_code)

    @admin.display(description=_("Gateway fee"))
    def fee(self, line: SettlementLine) -> Shown:
        return display.money(line.gateway_fee_amount, line.currency_code)

    @admin.display(description=_("VAT"))
    def vat(self, line: SettlementLine) -> Shown:
        return display.money(line.vat_amount, line.currency_code)

    @admin.display(description=_("Withholding tax"))
    def withholding(self, line: SettlementLine) -> Shown:
        return display.money(line.withholding_amount, line.currency_code)

    @admin.display(description=_("Net"))
    def net(self, line: SettlementLine) -> Shown:
        return display.money(line.net_amount, line.currency_code)

    @admin.display(description=_("Occurred"))
    def occurred(self, line: SettlementLine) -> Shown:
        return display.moment(line.occurred_at)

    @admin.display(description=_("Settled by the gateway"))
    def settled(self, line: SettlementLine) -> Shown:
        return display.moment(line.settlement_at)

    @admin.display(description=_("As it came"))
    def as_it_came(self, line: SettlementLine) -> Shown:
        return display.paragraphs(f"{name}: {value}" for name, value in line.raw.items())


def _payouts(request: HttpRequest) -> HttpResponse:
    """Show the newest payouts with what each is made of."""
    if not request.user.has_perm("payments.view_settlementline"):
        raise PermissionDenied
    payouts = selectors.newest_payouts()
    may_see_bank = request.user.has_perm("payments.view_bankentry")
    entries = bank.entries_of(payouts) if may_see_bank else {}
    context = {
        **admin.site.each_context(request),
        "title": _("Payouts"),
        "payouts": [
            (one, entries.get((one.gateway_id, one.payout_id, one.currency_code)))
            for one in payouts
        ],
        "lines": reverse("admin:payments_settlementline_changelist"),
        "entries": reverse("admin:payments_bankentry_changelist"),
    }
    return render(request, "staff/payouts.html", context)


def reference_of(row: SettlementMismatch) -> str:
    """Return our reference of the payment that a mismatch is about."""
    if row.line is not None:
        return row.line.reference or ""
    return row.transaction.payment_request.reference if row.transaction else ""


def _theirs(row: SettlementMismatch) -> Shown:
    line = row.line
    return display.money(line.gross_amount, line.currency_code) if line else ""


def _ours(row: SettlementMismatch) -> Shown:
    booked = row.transaction
    return display.money(booked.amount, booked.currency_code) if booked else ""
