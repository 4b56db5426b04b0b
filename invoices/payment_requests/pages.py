"""Asking a gateway for the page of a recorded demand, and recording its answer (spec 4.1).

These are the second and the third of the three steps. The row that says `opening` is the lock
that lasts through the gateway's call; no row lock and no connection is held meanwhile.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings
from django.db import IntegrityError, OperationalError

from apikeys.idempotency.once import Once
from events.outbox import services as outbox
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
from gateways.budgets.pacing import Priority
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.invoices.versions import touch
from invoices.ledger import states
from invoices.models import Invoice, InvoiceStatus, PaymentRequest
from invoices.payment_requests import leases, transitions
from invoices.payment_requests.leases import PaymentInProgress, in_locked_transaction
from invoices.telling import services as telling
from paytrust.operations import locking
from paytrust.operations.database import release_connection, violated_constraint
from paytrust.operations.trips import Rows, Statement, join, trip

log = structlog.get_logger(__name__)

PAGE_TOKEN_BYTES = 24  # 192 bits, which cannot be guessed


AS_SEEN: Final = "invoice_as_seen"
CHANGED_MEANWHILE: Final = {AS_SEEN, transitions.PAGE_AWAITED}
_MOVE_ON: Final = f"""
WITH moved AS (
    UPDATE invoices_invoice SET status = %(status)s, ended_as = %(ended_as)s,
        ended_at = %(ended_at)s, open_payment_at = NULL, version = %(version)s,
        updated_at = %(updated_at)s
    WHERE id = %(id)s AND version = %(seen_version)s AND status = %(seen_status)s RETURNING id
)
SELECT paytrust_require(EXISTS (SELECT FROM moved), '{AS_SEEN}')"""  # noqa: S608  # nosec B608  # our own name


def ask_gateway(
    *,
    document: InvoiceDocument,
    payment_request: PaymentRequest,
    order: PaymentOrder,
    now: datetime,
    once: Once | None = None,
    priority: Priority = Priority.MERCHANT,
) -> InvoiceDocument:
    """Open a leased request at its gateway and record the answer; return the invoice as it is then.

    Holds no lock and no database connection during the gateway's call. For an open request no call
    is made.

    Raises:
        GatewayTimeout, GatewayUnavailable: nothing is known to be made; the request stays
            `opening` and the next call resumes it.
        PaymentInProgress: the customer has paid what an earlier call made; it is being booked.
        GatewayRejected: the gateway refused; the request is `failed`.
    """
    if payment_request.status != PaymentRequest.Status.OPENING:
        return replace(document, open_request=payment_request)
    adapter = registry.adapter_for(
        document.invoice.gateway.code,
        account_id=payment_request.account_id,
        priority=priority,
        tenant_id=payment_request.tenant_id,
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
    return record_page_of(
        document=document, payment_request=payment_request, page=page, now=now, once=once
    )


def record_page_of(
    *,
    document: InvoiceDocument,
    payment_request: PaymentRequest,
    page: PaymentPage,
    now: datetime,
    once: Once | None = None,
) -> InvoiceDocument:
    """Record a page on an invoice that no other caller has changed since it was read, in one trip.

    The trip compares what was read, and stores the answer of the call; if somebody was faster,
    `record_page` takes the lock and reads the invoice again, and the answer is stored later.
    """
    try:
        return _record(trip, document, payment_request, page, now, once=once)
    except IntegrityError as error:
        if violated_constraint(error) not in CHANGED_MEANWHILE:
            raise
    except OperationalError as error:
        if not locking.is_lock_timeout(error):
            raise
    record_page(payment_request=payment_request, page=page, now=now)
    return selectors.document_of(
        invoice_id=payment_request.invoice_id, tenant_id=payment_request.tenant_id
    )


@in_locked_transaction
def record_page(
    *, payment_request: PaymentRequest, page: PaymentPage, now: datetime
) -> PaymentRequest:
    """Store the URL and change the invoice's state, unless the money was faster.

    Where the gateway has no page, the URL is that of ours, which shows the instructions.
    """
    Invoice.objects.locked(nowait=True).get(pk=payment_request.invoice_id)
    current = PaymentRequest.objects.locked().get(pk=payment_request.pk)
    if current.status != PaymentRequest.Status.OPENING:
        return current
    document = selectors.document_of(invoice_id=current.invoice_id, tenant_id=current.tenant_id)
    _record(join, document, current, page, now)
    return current


def _record(
    send: Callable[..., list[Rows]],
    document: InvoiceDocument,
    payment_request: PaymentRequest,
    page: PaymentPage,
    now: datetime,
    *,
    once: Once | None = None,
) -> InvoiceDocument:
    """Write the page, the invoice that moves on and the events; return the invoice after that."""
    before = telling.look_without_page(document=document, now=now)
    token = secrets.token_urlsafe(PAGE_TOKEN_BYTES) if page.url is None else None
    moved = _move_invoice_on(document.invoice, now)
    opened = transitions.page_opened(
        payment_request=payment_request,
        page=page,
        url=page.url or f"{settings.PUBLIC_BASE_URL}/pay/{token}",
        token=token,
        now=now,
    )
    after = replace(document, open_request=payment_request)
    events = telling.page_events(before=before, document=after, now=now)
    lock = leases.lock_of(document.invoice.pk, tenant_id=document.invoice.tenant_id)
    closing = once.closing(after) if once else ()
    *_, deliveries = send(lock, moved, opened, *closing, events)
    if once:
        once.closed()
    outbox.recorded(deliveries)
    return after


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


def _move_invoice_on(invoice: Invoice, now: datetime) -> Statement:
    """Return what writes the state of an invoice that has a page now; the attributes follow."""
    seen = {"seen_version": invoice.version, "seen_status": str(invoice.status)}
    if invoice.ended_as == InvoiceStatus.FAILED:
        invoice.ended_as = invoice.ended_at = None
    if invoice.status == InvoiceStatus.DRAFT:
        invoice.status = InvoiceStatus.PENDING
    invoice.status = states.status_of(invoice)
    invoice.open_payment_at = None
    touch(invoice, now)
    return Statement(
        _MOVE_ON,
        {
            "id": invoice.pk,
            "status": str(invoice.status),
            "ended_as": invoice.ended_as,
            "ended_at": invoice.ended_at,
            "version": invoice.version,
            "updated_at": invoice.updated_at,
            **seen,
        },
    )
