"""A payment that nobody will make any more, and the invoice that follows it."""

from datetime import datetime, timedelta

from invoices.invoices.versions import touch
from invoices.ledger import states
from invoices.models import Invoice, InvoiceStatus, PaymentRequest
from invoices.payment_requests import transitions

PAGE_ROUNDING = timedelta(minutes=5)  # gateways take whole seconds or minutes


def end_payment_request(
    *, invoice: Invoice, payment_request: PaymentRequest, ended_as: str, now: datetime
) -> None:
    """Record that a gateway closed an unpaid payment: `expired`, `failed` or `cancelled`.

    The invoice must be locked by the caller. It follows unless money is on it, unless we asked
    the gateway to close the payment, or unless the gateway's page was shorter than the invoice
    by design: then a job opens a new page.
    """
    closed_by_us = payment_request.status == PaymentRequest.Status.CLOSING
    transitions.ended(payment_request=payment_request, ended_as=ended_as, now=now)
    if invoice.is_over:
        return
    expired = ended_as == PaymentRequest.Status.EXPIRED
    page_was_shorter = payment_request.expires_at < invoice.expires_at - PAGE_ROUNDING
    if closed_by_us or (expired and page_was_shorter):
        invoice.open_payment_at = now
        invoice.save(update_fields=["open_payment_at", *touch(invoice, now)])
    elif invoice.paid_amount == 0:
        ended = InvoiceStatus.EXPIRED if expired else InvoiceStatus.FAILED
        states.end(invoice=invoice, ended_as=ended, now=now)
    else:
        invoice.save(update_fields=touch(invoice, now))  # its payment URL is gone
