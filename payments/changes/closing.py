"""Ending open payments at the gateway, and the changes that need it: adjust, cancel.

The customer may pay before the gateway closes the payment. Then the money is booked, and the change
is refused with the state that it found.
"""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from django.utils.translation import gettext_lazy as _

from apikeys.idempotency.once import Once
from apikeys.models import Tenant
from gateways import registry
from gateways.adapter import GatewayError, GatewayUnavailable, PaymentState
from gateways.budgets.pacing import Priority
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Invoice, PaymentRequest
from invoices.payment_requests import leases, opening, transitions
from invoices.payment_requests.leases import PaymentInProgress
from invoices.schedule import adjusting
from invoices.schedule.adjusting import Owed
from payments.booking import settling
from paytrust.errors import PayTrustError
from paytrust.money import Money
from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

AGAIN_AFTER: Final = timedelta(minutes=1)  # then a job tries again; others come before it


class PaidMeanwhile(PayTrustError):
    """The customer paid before the change could be made; look at the invoice again."""

    status = HTTPStatus.CONFLICT
    code = "paid_meanwhile"
    for_staff = _("The customer paid before the change could be made. Look at the invoice again.")


def adjust_installments(
    *,
    tenant: Tenant,
    invoice_id: int,
    named: Mapping[int, int],
    seen: Owed | None = None,
    once: Once | None = None,
    now: datetime,
) -> InvoiceDocument:
    """Change what unpaid instalments ask for; close and reopen a payment that is open for one.

    Args:
        tenant: whose invoice it is.
        invoice_id: the invoice.
        named: new totals in minor units by instalment number; the rest of the balance is spread
            over the instalments that are not named.
        seen: what was owed when the change was decided, if other people decide on it.
        once: the call, which the last trip closes.
        now: when the change is made.

    Raises:
        PaidMeanwhile: the customer paid first; the money is booked, nothing is adjusted.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: the open payment could not be closed;
            nothing is adjusted, and the same call may be sent again.
        The failures of `invoices.schedule.adjusting.begin_adjustment`.

    Source: FR-066 to FR-069, spec 3.7.
    """
    open_payment = adjusting.begin_adjustment(
        tenant=tenant, invoice_id=invoice_id, named=named, seen=seen, now=now
    )
    if open_payment is not None:
        _close_or_refuse(open_payment, now)
    once = once or Once(now=now)
    document = adjusting.adjust(
        tenant=tenant, invoice_id=invoice_id, named=named, seen=seen, once=once, now=now
    )
    if document.invoice.open_payment_at is None:
        return document
    try:
        return opening.open_payment(tenant=tenant, invoice_id=invoice_id, once=once, now=now)[0]
    except PayTrustError as error:  # the adjustment stays; a job opens the payment
        log.warning("adjusted payment not open yet", invoice_id=invoice_id, reason=str(error))
        return selectors.document(tenant=tenant, invoice_id=invoice_id)


def cancel_invoice(
    *,
    tenant: Tenant,
    invoice_id: int,
    seen: Owed | None = None,
    once: Once | None = None,
    now: datetime,
) -> InvoiceDocument:
    """End an invoice on which nothing was paid, and its open payment at the gateway.

    The first trip claims the call, and the last one closes it (`once`).

    Raises:
        PaidMeanwhile: the customer paid first; the money is booked, the invoice stays open.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: the open payment could not be closed;
            the invoice is not cancelled, and the same call may be sent again.
        The failures of `invoices.schedule.adjusting.begin_cancellation`.

    Source: spec 2.6.
    """
    once = once or Once(now=now)
    open_payment = adjusting.begin_cancellation(
        tenant=tenant, invoice_id=invoice_id, seen=seen, once=once, now=now
    )
    once.opened()
    if open_payment is not None:
        _close_or_refuse(open_payment, now)
    return adjusting.cancel(
        tenant=tenant, invoice_id=invoice_id, closed=open_payment, seen=seen, once=once, now=now
    )


def open_payment(
    *,
    tenant: Tenant,
    invoice_id: int,
    installment_number: int | None = None,
    once: Once,
    now: datetime,
) -> InvoiceDocument:
    """Open the payment that is due; one that a failed change left `closing` is closed first.

    Raises:
        GatewayTimeout, GatewayUnavailable, GatewayRejected: not closed, or not opened; the same
            call may be sent again.
        The failures of `invoices.payment_requests.opening.open_payment`.

    Source: FR-060 to FR-062, spec 4.1.
    """

    def open_due(now: datetime) -> InvoiceDocument:
        return opening.open_payment(
            tenant=tenant,
            invoice_id=invoice_id,
            installment_number=installment_number,
            once=once,
            now=now,
        )[0]

    try:
        return open_due(now)
    except PaymentInProgress:
        once.claim()
        left = leases.resume_closing(tenant=tenant, invoice_id=invoice_id, now=now)
        if left is None:
            raise
    began = time.monotonic()
    close(payment_request=left, now=now)
    # The lease of what is opened next has its whole length behind the gateway's answer.
    return open_due(now + timedelta(seconds=time.monotonic() - began))


def close(
    *, payment_request: PaymentRequest, priority: Priority = Priority.MERCHANT, now: datetime
) -> PaymentRequest:
    """Ask the gateway to end a payment that is leased as `closing`, and record the answer.

    Holds no lock and no connection during the gateway's call.

    Args:
        payment_request: the leased one.
        priority: of the call in the account's budget.
        now: when the lease began.

    Raises:
        GatewayTimeout, GatewayUnavailable, GatewayRejected: it stays `closing`; a job, or the next
            same call, tries again.
    """
    adapter = registry.adapter_for(
        payment_request.gateway.code,
        account_id=payment_request.account_id,
        priority=priority,
        tenant_id=payment_request.tenant_id,
    )
    release_connection()
    try:
        report = adapter.expire_payment(
            reference=payment_request.reference,
            gateway_id=payment_request.gateway_payment_id,
            page_token=payment_request.gateway_page_token,
            amount=Money(payment_request.amount, payment_request.currency_code),
        )
        if report is not None and report.state == PaymentState.PENDING:
            raise GatewayUnavailable(adapter.code, "it did not close the payment")
    except GatewayError as error:
        transitions.close_failed(payment_request=payment_request, again_at=now + AGAIN_AFTER)
        error.details["invoice_id"] = payment_request.invoice_id
        raise
    return settling.settle_closed(payment_request_id=payment_request.pk, report=report, now=now)


def close_for_job(*, payment_request_id: int, now: datetime) -> None:
    """Close one payment that stayed `closing`; failures are logged and tried again."""
    payment_request = PaymentRequest.objects.select_related("gateway").get(pk=payment_request_id)
    if payment_request.status != PaymentRequest.Status.CLOSING:
        return
    try:
        close(payment_request=payment_request, priority=Priority.CONFIRMATION, now=now)
    except PayTrustError as error:
        log.warning(
            "payment not closed yet", reference=payment_request.reference, reason=str(error)
        )


def _close_or_refuse(open_payment: PaymentRequest, now: datetime) -> None:
    closed = close(payment_request=open_payment, now=now)
    if closed.status == PaymentRequest.Status.PAID:
        invoice = Invoice.objects.get(pk=closed.invoice_id)
        raise PaidMeanwhile(
            f"Invoice {invoice.pk} was paid meanwhile and is {invoice.status} now.",
            details={
                "invoice_id": invoice.pk,
                "status": invoice.status,
                "paid_amount": invoice.paid_amount,
            },
        )
