"""Work queues over invoices: discrepancies, and instalments that are overdue."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    DropdownFilter,
    RelatedDropdownFilter,
)

from apikeys.staff_acts import recording
from invoices.follow_up.back_office import AssigneeFilter, shown_name
from invoices.invoices import labels
from invoices.models import InstallmentQuerySet, ReviewFlag
from payments.changes import discrepancies
from payments.changes.back_office import ProposeTransfer
from payments.models import DiscrepancyEntry
from payments.refunds.back_office import ProposeRefund
from paytrust.staff import display
from paytrust.staff.acts import Act, Facts, ReasonForm, Text
from paytrust.staff.bulk import BulkAct
from paytrust.staff.filters import CurrencyFilter, CurrencyOfInvoiceFilter, DatesFilter
from paytrust.staff.pages import OfMerchants
from reporting.models import Discrepancy, OverdueInstallment

Shown = SafeString | str
RESOLVED = "resolved"


class FlagFilter(DropdownFilter):  # type: ignore[misc]  # the theme has no types
    """Filter by the kind of difference."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(flag.value, str(flag.label)) for flag in ReviewFlag]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        flag = self.value()
        return queryset.filter(review_flags__contains=[flag]) if flag else queryset


class StandingFilter(DropdownFilter):  # type: ignore[misc]  # the theme has no types
    """Open discrepancies, which the list shows by itself, or those that were resolved."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(RESOLVED, str(_("resolved")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == RESOLVED:
            return discrepancies.resolved_among(queryset)
        return discrepancies.unresolved_among(queryset)


class AssigneeOfInstallmentFilter(AssigneeFilter):
    """The same for rows of instalments."""

    invoice_column = "invoice_id"


class DiscrepancyAct(Act[Discrepancy]):
    """An act that writes about an invoice whose payments differ."""

    form_class = ReasonForm

    def is_offered(self) -> bool:
        return discrepancies.is_open(self.subject)

    @property
    def facts(self) -> Facts:
        invoice = self.subject
        return [
            (_("Invoice"), display.link("invoices_invoice", invoice.pk)),
            (_("Differs"), _kinds(invoice)),
            (_("Total"), display.money(invoice.total_amount, invoice.currency_code)),
            (_("Paid"), display.money(invoice.paid_amount, invoice.currency_code)),
            (_("Notes"), _written(invoice)),
        ]


class Note(DiscrepancyAct):
    path = "note"
    label = _("Note")
    title = _("Note on a discrepancy")
    sentences = (_("It stays in the queue; colleagues see what you wrote."),)
    button = _("Keep the note")

    @property
    def back(self) -> str:
        return reverse("admin:reporting_discrepancy_change", args=(self.subject.pk,))

    def perform(self, filled: dict[str, Any]) -> Text:
        discrepancies.note(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            text=filled["reason"],
            now=timezone.now(),
        )
        return _("The note is kept.")


class Resolve(DiscrepancyAct):
    """Take the invoice out of the queue."""

    path = "resolve"
    label = button = _("Mark resolved")
    title = _("Mark as resolved?")
    sentences = (
        _("It leaves the queue. No money moves by this."),
        _("It comes back if something else differs, or more of it."),
    )

    @property
    def back(self) -> str:
        return reverse("admin:reporting_discrepancy_changelist")

    def perform(self, filled: dict[str, Any]) -> Text:
        discrepancies.resolve(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Resolved.")


class ResolveAll(BulkAct[Discrepancy]):
    """Take several invoices out of the queue, for one reason."""

    path = "resolve"
    label = button = _("Mark resolved")
    title = _("Mark these as resolved?")
    form_class = ReasonForm
    sentences = Resolve.sentences

    def fact_of(self, row: Discrepancy) -> tuple[Text, object]:
        difference = display.money(row.paid_amount - row.total_amount, row.currency_code)
        text = format_html("{} {} {}", row.tenant.name, _kinds(row), difference)
        return f"{row.pk}", text

    def do_one(self, row: Discrepancy, filled: dict[str, Any]) -> Text:
        discrepancies.resolve(
            actor=recording.actor_of(self.request),
            invoice_id=row.pk,
            reason=filled["reason"],
            now=timezone.now(),
        )
        return _("Resolved.")


class RefundOverpayment(ProposeRefund):
    """Propose to give back an overpayment."""

    def is_offered(self) -> bool:
        return self.subject.overpayment_amount > 0


class TransferOverpayment(ProposeTransfer):
    """Propose to move the overpayment to another invoice."""


class DiscrepancyAdmin(OfMerchants):
    """Invoices whose payments differ from what they ask for, until a person resolves it."""

    fields = (
        *("invoice_page", "kinds", "total", "paid", "difference", "status"),
        *("assigned_to", "written"),
    )
    list_display = (
        *("id", "kinds", "merchant", "gateway", "total", "paid", "difference"),
        *("created", "assigned_to"),
    )
    list_filter: ClassVar = [
        FlagFilter,
        StandingFilter,
        AssigneeFilter,
        CurrencyFilter,
        ("gateway", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        ("created_at", DatesFilter),
    ]
    list_select_related = ("tenant", "gateway", "assignment__assignee")
    exact_search = ("external_id",)
    acts = (Note, Resolve, RefundOverpayment, TransferOverpayment)
    bulk_acts = (ResolveAll,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset(request)
        return discrepancies.known_among(queryset)

    def offers_bulk(self, request: HttpRequest) -> bool:
        """Return whether the list shows open discrepancies."""
        return request.GET.get("state") != RESOLVED

    @admin.display(description=_("Assigned to"))
    def assigned_to(self, invoice: Discrepancy) -> Shown:
        assignment = getattr(invoice, "assignment", None)
        return shown_name(assignment.assignee) if assignment else display.EMPTY

    @admin.display(description=_("Invoice"))
    def invoice_page(self, invoice: Discrepancy) -> Shown:
        return display.link("invoices_invoice", invoice.pk)

    @admin.display(description=_("Differs"))
    def kinds(self, invoice: Discrepancy) -> Shown:
        return _kinds(invoice)

    @admin.display(description=_("Total"))
    def total(self, invoice: Discrepancy) -> Shown:
        return display.money(invoice.total_amount, invoice.currency_code)

    @admin.display(description=_("Paid"))
    def paid(self, invoice: Discrepancy) -> Shown:
        return display.money(invoice.paid_amount, invoice.currency_code)

    @admin.display(description=_("Difference"))
    def difference(self, invoice: Discrepancy) -> Shown:
        return display.money(invoice.paid_amount - invoice.total_amount, invoice.currency_code)

    @admin.display(description=_("Created"))
    def created(self, invoice: Discrepancy) -> Shown:
        return display.moment(invoice.created_at)

    @admin.display(description=_("Notes"))
    def written(self, invoice: Discrepancy) -> Shown:
        return _written(invoice)


class OverdueInstallmentAdmin(OfMerchants):
    """Instalments past due on invoices that still wait for money, the oldest first."""

    fields = ("invoice_page", "number", "total", "paid", "due", "late")
    tenant_path = "invoice__tenant"
    list_display = ("id", "invoice_page", "merchant", "number", "open_amount", "due", "late")
    list_filter: ClassVar = [
        AssigneeOfInstallmentFilter,
        CurrencyOfInvoiceFilter,
        ("invoice__gateway", RelatedDropdownFilter),
        ("invoice__tenant", AutocompleteSelectFilter),
        ("due_at", DatesFilter),
    ]
    list_select_related = ("invoice__tenant",)
    exact_search = ("invoice__id",)
    ordering = ("due_at", "id")
    list_per_page = 20  # for each row the count reads its invoice

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: InstallmentQuerySet = super().get_queryset(request)
        return queryset.overdue(timezone.now())

    @admin.display(description=_("Invoice"))
    def invoice_page(self, installment: OverdueInstallment) -> Shown:
        return display.link("invoices_invoice", installment.invoice_id)

    @admin.display(description=_("Total"))
    def total(self, installment: OverdueInstallment) -> Shown:
        return display.money(installment.total_amount, installment.invoice.currency_code)

    @admin.display(description=_("Paid"))
    def paid(self, installment: OverdueInstallment) -> Shown:
        return display.money(installment.paid_amount, installment.invoice.currency_code)

    @admin.display(description=_("Open"))
    def open_amount(self, installment: OverdueInstallment) -> Shown:
        return display.money(
            installment.total_amount - installment.paid_amount, installment.invoice.currency_code
        )

    @admin.display(description=_("Due"))
    def due(self, installment: OverdueInstallment) -> Shown:
        return display.moment(installment.due_at)

    @admin.display(description=_("Late"))
    def late(self, installment: OverdueInstallment) -> str:
        days = (timezone.now() - installment.due_at).days
        return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}


def _kinds(invoice: Discrepancy) -> SafeString:
    flags = ((labels.flag_label(flag),) for flag in invoice.review_flags)
    return format_html_join(" ", "{}", flags)


def _said(entry: DiscrepancyEntry) -> Shown:
    """Return what an entry says, with a label if it resolved the discrepancy."""
    if entry.kind != DiscrepancyEntry.Kind.RESOLVED:
        return entry.text
    return format_html("{} {}", display.label(entry.get_kind_display(), "good"), entry.text)


def _written(invoice: Discrepancy) -> Shown:
    lines = [
        (_said(entry), entry.written_by.get_username(), display.moment(entry.created_at))
        for entry in discrepancies.entries(invoice_id=invoice.pk)
    ]
    return format_html_join("", "<p>{} ({}, {})</p>", lines) if lines else display.EMPTY
