"""Opening the payment that is due on an invoice: for its merchant, or for a job.

Three steps: the demand is recorded as `opening` and committed (`recording`), the gateway is
asked without a lock, and its answer is recorded (`pages`).
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from django.utils.translation import gettext_lazy as _

from apikeys.idempotency.once import Once
from apikeys.models import Tenant
from gateways.adapter import ChargeLost
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Installment, Invoice, PaymentRequest
from invoices.payment_requests import leases, orders, pages, recording
from invoices.payment_requests.leases import PaymentInProgress, in_locked_transaction
from paytrust.errors import PayTrustError
from paytrust.operations import locking
from paytrust.operations.trips import Statement, join, trip

log = structlog.get_logger(__name__)

OPEN_AGAIN_AFTER = timedelta(minutes=2)
_AT_WORK: Final = """
SELECT id FROM invoices_paymentrequest
WHERE tenant_id = %(tenant)s AND invoice_id = %(invoice)s
  AND status = 'opening' AND leased_until > %(now)s"""


class InvoiceNotPayable(PayTrustError):
    """The invoice is paid, expired or cancelled, so no payment can be opened for it."""

    status = HTTPStatus.CONFLICT
    code = "invoice_not_payable"
    for_staff = _("This invoice is paid or has ended: nothing on it can be changed.")


class InstallmentOutOfSequence(PayTrustError):
    """Instalments are paid in order; only the lowest unpaid one can be opened."""

    status = HTTPStatus.CONFLICT
    code = "installment_out_of_sequence"


def open_payment(
    *, tenant: Tenant, invoice_id: int, installment_number: int | None = None, now: datetime
) -> tuple[InvoiceDocument, bool]:
    """Open the payment of the lowest unpaid instalment, or resume opening it.

    Returns:
        The invoice, and whether this call was the one that opened the payment.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
        InvoiceNotPayable: paid, expired or cancelled.
        InstallmentOutOfSequence: `installment_number` is not the lowest unpaid one.
        PaymentInProgress: somebody else is opening it, or holds the invoice; or it was paid,
            or money came for it on another charge, while the gateway was asked.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: not opened.

    Source: FR-060 to FR-062.
    """
    _refuse_while_leased(tenant, invoice_id, now)
    document, payment_request = _lease_payment(tenant, invoice_id, installment_number, now)
    asking = payment_request.status == PaymentRequest.Status.OPENING
    opened = open_recorded(document, payment_request, now)
    if opened.open_request is None:
        raise PaymentInProgress
    return opened, asking


def open_due_payment(*, invoice_id: int, now: datetime) -> None:
    """Open the payment that is due on an invoice, for a job; safe to run twice.

    Every obstacle (the gateway is away, another call works on it) is logged, and the job tries
    again later. An invoice on which nothing can be paid any more is no longer due.
    """
    invoice = Invoice.objects.select_related("tenant").get(pk=invoice_id)
    if invoice.open_payment_at is None:
        return
    try:
        open_payment(tenant=invoice.tenant, invoice_id=invoice_id, now=now)
    except InvoiceNotPayable:
        log.info("nothing left to open", invoice_id=invoice_id)
    except PayTrustError as error:
        log.warning("payment not opened yet", invoice_id=invoice_id, reason=str(error))
        return
    Invoice.objects.filter(pk=invoice_id, open_payment_at=invoice.open_payment_at).update(
        open_payment_at=None
    )


def claim_due_openings(*, now: datetime, limit: int) -> list[int]:
    """Return the ids of invoices whose next payment is due to be opened, each to one caller."""
    return locking.claim(
        Invoice.objects.filter(open_payment_at__lte=now),
        by="open_payment_at",
        taken=lambda ids: Invoice.objects.filter(pk__in=ids).update(
            open_payment_at=now + OPEN_AGAIN_AFTER
        ),
        limit=limit,
    )


def unpaid_installments(document: InvoiceDocument, now: datetime) -> list[Installment]:
    """Return the unpaid instalments, lowest first, of an invoice that may still be paid.

    Raises:
        InvoiceNotPayable: paid in full, cancelled or expired.
    """
    invoice = document.invoice
    unpaid = [
        installment
        for installment in document.installments
        if installment.status == Installment.Status.UNPAID
    ]
    if not invoice.is_payable(now) or not unpaid:
        raise InvoiceNotPayable(
            f"Invoice {invoice.pk} is {invoice.status}; nothing more can be paid on it.",
            details={"invoice_id": invoice.pk, "status": invoice.status},
        )
    return unpaid


def open_recorded(
    document: InvoiceDocument,
    payment_request: PaymentRequest,
    now: datetime,
    once: Once | None = None,
) -> InvoiceDocument:
    """Open a request that the caller has leased; an open one is returned as it is.

    If an earlier try has used up its reference, another request takes its place. The trip that
    records the page also stores the answer of the call (`once`).

    Raises:
        The failures of `pages.ask_gateway`, and those of `open_payment`.
    """
    try:
        return _ask(document, payment_request, now, once)
    except ChargeLost:  # the request is `failed` now, and its charge can no longer be paid
        invoice = document.invoice
        return _ask(*_lease_payment(invoice.tenant, invoice.pk, None, now), now)


@in_locked_transaction
def _lease_payment(
    tenant: Tenant, invoice_id: int, installment_number: int | None, now: datetime
) -> tuple[InvoiceDocument, PaymentRequest]:
    _, *read = join(
        leases.lock_of(invoice_id, tenant_id=tenant.pk),
        *selectors.reading_with_requests(invoice_id=invoice_id, tenant_id=tenant.pk),
    )
    document, requests = selectors.read_with_requests(read)
    installment = unpaid_installments(document, now)[0]
    if installment_number not in {None, installment.number}:
        raise InstallmentOutOfSequence(
            f"Instalment {installment.number} is the one to be paid now, not {installment_number}.",
            details={"installment_number": [f"must be {installment.number}"]},
        )
    return document, recording.lease_request(
        invoice=document.invoice, installment=installment, requests=requests, now=now
    )


def _refuse_while_leased(tenant: Tenant, invoice_id: int, now: datetime) -> None:
    """Refuse callers before they take the lock that the leaseholder needs for its answer."""
    about = {"tenant": tenant.pk, "invoice": invoice_id, "now": now}
    (at_work,) = trip(Statement(_AT_WORK, about))
    if at_work:
        raise PaymentInProgress


def _ask(
    document: InvoiceDocument,
    payment_request: PaymentRequest,
    now: datetime,
    once: Once | None = None,
) -> InvoiceDocument:
    return pages.ask_gateway(
        document=document,
        payment_request=payment_request,
        order=orders.order_for(payment_request=payment_request, document=document, now=now),
        now=now,
        once=once,
    )
