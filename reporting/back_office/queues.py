"""Work queues over invoices: discrepancies, and instalments that are overdue."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from apikeys.staff_acts import recording
from apikeys.staff_acts.recording import Actor
from invoices.invoices import labels
from invoices.models import Installment, ReviewFlag
from payments.changes import discrepancies
from payments.models import DiscrepancyEntry
from paytrust.staff import acts, display, roles
from paytrust.staff.filters import CurrencyFilter
from paytrust.staff.pages import ReadOnlyAdmin
from reporting.back_office import figures
from reporting.models import Discrepancy, OverdueInstallment

Shown = SafeString | str


class FlagFilter(DropdownFilter):  # type: ignore[misc]  # the theme has no types
    """In which way payments differ."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(flag.value, gettext(flag.label)) for flag in ReviewFlag]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        flag = self.value()
        return queryset.filter(review_flags__contains=[flag]) if flag else queryset


class DiscrepancyAdmin(ReadOnlyAdmin):
    """Invoices whose payments differ from what they ask for, until somebody resolves it."""

    fields = ("invoice_page", "kinds", "total", "paid", "difference", "status", "written")
    list_display = ("id", "kinds", "tenant", "gateway", "total", "paid", "difference", "created")
    list_filter: ClassVar = [FlagFilter, CurrencyFilter, "gateway"]
    list_select_related = ("tenant", "gateway")
    exact_search = ("external_id",)
    actions_detail = ("note", "resolve")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset(request)
        return discrepancies.unresolved_among(queryset)

    @acts.button(_("Note"), path="note", permission=roles.OPERATE)
    def note(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Write something down about a discrepancy."""
        invoice = self._invoice(request, object_id)
        return self._write(
            request,
            invoice,
            acts.Question(
                title=_("Note on a discrepancy"),
                sentences=[_("It stays in the queue; colleagues see what you wrote.")],
                facts=self._facts(invoice),
                button=_("Keep the note"),
            ),
            back=reverse("admin:reporting_discrepancy_change", args=(invoice.pk,)),
            write=lambda actor, text: discrepancies.note(
                actor=actor, invoice_id=invoice.pk, text=text, now=timezone.now()
            ),
            said=_("The note is kept."),
        )

    @acts.button(_("Mark resolved"), path="resolve", permission=roles.OPERATE)
    def resolve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take the invoice out of the queue."""
        invoice = self._invoice(request, object_id)
        return self._write(
            request,
            invoice,
            acts.Question(
                title=_("Mark as resolved?"),
                sentences=[
                    _("It leaves the queue. No money moves by this."),
                    _("It comes back if something else differs, or more of it."),
                ],
                facts=self._facts(invoice),
                button=_("Mark resolved"),
            ),
            back=reverse("admin:reporting_discrepancy_changelist"),
            write=lambda actor, text: discrepancies.resolve(
                actor=actor, invoice_id=invoice.pk, reason=text, now=timezone.now()
            ),
            said=_("Resolved."),
        )

    @admin.display(description=_("Invoice"))
    def invoice_page(self, invoice: Discrepancy) -> Shown:
        return _link_to(invoice.pk)

    @admin.display(description=_("Differs"))
    def kinds(self, invoice: Discrepancy) -> Shown:
        return format_html_join(
            " ", "{}", ((labels.flag_label(flag),) for flag in invoice.review_flags)
        )

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
        lines = [
            (entry.text, entry.written_by.get_username(), display.moment(entry.created_at))
            for entry in discrepancies.entries(invoice_id=invoice.pk)
        ]
        return format_html_join("", "<p>{} ({}, {})</p>", lines) if lines else display.EMPTY

    def _invoice(self, request: HttpRequest, object_id: str) -> Discrepancy:
        invoice: Discrepancy | None = self.get_object(request, object_id)
        if invoice is None:
            raise Http404
        return invoice

    def _facts(self, invoice: Discrepancy) -> list[tuple[acts.Text, object]]:
        return [
            (_("Invoice"), self.invoice_page(invoice)),
            (_("Differs"), self.kinds(invoice)),
            (_("Total"), self.total(invoice)),
            (_("Paid"), self.paid(invoice)),
            (_("Notes"), self.written(invoice)),
        ]

    def _write(
        self,
        request: HttpRequest,
        invoice: Discrepancy,
        question: acts.Question,
        *,
        back: str,
        write: Callable[[Actor, str], DiscrepancyEntry],
        said: acts.Text,
    ) -> HttpResponse:
        def act(filled: dict[str, Any]) -> acts.Text:
            write(recording.actor_of(request), filled["reason"])
            return said

        return acts.confirm(
            request, question=question, back=back, act=act, form_class=acts.ReasonForm
        )


class OverdueInstallmentAdmin(ReadOnlyAdmin):
    """Instalments past due on invoices that still wait for money, the newest first."""

    fields = ("invoice_page", "number", "total", "paid", "due", "late")
    list_display = ("id", "invoice_page", "tenant", "number", "open_amount", "due", "late")
    list_filter: ClassVar = ["invoice__gateway"]
    list_select_related = ("invoice__tenant",)
    exact_search = ("invoice__id",)
    ordering = ("-due_at", "-id")
    list_per_page = 20  # each row costs the count a look at its invoice

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset(request)
        return queryset.filter(
            status=Installment.Status.UNPAID,
            due_at__lt=timezone.now(),
            invoice__status__in=figures.WAITING,
        )

    @admin.display(description=_("Invoice"))
    def invoice_page(self, part: OverdueInstallment) -> Shown:
        return _link_to(part.invoice_id)

    @admin.display(description=_("Tenant"))
    def tenant(self, part: OverdueInstallment) -> str:
        return part.invoice.tenant.name

    @admin.display(description=_("Total"))
    def total(self, part: OverdueInstallment) -> Shown:
        return display.money(part.total_amount, part.invoice.currency_code)

    @admin.display(description=_("Paid"))
    def paid(self, part: OverdueInstallment) -> Shown:
        return display.money(part.paid_amount, part.invoice.currency_code)

    @admin.display(description=_("Open"))
    def open_amount(self, part: OverdueInstallment) -> Shown:
        return display.money(part.total_amount - part.paid_amount, part.invoice.currency_code)

    @admin.display(description=_("Due"))
    def due(self, part: OverdueInstallment) -> Shown:
        return display.moment(part.due_at)

    @admin.display(description=_("Late"))
    def late(self, part: OverdueInstallment) -> str:
        days = (timezone.now() - part.due_at).days
        return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}


def _link_to(invoice_id: int) -> SafeString:
    link = reverse("admin:invoices_invoice_change", args=(invoice_id,))
    return format_html('<a href="{}">{}</a>', link, invoice_id)
