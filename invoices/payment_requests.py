"""Opening a payment at a gateway: record, ask without a lock, record the answer.

The row that says `opening` is the lock that lasts through the gateway's call; the row lock of
the invoice only guards its creation. The reference is fixed before the call, so a repeat after
an unknown outcome finds what the gateway made instead of making a second charge (FR-036).
"""

import secrets
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max

from gateways import registry
from gateways.adapter import (
    Customer,
    GatewayAdapter,
    GatewayError,
    GatewayRejected,
    Item,
    PaymentMethod,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    PaymentState,
)
from invoices import states
from invoices.models import Installment, Invoice, InvoiceStatus, LineItem, PaymentRequest
from paytrust.database import PaymentInProgress, release_connection, with_lock_tries
from paytrust.errors import PayTrustError
from paytrust.money import Money

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=40)  # two calls of 3 s + 10 s at most, and room
FIRST_CHECK_AFTER = timedelta(minutes=10)  # spec 4.8
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class InvoiceNotPayable(PayTrustError):
    """The invoice is paid, expired or cancelled, so no payment can be opened for it."""

    status = HTTPStatus.CONFLICT
    code = "invoice_not_payable"


def lease_request(*, invoice: Invoice, installment: Installment, now: datetime) -> PaymentRequest:
    """Return the instalment's payment request, leased to the caller if it is not open yet.

    The invoice must be locked by the caller, or just made in the same transaction. An open
    request comes back as it is; one whose outcome is unknown is leased again; otherwise a new
    one is recorded, with its reference, as `opening`.

    Raises:
        PaymentInProgress: somebody else is asking the gateway right now.
    """
    current = (
        PaymentRequest.objects.filter(installment=installment).active().first()
        if invoice.payment_initiated_at
        else None
    )
    if current is None:
        return _record_request(invoice, installment, now)
    if current.status == PaymentRequest.Status.OPEN:
        return current
    if current.leased_until and current.leased_until > now:
        raise PaymentInProgress
    current.leased_until, current.tries = now + LEASE, current.tries + 1
    current.save(update_fields=["leased_until", "tries"])
    return current


def ask_gateway(
    *, payment_request: PaymentRequest, gateway_code: str, order: PaymentOrder, now: datetime
) -> PaymentRequest:
    """Open a leased request at its gateway and record the answer.

    Holds no lock and no database connection while the gateway thinks. An open request is
    returned unasked.

    Raises:
        GatewayTimeout, GatewayUnavailable: nothing is known to be made; the request stays
            `opening` and the next call resumes it.
        GatewayRejected: the gateway refused; the request is `failed`.
    """
    if payment_request.status != PaymentRequest.Status.OPENING:
        return payment_request
    adapter = registry.adapter_for(gateway_code)
    release_connection()
    try:
        report = _search(adapter, payment_request) if payment_request.tries > 1 else None
        page = _page_of(report) or adapter.create_payment(order)
    except GatewayError as error:
        _release_lease(payment_request, error, now)
        error.details["invoice_id"] = payment_request.invoice_id
        raise
    return _record_page(payment_request, page, now)


def order_for(
    *,
    payment_request: PaymentRequest,
    invoice: Invoice,
    line_items: list[LineItem],
    now: datetime,
) -> PaymentOrder:
    """Shape a payment request as the order that adapters understand."""
    return PaymentOrder(
        reference=payment_request.reference,
        amount=Money(payment_request.amount, payment_request.currency_code),
        description=invoice.description or f"Invoice {invoice.pk}",
        created_at=now,
        expires_at=invoice.expires_at,
        customer=Customer(**invoice.customer) if invoice.customer else None,
        items=tuple(
            Item(name=line.product_name, quantity=line.quantity, unit_amount=line.unit_price_amount)
            for line in line_items
        ),
        success_redirect_url=invoice.success_redirect_url,
        failure_redirect_url=invoice.failure_redirect_url,
        method=PaymentMethod(**invoice.payment_method) if invoice.payment_method else None,
    )


def new_reference(*, invoice_id: int, number: int, sequence: int) -> str:
    """Return a reference as spec 4.1 shapes it: PT-12345-1-1-7KQ2ZD."""
    tail = "".join(secrets.choice(BASE32) for _ in range(6))
    return f"{settings.REFERENCE_PREFIX}-{invoice_id}-{number}-{sequence}-{tail}"


def _record_request(invoice: Invoice, installment: Installment, now: datetime) -> PaymentRequest:
    last = (
        installment.payment_requests.aggregate(last=Max("sequence"))["last"] or 0
        if invoice.payment_initiated_at
        else 0
    )
    sequence = last + 1
    return PaymentRequest.objects.create(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        installment=installment,
        gateway_id=invoice.gateway_id,
        sequence=sequence,
        reference=new_reference(
            invoice_id=invoice.pk, number=installment.number, sequence=sequence
        ),
        amount=installment.total_amount - installment.paid_amount,
        currency_code=invoice.currency_code,
        leased_until=now + LEASE,
        tries=1,
        created_at=now,
        expires_at=invoice.expires_at,
        next_check_at=now + FIRST_CHECK_AFTER,
    )


def _search(adapter: GatewayAdapter, payment_request: PaymentRequest) -> PaymentReport | None:
    report = adapter.find_payment(
        reference=payment_request.reference,
        gateway_id=payment_request.gateway_payment_id,
        currency=payment_request.currency_code,
    )
    log.info(
        "searched for a payment of unknown outcome",
        reference=payment_request.reference,
        found=report.raw_status if report else None,
    )
    return report


def _page_of(report: PaymentReport | None) -> PaymentPage | None:
    """Return the page to adopt: an earlier try's, if the gateway still knows it."""
    if report is None or report.state not in {PaymentState.PENDING, PaymentState.PAID}:
        return None
    return report.page


def _release_lease(payment_request: PaymentRequest, error: GatewayError, now: datetime) -> None:
    """Let the next call resume; a refusal ends the request instead."""
    log.warning(
        "gateway did not open the payment",
        reference=payment_request.reference,
        reason=str(error),
        code=error.code,
    )
    opening = PaymentRequest.objects.filter(
        pk=payment_request.pk, status=PaymentRequest.Status.OPENING
    )
    if isinstance(error, GatewayRejected):
        opening.update(status=PaymentRequest.Status.FAILED, leased_until=None, ended_at=now)
    else:
        opening.update(leased_until=None)


def _record_page(
    payment_request: PaymentRequest, page: PaymentPage, now: datetime
) -> PaymentRequest:
    """Store the URL and move the invoice on, unless the money was faster."""

    def record() -> PaymentRequest:
        with transaction.atomic():
            invoice = Invoice.objects.locked(nowait=True).get(pk=payment_request.invoice_id)
            current = PaymentRequest.objects.get(pk=payment_request.pk)
            if current.status != PaymentRequest.Status.OPENING:
                return current
            current.status = PaymentRequest.Status.OPEN
            current.leased_until = None
            current.gateway_payment_id = page.gateway_id
            current.payment_url, current.instructions = page.url, page.instructions
            current.opened_at, current.expires_at = now, page.expires_at
            current.save()
            _reopen(invoice, now)
            current.invoice = invoice
            return current

    return with_lock_tries(record)


def _reopen(invoice: Invoice, now: datetime) -> None:
    if invoice.ended_as == InvoiceStatus.FAILED:
        invoice.ended_as = invoice.ended_at = None
    if invoice.status == InvoiceStatus.DRAFT:
        invoice.status = InvoiceStatus.PENDING
    invoice.status = states.status_of(invoice)
    invoice.updated_at = now
    invoice.save(update_fields=["status", "ended_as", "ended_at", "updated_at"])
