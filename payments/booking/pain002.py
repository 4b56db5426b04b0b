"""A pain.002 for every booking, built and validated before anything is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog

from gateways.adapter import Finality
from invoices.models import Installment, Invoice, PaymentRequest
from payments.booking import pain002_document, pain002_statuses
from payments.booking.pain002_document import StatusReport
from payments.booking.pain002_statuses import SETTLED_AS, Booking
from payments.models import WebhookEvent
from paytrust.errors import PayTrustError
from paytrust.iso20022 import validation
from paytrust.iso20022.messages import Message

log = structlog.get_logger(__name__)


class InvalidStatusReport(PayTrustError):
    """The ISO 20022 status of a payment is not valid, so the payment is not booked."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_status_report"


@dataclass(frozen=True, slots=True)
class BookingStatus:
    """What a booking keeps of its pain.002."""

    message_id: str
    transaction_status: str


def check_booking(
    *,
    invoice: Invoice,
    installments: Sequence[Installment],
    payment_request: PaymentRequest,
    gateway_transaction_id: str,
    finality: Finality,
    amount: int,
    paid_at: datetime,
    event: WebhookEvent | None,
    now: datetime,
) -> BookingStatus:
    """Build and validate the pain.002 of a booking, before anything is changed.

    Asks the database nothing. The invoice must be locked, its tenant and gateway loaded.

    Args:
        invoice: the locked invoice as it was before.
        installments: its instalments as they were before, in order.
        payment_request: the demand that was paid.
        gateway_transaction_id: what the booking will be called.
        finality: how far the money has come.
        amount: minor units that arrived; negative if they were taken back.
        paid_at: when the customer paid, as the gateway says.
        event: the notification that brought it, if one did.
        now: when it is booked.

    Raises:
        InvalidStatusReport: the booking must not happen.

    Source: FR-028a, spec 4.9.
    """
    asked_id = payment_request.installment_id
    booking = Booking(
        invoice=invoice,
        installments=installments,
        paid_amounts={part.pk: part.paid_amount for part in installments},
        shares=pain002_statuses.foreseen_shares(installments, asked_id, amount),
        asked_id=asked_id,
        gateway_transaction_id=gateway_transaction_id,
        amount=amount,
        settled_as=SETTLED_AS[finality],
        paid_at=paid_at,
        booked_at=now,
    )
    report = pain002_statuses.report_of(booking)
    try:
        document(report)
    except (validation.InvalidDocument, ValueError) as error:
        log.critical(
            "booking refused: its ISO 20022 status is not valid",
            gateway=invoice.gateway.code,
            event_id=event.event_id if event else None,
            reference=payment_request.reference,
            reason=str(error),
        )
        raise InvalidStatusReport(
            f"{gateway_transaction_id} is not booked: {error}",
            details=getattr(error, "details", None),
        ) from error
    return BookingStatus(report.message_id, pain002_statuses.asked_part(report, booking).status)


def document(report: StatusReport) -> bytes:
    """Return a report as a pain.002.

    Raises:
        InvalidDocument: it would not be valid.
    """
    return validation.checked(pain002_document.build(report), Message.PAIN_002_12)
