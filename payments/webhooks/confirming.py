"""Asking gateways whether notifications are true, and booking what they answer.

Neither gateway's proof covers what matters, so a notification moves no money by itself: the
gateway is asked, and its answer is booked (spec 4.4).
"""

from dataclasses import replace
from datetime import datetime

import structlog
from django.conf import settings
from django.db import OperationalError, transaction

from gateways import registry
from gateways.adapter import (
    GatewayAdapter,
    GatewayBusy,
    GatewayTimeout,
    GatewayUnavailable,
    Notification,
    PaymentReport,
    PaymentState,
    Reversal,
)
from gateways.budgets.pacing import Priority
from invoices.models import PaymentRequest
from payments.booking import settling
from payments.booking.reversals import UNDOES_PAYMENT, ReversalBeforePayment
from payments.booking.settling import Settlement
from payments.models import WebhookEvent
from payments.webhooks import receiving, retrying
from paytrust.errors import PayTrustError
from paytrust.operations.database import PaymentInProgress, release_connection, with_lock_tries

log = structlog.get_logger(__name__)


class UnknownReference(PayTrustError):
    """A notification names a payment that PayTrust never asked for."""

    code = "unknown_reference"


class NotConfirmed(PayTrustError):
    """The gateway, when asked, does not say what the notification says."""

    code = "not_confirmed"


TRANSIENT = (
    GatewayTimeout,
    GatewayUnavailable,
    PaymentInProgress,
    OperationalError,
    NotConfirmed,
    ReversalBeforePayment,
)
"""What time can cure; everything else fails at once."""

PENDING_OR_EXPIRED = frozenset({PaymentState.PENDING, PaymentState.EXPIRED})
BEHIND = {
    PaymentState.PAID: PENDING_OR_EXPIRED,  # Xendit may show EXPIRED for a late payment (A10)
    PaymentState.REVERSED: PENDING_OR_EXPIRED,
    PaymentState.EXPIRED: frozenset({PaymentState.PENDING}),
    PaymentState.FAILED: frozenset({PaymentState.PENDING}),
    PaymentState.CANCELLED: frozenset({PaymentState.PENDING}),
}
"""What the gateway's answer must not be for what a notification says: an answer behind it."""


def process(*, event_id: int, now: datetime) -> None:
    """Ask the gateway about a stored event and book its answer. Safe to run twice, and at once.

    Transient failures set the next attempt, 1, 6 and 36 minutes after the first; after the
    third of these, and at once for what time cannot cure, the event is `failed`.

    Source: FR-040, spec 4.4 to 4.7.
    """
    if not retrying.lease(event_id=event_id, now=now):
        return
    event = WebhookEvent.objects.select_related("gateway").get(pk=event_id)
    try:
        _apply(event, now)
    except GatewayBusy as busy:
        retrying.come_again(event, busy, now)
    except TRANSIENT as error:
        retrying.put_off(event, error, now)
    except PayTrustError as error:
        retrying.fail(event, error, now)
    except Exception as error:
        log.exception("event could not be processed", event_id=event.pk)
        retrying.put_off(event, error, now)


def _apply(event: WebhookEvent, now: datetime) -> None:
    code = event.gateway.code
    notification = registry.adapter_for(code).parse_notification(
        headers=event.headers, body=bytes(event.body)
    )
    payment_request = receiving.find_payment_request(event.gateway_id, notification)
    if payment_request is None or not registry.is_same_account(
        code, event.account_id, payment_request.account_id
    ):
        raise UnknownReference(
            f"No payment has the reference {notification.reference!r} "
            f"or the id {notification.gateway_id!r}."
        )
    report = notification.report
    if notification.reference is None and (report is None or not report.reversals):
        retrying.record_outcome(
            event, payment_request, Settlement("unchanged"), now
        )  # a failed refund
        return
    if report is not None:
        settling.require_currency(payment_request.currency_code, report)
    if settings.CONFIRM_WITH_GATEWAY:
        adapter = registry.adapter_for(
            code,
            account_id=payment_request.account_id,
            priority=Priority.CONFIRMATION,
            tenant_id=payment_request.tenant_id,
        )
        release_connection()
        report = _confirmed(_ask(adapter, notification, payment_request), notification)
    if report is None or report.reference not in {payment_request.reference, ""}:
        raise UnknownReference(
            f"Asked about {payment_request.reference}, the gateway answered about another payment."
        )
    confirmed = report
    with_lock_tries(lambda: _settle(event, payment_request, confirmed, now))


def _ask(
    adapter: GatewayAdapter, notification: Notification, payment_request: PaymentRequest
) -> PaymentReport:
    """Ask the gateway how the payment stands, and about reversals that this does not show.

    Raises:
        NotConfirmed: the gateway does not know the payment.
    """
    report = adapter.find_payment(
        reference=payment_request.reference,
        gateway_id=notification.gateway_id,
        currency=payment_request.currency_code,
    )
    if report is None:
        raise NotConfirmed(f"The gateway does not know {payment_request.reference}.")
    listed = {reversal.id for reversal in report.reversals}
    found = [
        adapter.find_reversal(reversal_id=claimed.id, gateway_id=report.gateway_id)
        for claimed in _claimed_reversals(notification)
        if claimed.id not in listed
    ]
    return replace(
        report, reversals=(*report.reversals, *(one for one in found if one and one.confirmed))
    )


def _claimed_reversals(notification: Notification) -> tuple[Reversal, ...]:
    return notification.report.reversals if notification.report else ()


def _confirmed(report: PaymentReport, notification: Notification) -> PaymentReport:
    """Return the gateway's answer if it is at least as new as the notification.

    An answer that is behind is not booked: the event is put off until the gateway agrees with
    itself, or until somebody looks. Newer is a charge that ended after it was paid.

    Raises:
        NotConfirmed: the gateway does not say yet, or not at all, what the notification says.
    """
    claimed = notification.report.state if notification.report else PaymentState.UNKNOWN
    behind = BEHIND.get(claimed, frozenset())
    missing = {one.id for one in _claimed_reversals(notification)} - {
        one.id for one in report.reversals
    }
    undone = report.state in UNDOES_PAYMENT  # a deny after settlement lists no reversal
    if report.state in behind or (missing and not undone):
        raise NotConfirmed(
            f"The notification says {notification.report.raw_status if notification.report else ''}"
            f", the gateway says {report.raw_status}."
        )
    notified = notification.report.paid_amount if notification.report else None
    return replace(report, notified_amount=notified)


@transaction.atomic
def _settle(
    event: WebhookEvent, payment_request: PaymentRequest, report: PaymentReport, now: datetime
) -> None:
    settlement = settling.settle(
        payment_request_id=payment_request.pk, report=report, event=event, now=now
    )
    retrying.record_outcome(event, payment_request, settlement, now)
