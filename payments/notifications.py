"""Gateway notifications: checked, stored once, answered, then processed.

Neither gateway's proof covers what matters, so a notification moves no money by itself: the
gateway is asked, and its answer is booked (spec 4.4).
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache

import structlog
from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from gateways import registry
from gateways.adapter import (
    GatewayTimeout,
    GatewayUnavailable,
    MalformedNotification,
    Notification,
    PaymentReport,
    PaymentState,
)
from gateways.models import Gateway
from invoices.models import PaymentRequest
from payments import services
from payments.models import WebhookEvent, WebhookRetry
from paytrust.database import (
    PaymentInProgress,
    release_connection,
    violated_constraint,
    with_lock_tries,
)
from paytrust.errors import PayTrustError

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)  # after it, a task lost on its way is handed out again
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=6), timedelta(minutes=36))
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id")  # never a token or signature


class UnknownReference(PayTrustError):
    """A notification names a payment that PayTrust never asked for."""

    code = "unknown_reference"


class NotConfirmed(PayTrustError):
    """The notification says paid, but the gateway does not."""

    code = "not_confirmed"


TRANSIENT = (GatewayTimeout, GatewayUnavailable, PaymentInProgress, OperationalError, NotConfirmed)
"""What time can cure; everything else fails at once."""


def receive(
    *, gateway_code: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> WebhookEvent | None:
    """Check that a notification is authentic and store it once.

    Returns:
        The new event; None if it is a duplicate, which has no effect.

    Raises:
        NotificationNotAuthentic: nothing is stored.

    Source: FR-028, FR-032, spec 4.3.
    """
    adapter = registry.adapter_for(gateway_code)
    adapter.authenticate(headers=headers, body=body)
    notification = _parsed(gateway_code, headers, body)
    return _store(gateway_code, notification, headers, body, now)


def process(*, event_id: int, now: datetime) -> None:
    """Ask the gateway about a stored event and book its answer. Safe to run twice.

    Transient failures set the next attempt, 1, 6 and 36 minutes after the first; after the
    third of these, and at once for what time cannot cure, the event is `failed`.

    Source: FR-040, spec 4.4 to 4.7.
    """
    event = WebhookEvent.objects.select_related("gateway").get(pk=event_id)
    if event.status != WebhookEvent.Status.RECEIVED:
        return
    try:
        _apply(event, now)
    except TRANSIENT as error:
        _put_off(event, error, now)
    except PayTrustError as error:
        _fail(event, error, now)
    except Exception as error:
        log.exception("event could not be processed", event_id=event.pk)
        _put_off(event, error, now)


def claim_due(*, now: datetime, limit: int) -> list[int]:
    """Return the ids of events whose next attempt is due, each to one caller only.

    A claimed event is due again after the lease, should its task be lost.
    """
    with transaction.atomic():
        due = list(
            WebhookEvent.objects.filter(
                status=WebhookEvent.Status.RECEIVED, next_attempt_at__lte=now
            )
            .order_by("next_attempt_at", "pk")
            .select_for_update(skip_locked=True)
            .values_list("pk", flat=True)[:limit]
        )
        WebhookEvent.objects.filter(pk__in=due).update(next_attempt_at=now + LEASE)
    return due


def _parsed(
    gateway_code: str, headers: Mapping[str, str], body: bytes
) -> Notification | MalformedNotification:
    """Parse a body; what is malformed is kept too, so that an operator sees it."""
    try:
        return registry.adapter_for(gateway_code).parse_notification(headers=headers, body=body)
    except MalformedNotification as error:
        return error


def _store(
    gateway_code: str,
    notification: Notification | MalformedNotification,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> WebhookEvent | None:
    event = WebhookEvent(
        gateway_id=_gateway_id(gateway_code),
        headers={name: headers[name] for name in KEPT_HEADERS if name in headers},
        body=body,
        received_at=now,
    )
    if isinstance(notification, MalformedNotification):
        event.event_id = f"malformed:{hashlib.sha256(body).hexdigest()}"
        event.status, event.processed_at = WebhookEvent.Status.FAILED, now
        event.outcome, event.failure_reason = notification.code, str(notification)[:500]
        log.error("malformed notification", gateway=gateway_code, reason=str(notification))
    else:
        event.event_id, event.reference = notification.event_id, notification.reference
        event.tenant_id = (
            PaymentRequest.objects.filter(reference=notification.reference)
            .values_list("tenant_id", flat=True)
            .first()
        )
        event.next_attempt_at = now + LEASE
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError as error:
        if violated_constraint(error) != "webhook_event_once":
            raise
        return None
    return event


@cache
def _gateway_id(code: str) -> int:
    """Return a gateway's row id; rows are made by migration and never change."""
    return Gateway.objects.values_list("pk", flat=True).get(code=code)


def _apply(event: WebhookEvent, now: datetime) -> None:
    adapter = registry.adapter_for(event.gateway.code)
    notification = adapter.parse_notification(headers=event.headers, body=bytes(event.body))
    payment_request = _payment_request_of(event, notification)
    report = notification.report
    if settings.CONFIRM_WITH_GATEWAY:
        release_connection()
        report = adapter.find_payment(
            reference=payment_request.reference,
            gateway_id=notification.gateway_id,
            currency=payment_request.currency_code,
        )
    confirmed = _confirmed(report, notification, payment_request)
    with_lock_tries(lambda: _settle(event, payment_request, confirmed, now))


def _payment_request_of(event: WebhookEvent, notification: Notification) -> PaymentRequest:
    """Find the demand a notification is about, by our reference or by the gateway's id."""
    at_gateway = PaymentRequest.objects.filter(gateway_id=event.gateway_id)
    found = at_gateway.filter(reference=notification.reference).first()
    if found is None and notification.gateway_id:
        found = at_gateway.filter(gateway_payment_id=notification.gateway_id).first()
    if found is None:
        raise UnknownReference(f"No payment has the reference {notification.reference!r}.")
    return found


def _confirmed(
    report: PaymentReport | None, notification: Notification, payment_request: PaymentRequest
) -> PaymentReport:
    """Return what may be booked: the gateway's answer, about this very payment.

    Raises:
        NotConfirmed: the gateway does not know the payment, or says it is not paid though
            the notification says it is.
    """
    if report is None:
        raise NotConfirmed(f"The gateway does not know {payment_request.reference}.")
    if report.reference != payment_request.reference:
        raise UnknownReference(
            f"Asked about {payment_request.reference}, the gateway answered {report.reference}."
        )
    claimed = notification.report.state if notification.report else None
    if claimed == PaymentState.PAID and report.state == PaymentState.PENDING:
        raise NotConfirmed(
            f"The notification says {payment_request.reference} is paid, the gateway says "
            f"{report.raw_status}."
        )
    return report


@transaction.atomic
def _settle(
    event: WebhookEvent, payment_request: PaymentRequest, report: PaymentReport, now: datetime
) -> None:
    settlement = services.settle(
        payment_request_id=payment_request.pk, report=report, event=event, now=now
    )
    WebhookEvent.objects.filter(pk=event.pk).update(
        status=WebhookEvent.Status.PROCESSED,
        outcome=settlement.outcome,
        failure_reason=None,
        next_attempt_at=None,
        processed_at=now,
        tenant_id=payment_request.tenant_id,
    )


def _put_off(event: WebhookEvent, error: Exception, now: datetime) -> None:
    """Record a failed attempt and when the next one is due, counted from the first failure."""
    first_failed_at = event.first_failed_at or now
    attempts_left = len(RETRY_AFTER) - event.attempts
    if attempts_left <= 0:
        _fail(event, error, now)
        return
    due_at = first_failed_at + RETRY_AFTER[event.attempts]
    log.warning("event put off", event_id=event.pk, reason=str(error), due_at=due_at.isoformat())
    _record_attempt(event, error, now, first_failed_at=first_failed_at, next_attempt_at=due_at)


def _fail(event: WebhookEvent, error: Exception, now: datetime) -> None:
    log.critical(
        "event failed",
        event_id=event.pk,
        gateway=event.gateway.code,
        reference=event.reference,
        reason=str(error),
    )
    _record_attempt(
        event,
        error,
        now,
        status=WebhookEvent.Status.FAILED,
        next_attempt_at=None,
        processed_at=now,
        first_failed_at=event.first_failed_at or now,
    )


def _record_attempt(
    event: WebhookEvent, error: Exception, now: datetime, **changes: object
) -> None:
    """Write one row of the retry log with the event's change, unless another task was faster."""
    outcome = getattr(error, "code", "internal_error")
    reason = (str(error) or type(error).__name__)[:500]
    with transaction.atomic():
        mine = WebhookEvent.objects.filter(
            pk=event.pk, status=WebhookEvent.Status.RECEIVED, attempts=event.attempts
        ).update(attempts=event.attempts + 1, outcome=outcome, failure_reason=reason, **changes)
        if mine:
            WebhookRetry.objects.create(
                event=event,
                attempt=event.attempts + 1,
                attempted_at=now,
                outcome=outcome,
                failure_reason=reason,
            )
