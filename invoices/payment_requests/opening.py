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
from gateways.budgets.pacing import Priority
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
_UNDER_WAY: Final = """
SELECT status, max(leased_until) FROM invoices_paymentrequest
WHERE invoice_id = %(invoice)s AND (tenant_id = %(tenant)s) IS TRUE
    AND status IN ('opening', 'open')
GROUP BY status"""


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
    *,
    tenant: Tenant,
    invoice_id: int,
    installment_number: int | None = None,
    once: Once | None = None,
    priority: Priority = Priority.MERCHANT,
    now: datetime,
) -> tuple[InvoiceDocument, bool]:
    """Open the payment of the lowest unpaid instalment, or resume opening it.

    The trip that reads the invoice also claims the call, and the one that records the page closes
    it (`once`).

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
    once = once or Once(now=now)
    shown = _shown(tenant, invoice_id, installment_number, now)
    if shown is not None:
        once.claim()
        return shown, False
    document, payment_request = _lease_payment(tenant, invoice_id, installment_number, once, now)
    once.opened()
    asking = payment_request.status == PaymentRequest.Status.OPENING
    opened = open_recorded(document, payment_request, now, once, priority)
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
        open_payment(
            tenant=invoice.tenant, invoice_id=invoice_id, priority=Priority.CONFIRMATION, now=now
        )
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
    once: Once,
    priority: Priority = Priority.MERCHANT,
) -> InvoiceDocument:
    """Open a request that the caller has leased; an open one is returned as it is.

    If an earlier try has used up its reference, another request takes its place. The trip that
    records the page also stores the answer of the call (`once`).

    Raises:
        The failures of `pages.ask_gateway`, and those of `open_payment`.
    """
    try:
        return _ask(document, payment_request, now, once, priority)
    except ChargeLost:  # the request is `failed` now, and its charge can no longer be paid
        invoice = document.invoice
        leased = _lease_payment(invoice.tenant, invoice.pk, None, once, now)
        return _ask(*leased, now, once, priority)


@in_locked_transaction
def _lease_payment(
    tenant: Tenant, invoice_id: int, installment_number: int | None, once: Once, now: datetime
) -> tuple[InvoiceDocument, PaymentRequest]:
    lock = leases.lock_of(invoice_id, tenant_id=tenant.pk)
    reading = selectors.reading_with_requests(invoice_id=invoice_id, tenant_id=tenant.pk)
    read = join(*once.opening(), lock, *reading)[-len(reading) :]
    document, requests = selectors.read_with_requests(read)
    return document, recording.lease_request(
        invoice=document.invoice,
        installment=_due(document, installment_number, now),
        requests=requests,
        now=now,
    )


def _shown(
    tenant: Tenant, invoice_id: int, installment_number: int | None, now: datetime
) -> InvoiceDocument | None:
    """Return an invoice whose due payment is open; None if it must be opened.

    Takes no lock, which the leaseholder of another call may need for its answer.

    Raises:
        PaymentInProgress: there is such a call.
    """
    (found,) = trip(Statement(_UNDER_WAY, {"tenant": tenant.pk, "invoice": invoice_id}))
    under_way: dict[str, datetime | None] = dict(found)
    leased_until = under_way.get(PaymentRequest.Status.OPENING)
    if leased_until is not None and leased_until > now:
        raise PaymentInProgress
    if PaymentRequest.Status.OPEN not in under_way:
        return None
    document = selectors.document(tenant=tenant, invoice_id=invoice_id)
    due, opened = _due(document, installment_number, now), document.open_request
    if opened is None or opened.installment_id != due.pk:
        return None
    opened.installment = due
    return document


def _due(document: InvoiceDocument, installment_number: int | None, now: datetime) -> Installment:
    """Return the instalment that is paid next, if it is the one that was asked for."""
    due = unpaid_installments(document, now)[0]
    if installment_number not in {None, due.number}:
        raise InstallmentOutOfSequence(
            f"Instalment {due.number} is the one to be paid now, not {installment_number}.",
            details={"installment_number": [f"must be {due.number}"]},
        )
    return due


def _ask(
    document: InvoiceDocument,
    payment_request: PaymentRequest,
    now: datetime,
    once: Once,
    priority: Priority,
) -> InvoiceDocument:
    return pages.ask_gateway(
        document=document,
        payment_request=payment_request,
        order=orders.order_for(payment_request=payment_request, document=document, now=now),
        now=now,
        once=once,
        priority=priority,
    )
