"""Reads of invoices, always within one tenant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from apikeys.models import Tenant
from gateways.models import Gateway
from invoices.models import Installment, Invoice, InvoiceQuerySet, LineItem, PaymentRequest
from paytrust.operations import listing, rows
from paytrust.operations.listing import PAGE
from paytrust.operations.trips import Rows, Statement, trip

# Sought by its id alone (IS TRUE has no index): a plan that was made while the table was empty
# would read all invoices of the tenant, for as long as a connection keeps it.
_IS_OWN: Final = "invoice.id = %(invoice)s AND (invoice.tenant_id = %(tenant)s) IS TRUE"

OWN: Final = f"SELECT id FROM invoices_invoice invoice WHERE {_IS_OWN}"  # noqa: S608  # nosec B608  # our own names
"""The id of an invoice, if it is the tenant's."""

IS_THERE: Final = f"EXISTS ({OWN})"
"""The condition of what goes along with the reading of an invoice that may not be there."""

_INVOICE: Final = f"""
SELECT {rows.columns(Invoice, "invoice")}, {rows.columns(Gateway, "gateway")}
FROM invoices_invoice invoice JOIN gateways_gateway gateway ON gateway.id = invoice.gateway_id
WHERE {_IS_OWN}"""  # noqa: S608  # nosec B608  # our own names


def _belonging(which: str) -> Sequence[str]:
    """Return the statements that read lines, instalments and open payments of invoices.

    Args:
        which: SQL that follows an invoice's id. For one invoice it has no array: PostgreSQL would
            plan the statement again each time.
    """
    return [
        f"""
SELECT {rows.columns(LineItem, "line")} FROM invoices_lineitem line
WHERE line.invoice_id {which} ORDER BY line.invoice_id, line.position""",  # noqa: S608  # nosec B608  # our own names
        f"""
SELECT {rows.columns(Installment, "installment")} FROM invoices_installment installment
WHERE installment.invoice_id {which} ORDER BY installment.invoice_id, installment.number""",  # noqa: S608  # nosec B608  # our own names
        f"""
SELECT {rows.columns(PaymentRequest, "request")} FROM invoices_paymentrequest request
WHERE request.invoice_id {which} AND request.status = 'open'""",  # noqa: S608  # nosec B608  # our own names
    ]


_OF_ONE: Final = _belonging("= %(invoice)s")
_REQUESTS: Final = f"""
SELECT {rows.columns(PaymentRequest, "request")} FROM invoices_paymentrequest request
WHERE request.invoice_id = %(invoice)s ORDER BY request.id"""  # noqa: S608  # nosec B608  # our own names
_OF_PAGE: Final = [Statement(sql) for sql in _belonging(f"= ANY({PAGE})")]


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice with all that its answer shows."""

    invoice: Invoice
    line_items: Sequence[LineItem]
    installments: Sequence[Installment]
    open_request: PaymentRequest | None  # the one whose URL the customer may pay at

    @property
    def pk(self) -> int:
        """The invoice's id."""
        return self.invoice.pk

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


def document(
    *, tenant: Tenant, invoice_id: int, along: Sequence[Statement] = ()
) -> InvoiceDocument:
    """Return one invoice with its lines, instalments and open payment, in one trip.

    Args:
        tenant: whose invoice.
        invoice_id: its id.
        along: what the caller writes in the same trip.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
    """
    return document_of(invoice_id=invoice_id, tenant_id=tenant.pk, along=along)


def document_of(
    *, invoice_id: int, tenant_id: int, along: Sequence[Statement] = ()
) -> InvoiceDocument:
    """Return one invoice as `document` does, for a caller who knows only the tenant's id.

    Raises:
        Invoice.DoesNotExist: unknown, or not that tenant's.
    """
    wanted = {"tenant": tenant_id, "invoice": invoice_id}
    reading = [Statement(sql, wanted) for sql in (_INVOICE, *_OF_ONE)]
    found, *belonging = trip(*reading, *along)[: len(reading)]
    if not found:
        raise Invoice.DoesNotExist(str(invoice_id))
    return _documents([_with_gateway(found[0])], *belonging)[0]


def invoice(*, tenant: Tenant, invoice_id: int, along: Sequence[Statement] = ()) -> Invoice:
    """Return one invoice with its gateway, without what belongs to it, in one trip.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
    """
    found, *_ = trip(Statement(_INVOICE, {"tenant": tenant.pk, "invoice": invoice_id}), *along)
    if not found:
        raise Invoice.DoesNotExist(str(invoice_id))
    return _with_gateway(found[0])


def reading_with_requests(*, invoice_id: int, tenant_id: int) -> Sequence[Statement]:
    """Return what reads one invoice and all demands on it, for `read_with_requests`."""
    wanted = {"tenant": tenant_id, "invoice": invoice_id}
    return [Statement(sql, wanted) for sql in (_INVOICE, *_OF_ONE[:-1], _REQUESTS)]


def read_with_requests(read: Sequence[Rows]) -> tuple[InvoiceDocument, list[PaymentRequest]]:
    """Return the invoice and the demands, oldest first, that a trip read, bound to each other.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
    """
    found, lines, installments, asked = read
    if not found:
        raise Invoice.DoesNotExist
    (document,) = _documents([_with_gateway(found[0])], lines, installments, ())
    requests = [rows.made(PaymentRequest, row) for row in asked]
    invoice, of = document.invoice, {one.pk: one for one in document.installments}
    for request in requests:
        request.invoice, request.installment = invoice, of[request.installment_id]
        if request.gateway_id == invoice.gateway_id:
            request.gateway = invoice.gateway
    opened = next((one for one in requests if one.status == PaymentRequest.Status.OPEN), None)
    return replace(document, open_request=opened), requests


def documents(
    queryset: InvoiceQuerySet, *, along: Sequence[Statement] = ()
) -> list[InvoiceDocument]:
    """Return a page of invoices with what their answers show, in one trip.

    Args:
        queryset: an ordered slice of `invoices`.
        along: what the caller writes in the same trip.
    """
    found, *belonging = listing.read(queryset, *_OF_PAGE, along=along)
    return _documents([_with_gateway(row) for row in found], *belonging)


def documents_of(page: Sequence[Invoice]) -> list[InvoiceDocument]:
    """Return what the answers of invoices show that the caller has, with their gateways."""
    if not page:
        return []
    return _documents(page, *listing.read_of((invoice.pk for invoice in page), *_OF_PAGE))


def _with_gateway(row: Sequence[Any]) -> Invoice:
    invoice = rows.made(Invoice, row[: rows.width(Invoice)])
    invoice.gateway = rows.made(Gateway, row[rows.width(Invoice) :])
    return invoice


def _documents(
    page: Sequence[Invoice], lines: Rows, installment_rows: Rows, opened: Rows
) -> list[InvoiceDocument]:
    known = {invoice.pk: invoice for invoice in page}
    line_items: dict[int, list[LineItem]] = {pk: [] for pk in known}
    for line in (rows.made(LineItem, row) for row in lines):
        line_items[line.invoice_id].append(line)
    installments: dict[int, list[Installment]] = {pk: [] for pk in known}
    for installment in (rows.made(Installment, row) for row in installment_rows):
        installment.invoice = known[installment.invoice_id]
        installments[installment.invoice_id].append(installment)
    open_requests = {
        request.invoice_id: request
        for request in (rows.made(PaymentRequest, row) for row in opened)
    }
    return [
        InvoiceDocument(invoice, line_items[pk], installments[pk], open_requests.get(pk))
        for pk, invoice in known.items()
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
