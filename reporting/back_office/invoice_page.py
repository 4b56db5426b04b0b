"""Invoices: the list, and one page with everything that happened."""

import json
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RelatedDropdownFilter,
)

from invoices.follow_up import selectors as follow_up
from invoices.follow_up.back_office import Assign, AssigneeFilter, Note, shown_name
from invoices.invoices import labels
from invoices.invoices.exporting import OfInvoices
from invoices.iso20022 import pain001
from invoices.link_mails.back_office import SendLink
from invoices.models import Installment, Invoice, InvoiceStatus, MoneyKind, Transaction
from invoices.receipts import document as receipt_document
from invoices.receipts import selectors as receipts
from payments.booking import pain002_reports
from payments.changes import descriptions
from payments.models import WebhookEvent
from payments.webhooks import masking
from paytrust.errors import PayTrustError
from paytrust.staff import display, roles
from paytrust.staff.filters import CurrencyFilter, DatesFilter
from paytrust.web import pdf
from paytrust.web.xml_views import xml_answer
from reporting.back_office import search, timeline

Shown = SafeString | str


class InvoiceAdmin(OfInvoices):
    list_display = ("id", "merchant", "reference", "gateway", "total", "paid", "state", "created")
    list_filter: ClassVar = [
        ("status", ChoicesDropdownFilter),
        CurrencyFilter,
        ("gateway", RelatedDropdownFilter),
        ("tenant", AutocompleteSelectFilter),
        AssigneeFilter,
        ("created_at", DatesFilter),
    ]
    list_select_related = ("tenant", "gateway")
    acts = (Note, Assign, SendLink)
    ordering = ("-created_at", "-id")
    sortable_by = ("created",)
    list_export = ("customer_name", "customer_email", "asked_by")
    export_select_related = ()
    invoice_path = None
    sortable_narrowed = ("total", "paid")
    exact_search = ("external_id",)
    search_help_text = _("Id, external id, gateway reference, transaction, e-mail or request id.")

    def ids_found(self, term: str) -> list[int]:
        return search.invoice_ids(term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        rows: QuerySet[Invoice] = super().get_queryset(request)
        return rows

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<int:invoice_id>/pain001.xml",
                self.admin_site.admin_view(payment_initiation),
                name="invoices_invoice_pain001",
            ),
            path(
                "<int:invoice_id>/pain002.xml",
                self.admin_site.admin_view(payment_status),
                name="invoices_invoice_pain002",
            ),
            path(
                "transactions/<int:transaction_id>/pain002.xml",
                self.admin_site.admin_view(transaction_status),
                name="invoices_transaction_pain002",
            ),
            path(
                "transactions/<int:transaction_id>/receipt-<slug:language>.pdf",
                self.admin_site.admin_view(receipt),
                name="invoices_transaction_receipt",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show an invoice with its history, instead of a form."""
        invoice = self.get_object(request, object_id)
        if invoice is None or request.method != "GET" or not self.has_view_permission(request):
            answer: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
            return answer
        history = timeline.history(invoice=invoice)
        waiting = descriptions.waiting_on(invoice)
        assignee = follow_up.assignee_of(invoice)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Invoice %(number)s") % {"number": invoice.pk},
            "opts": self.opts,
            "original": invoice,
            "history": history,
            "payloads": [(event, _payload(event)) for event in history.events],
            "waiting": waiting,
            "assignee": shown_name(assignee) if assignee else None,
            "may_operate": roles.may_operate(request),
            "payments": [row for row in history.transactions if row.kind == MoneyKind.PAYMENT],
            "receipt_languages": receipt_document.LANGUAGES.items(),
            **_offered(request, history, is_free=not waiting),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "staff/invoice.html", context)

    @admin.display(description=_("External id"))
    def reference(self, invoice: Invoice) -> Shown:
        return display.long_text(invoice.external_id)

    @admin.display(description=_("Total"), ordering="total_amount")
    def total(self, invoice: Invoice) -> Shown:
        return display.money(invoice.total_amount, invoice.currency_code)

    @admin.display(description=_("Paid"), ordering="paid_amount")
    def paid(self, invoice: Invoice) -> Shown:
        return display.money(invoice.paid_amount, invoice.currency_code)

    @admin.display(description=_("State"))
    def state(self, invoice: Invoice) -> Shown:
        return labels.invoice_label(invoice)

    @admin.display(description=_("Created"), ordering="created_at")
    def created(self, invoice: Invoice) -> Shown:
        return display.moment(invoice.created_at)


@roles.requires("invoices.view_invoice")
def payment_initiation(request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Download the pain.001 of an invoice."""
    invoice = get_object_or_404(Invoice.objects.select_related("tenant"), pk=invoice_id)
    try:
        document = pain001.payment_initiation(
            tenant=invoice.tenant, invoice_id=invoice.pk, message=pain001.VERSIONS["11"]
        )
    except PayTrustError as error:
        return _refused(request, invoice.pk, error)
    return _download(document, f"pain001-{invoice.pk}.xml")


@roles.requires("invoices.view_invoice")
def payment_status(request: HttpRequest, invoice_id: int) -> HttpResponse:
    """Download a pain.002 with all payments of an invoice."""
    invoice = get_object_or_404(Invoice.objects.select_related("tenant"), pk=invoice_id)
    try:
        document = pain002_reports.invoice_status(tenant=invoice.tenant, invoice_id=invoice.pk)
    except PayTrustError as error:
        return _refused(request, invoice.pk, error)
    return _download(document, f"pain002-{invoice.pk}.xml")


@roles.requires("invoices.view_transaction")
def transaction_status(request: HttpRequest, transaction_id: int) -> HttpResponse:
    """Download the pain.002 with which a transaction was booked."""
    row = get_object_or_404(Transaction.objects.select_related("tenant"), pk=transaction_id)
    try:
        document = pain002_reports.transaction_status(tenant=row.tenant, transaction_id=row.pk)
    except PayTrustError as error:
        return _refused(request, row.invoice_id, error)
    return _download(document, f"pain002-transaction-{row.pk}.xml")


@roles.requires("invoices.view_transaction")
def receipt(_request: HttpRequest, transaction_id: int, language: str) -> HttpResponse:
    """Return the receipt of a payment, for its customer."""
    if language not in receipt_document.LANGUAGES:
        raise Http404
    try:
        found = receipts.receipt_of(transaction_id=transaction_id)
    except Transaction.DoesNotExist as error:
        raise Http404 from error
    return pdf.answer(
        receipt_document.pdf_of(found, language=language), name=receipt_document.name_of(found)
    )


def _offered(request: HttpRequest, history: timeline.History, *, is_free: bool) -> dict[str, bool]:
    """Return the changes that may be proposed: those that are not certain to be refused."""
    invoice = history.invoice
    unpaid = [
        installment
        for installment in history.installments
        if installment.status == Installment.Status.UNPAID
    ]
    has_ended = invoice.ended_as in {InvoiceStatus.EXPIRED, InvoiceStatus.CANCELLED}
    may_propose = roles.may_operate(request) and is_free
    may_operate = may_propose and not has_ended
    return {
        "may_adjust": may_operate and len(unpaid) > 1 and invoice.expires_at > timezone.now(),
        "may_refund": may_propose and invoice.is_refundable,
        "may_transfer": may_propose and invoice.overpayment_amount > 0,
        "may_cancel": may_operate and invoice.paid_amount == 0,
    }


def _download(document: bytes, name: str) -> HttpResponse:
    answer = xml_answer(document)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _refused(request: HttpRequest, invoice_id: int, error: PayTrustError) -> HttpResponse:
    reason = gettext("The document cannot be made: %(code)s.") % {"code": error.code}
    messages.error(request, reason)
    return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=(invoice_id,)))


def _payload(event: WebhookEvent) -> str:
    body = masking.shown_body(bytes(event.body))
    return body if isinstance(body, str) else json.dumps(body, indent=2, default=str)
