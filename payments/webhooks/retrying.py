"""Attempts at stored notifications: which are due, how each ended, and when the next one is.

The due times are in the database, so a restart of any process loses none (spec 4.7).
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from django.contrib.postgres.fields import ArrayField
from django.db import transaction
from django.db.models import BigIntegerField, F, Func, Q, QuerySet, Value

from gateways.adapter import GatewayBusy, fitted
from invoices.models import PaymentRequest
from payments.models import WebhookEvent, WebhookRetry
from paytrust.errors import PayTrustError
from paytrust.operations import locking
from paytrust.operations.trips import Statement, trip

log = structlog.get_logger(__name__)

CLAIMERS = 3  # that may look for what is due at the same moment
IDS = ArrayField(BigIntegerField())
WORK_LEASE = timedelta(seconds=60)  # two calls of 13 s, three lock time-outs of 5 s, and a margin
RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=6), timedelta(minutes=36))

_PROCESSED: Final = """
WITH mine AS (
    UPDATE payments_webhookevent SET status = 'processed', outcome = %(outcome)s,
        failure_reason = NULL, attempts = attempts + %(retried)s, next_attempt_at = NULL,
        leased_until = NULL, processed_at = %(now)s, tenant_id = %(tenant)s
    WHERE id = %(id)s AND status = 'received' RETURNING id, attempts
)
INSERT INTO payments_webhookretry (event_id, attempt, attempted_at, outcome)
SELECT id, attempts, %(now)s, %(outcome)s FROM mine WHERE %(retried)s = 1"""

_DUE: Final = """status = 'received' AND next_attempt_at <= %(now)s
    AND (leased_until IS NULL OR leased_until <= %(now)s)"""
# From one tenant to the next by an index, however many events of each wait; 0: of no tenant.
_IN_TURNS: Final = f"""
WITH RECURSIVE whose (tenant) AS (
    (SELECT coalesce(tenant_id, 0) FROM payments_webhookevent WHERE {_DUE} ORDER BY 1 LIMIT 1)
    UNION ALL
    SELECT (
        SELECT coalesce(tenant_id, 0) FROM payments_webhookevent
        WHERE {_DUE} AND coalesce(tenant_id, 0) > whose.tenant ORDER BY 1 LIMIT 1)
    FROM whose WHERE whose.tenant IS NOT NULL
)
SELECT event.id FROM whose CROSS JOIN LATERAL (
    SELECT id, next_attempt_at, row_number() OVER (ORDER BY next_attempt_at) AS place
    FROM payments_webhookevent WHERE {_DUE} AND coalesce(tenant_id, 0) = whose.tenant
    ORDER BY next_attempt_at LIMIT %(most)s
) event ORDER BY event.place, event.next_attempt_at, event.id LIMIT %(most)s"""  # noqa: S608  # nosec B608  # our own names


class AlreadyProcessed(PayTrustError):
    """The notification has been processed; there is nothing to retry."""

    status = HTTPStatus.CONFLICT
    code = "webhook_already_processed"


def claim_due(*, now: datetime, limit: int) -> list[int]:
    """Lease events whose next attempt is due, each to one caller only; return their ids.

    Each tenant has a turn before any has its second one, so that a tenant of which thousands wait
    does not delay the others. An event is due again when its lease ends, should its task be lost.
    """
    most = limit * CLAIMERS
    (found,) = trip(Statement(_IN_TURNS, {"now": now, "most": most}))
    in_turns = [pk for (pk,) in found]
    return locking.claim(
        waiting(now).filter(pk__in=in_turns, next_attempt_at__lte=now),
        by=Func(Value(in_turns, IDS), F("pk"), function="array_position"),
        taken=lambda ids: lease_all(ids, now),
        limit=limit,
    )


def waiting(now: datetime) -> "QuerySet[WebhookEvent]":
    """Return the events that wait for an attempt, due or not, and that no task has."""
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    return WebhookEvent.objects.filter(free, status=WebhookEvent.Status.RECEIVED)


def lease_all(ids: Sequence[int], now: datetime) -> None:
    """Take events that the caller has locked."""
    _lease(WebhookEvent.objects.filter(pk__in=ids), now)


def _lease(events: "QuerySet[WebhookEvent]", now: datetime) -> int:
    """Take events; each is due again when its lease ends, should its task be lost."""
    until = now + WORK_LEASE
    return events.update(leased_until=until, next_attempt_at=until)


def retry(*, event_id: int, now: datetime) -> WebhookEvent:
    """Make an event due at once, with all its attempts available again; for operators.

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


def lease(*, event_id: int, now: datetime) -> bool:
    """Take an event that waits, unless another task has it; one conditional UPDATE."""
    return bool(_lease(waiting(now).filter(pk=event_id), now))


def processed(
    event: WebhookEvent, payment_request: PaymentRequest, outcome: str, now: datetime
) -> Statement:
    """Return what records the effect of an event, unless another task did.

    A retry that succeeds ends the log of those that failed.
    """
    return Statement(
        _PROCESSED,
        {
            "id": event.pk,
            "outcome": outcome,
            "retried": int(event.attempts > 0),
            "now": now,
            "tenant": payment_request.tenant_id,
        },
    )


def record_repeats(
    events: Sequence[WebhookEvent], payment_request: PaymentRequest, outcome: str, now: datetime
) -> None:
    """Record one outcome for all events with the same content, most of them in one statement."""
    fresh = [event.pk for event in events if event.attempts == 0]
    WebhookEvent.objects.filter(
        pk__in=fresh, status=WebhookEvent.Status.RECEIVED, attempts=0
    ).update(
        status=WebhookEvent.Status.PROCESSED,
        outcome=outcome,
        failure_reason=None,
        next_attempt_at=None,
        leased_until=None,
        processed_at=now,
        tenant_id=payment_request.tenant_id,
    )
    if retried := [event for event in events if event.attempts]:
        trip(*(processed(event, payment_request, outcome, now) for event in retried))


def come_again(
    events: Sequence[WebhookEvent], busy: GatewayBusy, now: datetime, *, spread: timedelta
) -> None:
    """Make events due when their gateway accepts calls again; that costs no attempt (12.1).

    Args:
        events: those that wait for one answer.
        busy: says when calls are accepted again.
        now: the time.
        spread: how long the account's budget needs for half of what waits. Each event gets a random
            moment of it; else all would come at once for few calls.
    """
    longest = max(busy.wait_seconds / 2, spread.total_seconds())
    seconds = busy.wait_seconds + random.uniform(0, longest)  # noqa: S311  # not all at once
    hand_back(events, now + timedelta(seconds=seconds))
    log.info("events wait for the gateway's limit", events=len(events), seconds=round(seconds, 1))


def hand_back(events: Sequence[WebhookEvent], due_at: datetime) -> None:
    """Give events back, which another task may take from a time on."""
    WebhookEvent.objects.filter(
        pk__in=[event.pk for event in events], status=WebhookEvent.Status.RECEIVED
    ).update(leased_until=None, next_attempt_at=due_at)


def put_off(event: WebhookEvent, error: Exception, now: datetime) -> None:
    """Record a failed attempt and the due time of the next one, counted from the first failure."""
    first_failed_at = event.first_failed_at or now
    failures = event.attempts - event.attempts_before
    if failures >= len(RETRY_AFTER):
        fail(event, error, now)
        return
    due_at = max(first_failed_at + RETRY_AFTER[failures], now)
    log.warning("event put off", event_id=event.pk, reason=str(error), due_at=due_at.isoformat())
    _record_attempt(event, error, now, first_failed_at=first_failed_at, next_attempt_at=due_at)


def fail(event: WebhookEvent, error: Exception, now: datetime) -> None:
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
