"""Reads of invoices, always within one tenant."""

from collections.abc import Sequence
from dataclasses import dataclass

from apikeys.models import Tenant
from invoices.models import Installment, Invoice, InvoiceQuerySet, LineItem, PaymentRequest


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice with all that its answer shows."""

    invoice: Invoice
    line_items: Sequence[LineItem]
    installments: Sequence[Installment]
    open_request: PaymentRequest | None  # the one whose URL the customer may pay at

    @property
    def amount_due(self) -> int:
        """What is still to be paid, in minor units; nothing once the invoice is over.

        A refund lowers nothing here, since its instalment stays paid; a reversal opens it again.

        Source: spec 2.8 and 10.2.
        """
        if self.invoice.is_over:
            return 0
        return sum(
            installment.total_amount - installment.paid_amount for installment in self.installments
        )


def invoices(*, tenant: Tenant) -> InvoiceQuerySet:
    """Return a tenant's invoices with their gateways."""
    return Invoice.objects.for_tenant(tenant).select_related("gateway")


def document(*, tenant: Tenant, invoice_id: int) -> InvoiceDocument:
    """Return one invoice with its lines, instalments and open payment, in four queries.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
    """
    return documents([invoices(tenant=tenant).get(pk=invoice_id)])[0]


def documents(page: Sequence[Invoice]) -> list[InvoiceDocument]:
    """Return what the answers of a page of invoices show, in three queries for the whole page."""
    ids = [invoice.pk for invoice in page]
    lines: dict[int, list[LineItem]] = {pk: [] for pk in ids}
    for line in LineItem.objects.filter(invoice_id__in=ids).order_by("invoice_id", "position"):
        lines[line.invoice_id].append(line)
    installments: dict[int, list[Installment]] = {pk: [] for pk in ids}
    known = {invoice.pk: invoice for invoice in page}
    for installment in Installment.objects.filter(invoice_id__in=ids).order_by(
        "invoice_id", "number"
    ):
        installment.invoice = known[installment.invoice_id]
        installments[installment.invoice_id].append(installment)
    opened = {
        request.invoice_id: request
        for request in PaymentRequest.objects.filter(
            invoice_id__in=ids, status=PaymentRequest.Status.OPEN
        )
    }
    return [
        InvoiceDocument(
            invoice, lines[invoice.pk], installments[invoice.pk], opened.get(invoice.pk)
        )
        for invoice in page
    ]


def payment_on_page(*, page_token: str) -> PaymentRequest:
    """Return the payment that our own page shows, with its invoice, merchant and gateway.

    The token is the customer's right to see it, so no tenant is asked for.

    Raises:
        PaymentRequest.DoesNotExist: there is no such page.
    """
    return PaymentRequest.objects.select_related("invoice", "tenant", "gateway").get(
        page_token=page_token
    )


def current_payment_url(*, invoice_id: int) -> str | None:
    """Return where the customer can pay now, for customers who have an older address."""
    return (
        PaymentRequest.objects.filter(invoice_id=invoice_id, status=PaymentRequest.Status.OPEN)
        .values_list("payment_url", flat=True)
        .first()
    )


def reopened(document: InvoiceDocument, request: PaymentRequest) -> InvoiceDocument:
    """Return a document with its payment request as it is after the gateway answered."""
    if request.status != PaymentRequest.Status.OPEN:
        return documents([Invoice.objects.select_related("gateway").get(pk=request.invoice_id)])[0]
    invoice = request.invoice
    invoice.gateway = document.invoice.gateway
    return InvoiceDocument(invoice, document.line_items, document.installments, request)
