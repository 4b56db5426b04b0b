"""A pain.002 for every booking, built and validated before any row changes."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog

from invoices.ledger.allocation import Plan
from invoices.ledger.posting import Account
from payments.booking import pain002_document, pain002_statuses
from payments.booking.movement import Movement
from payments.booking.pain002_document import StatusReport
from payments.booking.pain002_statuses import SETTLED_AS, Booking
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
    """The parts of its pain.002 that a booking keeps."""

    message_id: str
    transaction_status: str


def check_booking(
    *, account: Account, plan: Plan, movement: Movement, now: datetime
) -> BookingStatus:
    """Build and validate the pain.002 of a plan, before any row changes.

    Makes no query. The invoice must be locked, with its tenant and gateway loaded.

    Raises:
        InvalidStatusReport: the booking must not happen.

    Source: FR-028a, spec 4.9.
    """
    booking = Booking(
        invoice=account.invoice,
        installments=account.installments,
        kind=plan.kind,
        paid_amounts={
            installment.id: installment.received.amount for installment in plan.before.installments
        },
        shares=pain002_statuses.shares_of((row.installment_id, row.amount) for row in plan.rows),
        asked_id=pain002_statuses.asked_id_of(
            movement.payment_request.installment_id,
            account.installments,
            (row.installment_id for row in plan.rows),
        ),
        gateway_transaction_id=movement.gateway_transaction_id,
        amount=plan.amount,
        settled_as=SETTLED_AS[movement.finality],
        paid_at=movement.paid_at,
        booked_at=now,
    )
    report = pain002_statuses.report_of(booking)
    try:
        document(report)
    except (validation.InvalidDocument, ValueError) as error:
        log.critical(
            "booking refused: its ISO 20022 status is not valid",
            gateway=account.invoice.gateway.code,
            event_id=movement.event.event_id if movement.event else None,
            reference=movement.payment_request.reference,
            reason=str(error),
        )
        raise InvalidStatusReport(
            f"{movement.gateway_transaction_id} is not booked: {error}",
            details=getattr(error, "details", None),
        ) from error
    return BookingStatus(
        report.message_id, pain002_statuses.asked_installment(report, booking).status
    )


def document(report: StatusReport) -> bytes:
    """Return a report as a pain.002.

    Raises:
        InvalidDocument: it would not be valid.
    """
    return validation.checked(pain002_document.build(report), Message.PAIN_002_12)
