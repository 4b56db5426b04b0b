"""Gateway notifications: checked, stored once, answered, then processed.

Neither gateway's proof covers what matters, so a notification moves no money by itself: the
gateway is asked, and its answer is booked (spec 4.4).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from http import HTTPStatus

import structlog
from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Q

from gateways import registry
from gateways.accounts.credentials import Account
from gateways.adapter import (
    GatewayAdapter,
    GatewayTimeout,
    GatewayUnavailable,
    MalformedNotification,
    Notification,
    NotificationNotAuthentic,
    PaymentReport,
    PaymentState,
    Reversal,
    fitted,
)
from gateways.models import Gateway
from invoices.models import PaymentRequest
from invoices.payment_requests.leases import PaymentInProgress, in_locked_transaction
from payments.booking import settling
from payments.booking.reversals import UNDOES_PAYMENT, ReversalBeforePayment
from payments.booking.settling import Settlement
from payments.models import WebhookEvent, WebhookRetry
from paytrust.errors import PayTrustError
from paytrust.operations import locking, metrics
from paytrust.operations.database import release_connection, violated_constraint

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)  # after it, a task lost on its way is handed out
HANDED_OUT_AGAIN_AFTER = timedelta(minutes=2)  # a long queue must not fill with repetitions
WORK_LEASE = timedelta(seconds=60)  # two calls of 13 s, three lock time-outs of 5 s, and room
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=6), timedelta(minutes=36))
KEPT_HEADERS = ("content-type", "user-agent", "webhook-id")  # never a token or signature


class UnknownReference(PayTrustError):
    """A notification names a payment that PayTrust never asked for."""

    code = "unknown_reference"


class NotConfirmed(PayTrustError):
    """The gateway, when asked, does not say what the notification says."""

    code = "not_confirmed"


class AlreadyProcessed(PayTrustError):
    """The notification has been processed; there is nothing to retry."""

    status = HTTPStatus.CONFLICT
    code = "webhook_already_processed"


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


def receive(
    *, gateway_code: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> WebhookEvent | None:
    """Check that a notification is authentic and store it once.

    What proves it must be a secret of the account with which the payment was opened, so that no
    tenant's own account can vouch for another's payment (ADR 13).

    Returns:
        The new event; None if it is a duplicate, which has no effect.

    Raises:
        NotificationNotAuthentic: nothing is stored.

    Source: FR-028, FR-032, spec 4.3.
    """
    try:
        vouching = registry.vouching(gateway_code, headers=headers, body=body)
        notification = _parsed(gateway_code, headers, body)
        event = _event(gateway_code, notification, vouching)
    except NotificationNotAuthentic as error:
        log.warning("notification refused", gateway=gateway_code, reason=str(error))
        metrics.count("webhooks_refused", gateway=gateway_code)
        raise
    event.headers = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    event.body, event.received_at = body, now
    return _store(event, notification, now)


def process(*, event_id: int, now: datetime) -> None:
    """Ask the gateway about a stored event and book its answer. Safe to run twice, and at once.

    Transient failures set the next attempt, 1, 6 and 36 minutes after the first; after the
    third of these, and at once for what time cannot cure, the event is `failed`.

    Source: FR-040, spec 4.4 to 4.7.
    """
    if not _lease(event_id, now):
        return
    event = WebhookEvent.objects.select_related("gateway").get(pk=event_id)
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

    A claimed event is due again in two minutes, should its task be lost.
    """
    return locking.claim(
        WebhookEvent.objects.filter(status=WebhookEvent.Status.RECEIVED, next_attempt_at__lte=now),
        by="next_attempt_at",
        taken=lambda ids: WebhookEvent.objects.filter(pk__in=ids).update(
            next_attempt_at=now + HANDED_OUT_AGAIN_AFTER
        ),
        limit=limit,
    )


def retry(*, event_id: int, now: datetime) -> WebhookEvent:
    """Make an event due again at once, with all its attempts before it; for operators.

    Raises:
        WebhookEvent.DoesNotExist: unknown.
        AlreadyProcessed: it has had its effect.
    """
    with transaction.atomic():
        event = WebhookEvent.objects.select_for_update().get(pk=event_id)
        if event.status == WebhookEvent.Status.PROCESSED:
            raise AlreadyProcessed(
                f"Notification {event.pk} was processed: {event.outcome}.",
                details={"id": event.pk, "outcome": event.outcome},
            )
        if event.status in {WebhookEvent.Status.FAILED, WebhookEvent.Status.IGNORED}:
            event.first_failed_at = event.processed_at = None
            event.attempts_before = event.attempts
        event.status, event.next_attempt_at = WebhookEvent.Status.RECEIVED, now
        event.save(
            update_fields=[
                "status",
                "next_attempt_at",
                "first_failed_at",
                "processed_at",
                "attempts_before",
            ]
        )
    log.info("event made due again", event_id=event.pk)
    return event


def _lease(event_id: int, now: datetime) -> bool:
    """Take an event that waits, unless another task is at it; one conditional UPDATE."""
    waiting = WebhookEvent.objects.filter(pk=event_id, status=WebhookEvent.Status.RECEIVED)
    free = waiting.filter(Q(leased_until=None) | Q(leased_until__lte=now))
    return bool(free.update(leased_until=now + WORK_LEASE, next_attempt_at=now + WORK_LEASE))


def _parsed(
    gateway_code: str, headers: Mapping[str, str], body: bytes
) -> Notification | MalformedNotification:
    """Parse a body; what is malformed is kept too, so that an operator sees it."""
    try:
        return registry.adapter_for(gateway_code).parse_notification(headers=headers, body=body)
    except MalformedNotification as error:
        log.error("malformed notification", gateway=gateway_code, reason=str(error))  # noqa: TRY400  # no bug of ours
        return error


def _event(
    gateway_code: str,
    notification: Notification | MalformedNotification,
    vouching: Sequence[Account],
) -> WebhookEvent:
    """Return an event that says whose it is: the payment's tenant, or the account that vouches.

    Raises:
        NotificationNotAuthentic: the payment was opened with an account that does not vouch.
    """
    gateway_id, by = _gateway_id(gateway_code), vouching[0]
    about = (
        None
        if isinstance(notification, MalformedNotification)
        else find_payment_request(gateway_id, notification)
    )
    if about is None:
        return WebhookEvent(gateway_id=gateway_id, account_id=by.id, tenant_id=by.tenant_id)
    if not any(
        registry.is_same_account(gateway_code, one.id, about.account_id) for one in vouching
    ):
        raise NotificationNotAuthentic("Another account's secret vouches for this payment.")
    return WebhookEvent(
        gateway_id=gateway_id, account_id=about.account_id, tenant_id=about.tenant_id
    )


def _store(
    event: WebhookEvent, notification: Notification | MalformedNotification, now: datetime
) -> WebhookEvent | None:
    if isinstance(notification, MalformedNotification):
        event.event_id = f"malformed:{hashlib.sha256(event.body).hexdigest()}"
        event.status, event.processed_at = WebhookEvent.Status.FAILED, now
        event.outcome, event.failure_reason = notification.code, fitted(str(notification), 500)
    else:
        event.event_id, event.reference = notification.event_id, notification.reference
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
    code = event.gateway.code
    notification = registry.adapter_for(code).parse_notification(
        headers=event.headers, body=bytes(event.body)
    )
    payment_request = find_payment_request(event.gateway_id, notification)
    if payment_request is None or not registry.is_same_account(
        code, event.account_id, payment_request.account_id
    ):
        raise UnknownReference(
            f"No payment has the reference {notification.reference!r} "
            f"or the id {notification.gateway_id!r}."
        )
    report = notification.report
    if notification.reference is None and (report is None or not report.reversals):
        _record_outcome(event, payment_request, Settlement("unchanged"), now)  # a failed refund
        return
    if report is not None:
        settling.require_currency(payment_request.currency_code, report)
    if settings.CONFIRM_WITH_GATEWAY:
        adapter = registry.adapter_for(code, account_id=payment_request.account_id)
        release_connection()
        report = _confirmed(_ask(adapter, notification, payment_request), notification)
    if report is None or report.reference not in {payment_request.reference, ""}:
        raise UnknownReference(
            f"Asked about {payment_request.reference}, the gateway answered about another payment."
        )
    _settle(event, payment_request, report, now)


def find_payment_request(gateway_id: int, notification: Notification) -> PaymentRequest | None:
    """Find the demand a notification is about, by our reference or by the gateway's id."""
    at_gateway = PaymentRequest.objects.filter(gateway_id=gateway_id)
    found = None
    if notification.reference:
        found = at_gateway.filter(reference=notification.reference).first()
    if found is None and notification.gateway_id:
        found = at_gateway.filter(gateway_payment_id=notification.gateway_id).first()
    return found


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


@in_locked_transaction
def _settle(
    event: WebhookEvent, payment_request: PaymentRequest, report: PaymentReport, now: datetime
) -> None:
    settlement = settling.settle(
        payment_request_id=payment_request.pk, report=report, event=event, now=now
    )
    _record_outcome(event, payment_request, settlement, now)


def _record_outcome(
    event: WebhookEvent, payment_request: PaymentRequest, settlement: Settlement, now: datetime
) -> None:
    """Record what an event did; a retry that succeeds ends the log of those that failed."""
    retried = event.attempts > 0
    mine = WebhookEvent.objects.filter(pk=event.pk, status=WebhookEvent.Status.RECEIVED).update(
        status=WebhookEvent.Status.PROCESSED,
        outcome=settlement.outcome,
        failure_reason=None,
        attempts=event.attempts + retried,
        next_attempt_at=None,
        leased_until=None,
        processed_at=now,
        tenant_id=payment_request.tenant_id,
    )
    if mine and retried:
        WebhookRetry.objects.create(
            event=event,
            attempt=event.attempts + 1,
            attempted_at=now,
            outcome=settlement.outcome,
        )


def _put_off(event: WebhookEvent, error: Exception, now: datetime) -> None:
    """Record a failed attempt and when the next one is due, counted from the first failure."""
    first_failed_at = event.first_failed_at or now
    failures = event.attempts - event.attempts_before
    if failures >= len(RETRY_AFTER):
        _fail(event, error, now)
        return
    due_at = max(first_failed_at + RETRY_AFTER[failures], now)
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
    reason = fitted(str(error) or type(error).__name__, 500)
    with transaction.atomic():
        mine = WebhookEvent.objects.filter(
            pk=event.pk, status=WebhookEvent.Status.RECEIVED, attempts=event.attempts
        ).update(
            attempts=event.attempts + 1,
            outcome=outcome,
            failure_reason=reason,
            leased_until=None,
            **changes,
        )
        if mine:
            WebhookRetry.objects.create(
                event=event,
                attempt=event.attempts + 1,
                attempted_at=now,
                outcome=outcome,
                failure_reason=reason,
            )
