"""The end of a payment request without money (spec 2.6), and what its invoice becomes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from gateways.adapter import PaymentReport, PaymentState
from invoices.invoices.versions import touch
from invoices.ledger import states
from invoices.models import Invoice, InvoiceStatus, PaymentRequest
from invoices.payment_requests import transitions
from invoices.payment_requests.states import Status
from paytrust.operations import rows
from paytrust.operations.trips import Statement

PAGE_ROUNDING = timedelta(minutes=5)  # gateways take whole seconds or minutes
ENDED_AS = {
    PaymentState.EXPIRED: Status.EXPIRED,
    PaymentState.FAILED: Status.FAILED,
    PaymentState.CANCELLED: Status.CANCELLED,
}
ENDS_ATTEMPT = frozenset({PaymentState.EXPIRED, PaymentState.FAILED})


def ending_of(
    *, payment_request: PaymentRequest, report: PaymentReport, now: datetime
) -> Status | None:
    """Return the status in which a report ends a payment request; None if it can still be paid.

    An attempt that the bank denied, or that ran out of time, does not end a page on which the
    customer may try again: that page ends when its own time is over, unpaid. A charge that has no
    page at its gateway ends with its only attempt.

    Source: spec 2.6, gateways-2.md C4.
    """
    only_an_attempt = (
        report.of_attempt and report.state in ENDS_ATTEMPT and payment_request.on_gateways_page
    )
    if only_an_attempt:
        return Status.EXPIRED if payment_request.expires_at <= now else None
    return ENDED_AS.get(report.state)


def ended(
    *, invoice: Invoice, payment_request: PaymentRequest, ended_as: str, now: datetime
) -> Sequence[Statement]:
    """Return what records that a gateway closed an unpaid payment; the rows at hand follow.

    It is `expired`, `failed` or `cancelled`. The invoice, which the caller must have locked, ends
    with it unless money is on it, unless we asked the gateway to close the payment, or unless the
    gateway's page was shorter than the invoice by design: then a job opens a new page.
    """
    closed_by_us = payment_request.status == PaymentRequest.Status.CLOSING
    statement = transitions.ended(payment_request=payment_request, ended_as=ended_as, now=now)
    if invoice.is_over:
        return [statement]
    expired = ended_as == PaymentRequest.Status.EXPIRED
    page_was_shorter = payment_request.expires_at < invoice.expires_at - PAGE_ROUNDING
    if closed_by_us or (expired and page_was_shorter):
        invoice.open_payment_at = now
        changed = rows.updating([invoice], ("open_payment_at", *touch(invoice, now)))
    elif invoice.paid_amount == 0:
        follows = InvoiceStatus.EXPIRED if expired else InvoiceStatus.FAILED
        changed = states.ended(invoice=invoice, ended_as=follows, now=now)
    else:
        changed = rows.updating([invoice], touch(invoice, now))  # its payment URL is gone
    return [statement, changed]
