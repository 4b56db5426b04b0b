"""Asking a gateway for the page of a recorded demand, and recording its answer (spec 4.1).

These are the second and the third of the three steps. The row that says `opening` is the lock
that lasts through the gateway's call; no row lock and no connection is held meanwhile.
"""

import secrets
from datetime import datetime

import structlog
from django.conf import settings

from gateways import registry
from gateways.adapter import (
    GatewayAdapter,
    GatewayError,
    GatewayRejected,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    PaymentState,
)
from invoices.invoices.versions import touch
from invoices.ledger import states
from invoices.models import Invoice, InvoiceStatus, PaymentRequest
from invoices.payment_requests import transitions
from invoices.payment_requests.leases import PaymentInProgress, in_locked_transaction
from invoices.telling import services as telling
from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

PAGE_TOKEN_BYTES = 24  # 192 bits, which cannot be guessed


def ask_gateway(
    *, payment_request: PaymentRequest, gateway_code: str, order: PaymentOrder, now: datetime
) -> PaymentRequest:
    """Open a leased request at its gateway and record the answer.

    Holds no lock and no database connection during the gateway's call. An open request is returned
    without a call.

    Raises:
        GatewayTimeout, GatewayUnavailable: nothing is known to be made; the request stays
            `opening` and the next call resumes it.
        PaymentInProgress: the customer has paid what an earlier call made; it is being booked.
        GatewayRejected: the gateway refused; the request is `failed`.
    """
    if payment_request.status != PaymentRequest.Status.OPENING:
        return payment_request
    adapter = registry.adapter_for(
        gateway_code, account_id=payment_request.account_id, tenant_id=payment_request.tenant_id
    )
    release_connection()
    asked_to_make = False
    try:
        report = _search(adapter, payment_request) if payment_request.tries > 1 else None
        page = _page_of(report)
        if page is None and report is not None and report.state == PaymentState.PAID:
            transitions.found_paid(payment_request=payment_request, now=now)
            raise PaymentInProgress
        asked_to_make = page is None
        page = page or adapter.create_payment(order)
    except GatewayError as error:
        refused = asked_to_make and isinstance(error, GatewayRejected)
        _release_lease(payment_request, error, now, refused=refused)
        error.details["invoice_id"] = payment_request.invoice_id
        raise
    return record_page(payment_request=payment_request, page=page, now=now)


@in_locked_transaction
def record_page(
    *, payment_request: PaymentRequest, page: PaymentPage, now: datetime
) -> PaymentRequest:
    """Store the URL and change the invoice's state, unless the money was faster.

    Where the gateway has no page, the URL is that of ours, which shows the instructions.
    """
    locked = Invoice.objects.locked(nowait=True).select_related("gateway")
    invoice = locked.get(pk=payment_request.invoice_id)
    before = telling.look_without_page(invoice=invoice, now=now)
    token = secrets.token_urlsafe(PAGE_TOKEN_BYTES) if page.url is None else None
    opened = transitions.page_opened(
        payment_request=payment_request,
        page=page,
        url=page.url or f"{settings.PUBLIC_BASE_URL}/pay/{token}",
        token=token,
        now=now,
    )
    if not opened:
        return PaymentRequest.objects.get(pk=payment_request.pk)
    _move_invoice_on(invoice, now)
    payment_request.invoice = invoice
    telling.tell_page(invoice=invoice, before=before, payment_request=payment_request, now=now)
    return payment_request


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


def _release_lease(
    payment_request: PaymentRequest, error: GatewayError, now: datetime, *, refused: bool
) -> None:
    """Let the next call resume; a refusal to make the payment ends the request instead.

    A refusal to answer our search says nothing of what an earlier try has made.
    """
    log.warning(
        "gateway did not open the payment",
        reference=payment_request.reference,
        reason=str(error),
        code=error.code,
    )
    if refused:
        transitions.refused(payment_request=payment_request, now=now)
    else:
        transitions.lease_released(payment_request=payment_request)


def _move_invoice_on(invoice: Invoice, now: datetime) -> None:
    if invoice.ended_as == InvoiceStatus.FAILED:
        invoice.ended_as = invoice.ended_at = None
    if invoice.status == InvoiceStatus.DRAFT:
        invoice.status = InvoiceStatus.PENDING
    invoice.status = states.status_of(invoice)
    invoice.open_payment_at = None
    invoice.save(
        update_fields=["status", "ended_as", "ended_at", "open_payment_at", *touch(invoice, now)]
    )
