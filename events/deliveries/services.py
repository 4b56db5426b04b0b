"""Sending the due deliveries of endpoints, and recording the outcomes.

Nothing is sent within a transaction. If the process dies after it has sent a delivery and before
it has recorded that, the delivery is sent again: at least once.
"""

import random
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from events.deliveries import alarms, claims, schedule, signing, transport
from events.deliveries.addresses import Rules
from events.deliveries.transport import Answer
from events.endpoints import secrets
from events.models import Delivery, DeliveryAttempt, WebhookEndpoint
from paytrust.operations import rows, tracing
from paytrust.operations.database import release_connection
from paytrust.operations.trips import Statement, join

log = structlog.get_logger(__name__)

BATCH: Final = 100  # deliveries
ROUND_SECONDS: Final = 2.0  # no delivery starts after it, so that endpoints take turns
AT_ONCE: Final = 4  # of different invoices, to one endpoint that answers quickly
SLOW_MS: Final = 1000  # an endpoint that took so long has fewer workers
LONGEST_ERROR: Final = 255  # characters
MOVED: Final = ("status", "attempts", "first_attempt_at", "next_attempt_at", "ended_at")
_INSERT_ATTEMPTS: Final = rows.insertion(DeliveryAttempt)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one attempt."""

    delivery: Delivery
    at: datetime
    answer: Answer

    @property
    def succeeded(self) -> bool:
        return self.answer.status is not None and 200 <= self.answer.status < 300

    @property
    def error(self) -> str | None:
        if self.succeeded:
            return None
        text = self.answer.error or f"the answer was HTTP {self.answer.status}"
        return text[:LONGEST_ERROR]


def rules() -> Rules:
    """Return where deliveries may go from here."""
    return Rules(
        own_hosts=settings.DELIVERY_OWN_HOSTS,
        own_port=settings.DELIVERY_OWN_PORT,
        loopback_over_http=settings.ENVIRONMENT == "development",
    )


def deliver(*, endpoint_id: int, lease: str, now: datetime) -> bool:
    """Send an endpoint's due deliveries; return whether the same worker should continue.

    Deliveries about one invoice are sent in order, one after another. Those about different
    invoices are sent at once, unless the endpoint is slow. Safe to run twice: only one worker has
    the lease.

    Source: spec 9.5.
    """
    endpoint = claims.take(endpoint_id=endpoint_id, lease=lease, now=now)
    if endpoint is None:
        return False
    due = claims.due(endpoint=endpoint, now=now, limit=BATCH)
    outcomes = _send(endpoint, due, now) if due else []
    if outcomes:
        _write_down(endpoint, outcomes)
    still = WebhookEndpoint.Status.ENABLED
    is_more = bool(due) and endpoint.status == still and not endpoint.is_slow
    if not is_more:
        claims.give_back(endpoint_id=endpoint_id, lease=lease)
    return is_more


def _send(endpoint: WebhookEndpoint, due: Sequence[Delivery], now: datetime) -> list[Outcome]:
    """Send each invoice's deliveries in turn until one fails, or the round is over."""
    sender = _Sender(endpoint, now)
    release_connection()
    queues = _by_invoice(due)
    if endpoint.is_slow:
        return sender.send(queues[0][:1])
    if len(queues) == 1:
        return sender.send(queues[0])
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(queues))) as pool:
        return [outcome for done in pool.map(sender.send, queues) for outcome in done]


def _by_invoice(due: Sequence[Delivery]) -> list[list[Delivery]]:
    queues: dict[object, list[Delivery]] = {}
    for delivery in due:
        own = ("invoice", delivery.invoice_id) if delivery.invoice_id else ("alone", delivery.pk)
        queues.setdefault(own, []).append(delivery)
    return list(queues.values())


class _Sender:
    """Sends to one endpoint for one round; touches no database."""

    context: ssl.SSLContext | None = None  # whom TLS trusts, where that is not everybody's

    def __init__(self, endpoint: WebhookEndpoint, now: datetime) -> None:
        self._url = endpoint.url
        self._secrets = secrets.in_force(endpoint, now=now)
        self._rules = rules()
        self._now, self._started = now, time.monotonic()

    def send(self, queue: Sequence[Delivery]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for delivery in queue:
            if self._elapsed() > ROUND_SECONDS or (outcomes and not outcomes[-1].succeeded):
                break
            outcomes.append(self._try(delivery))
        return outcomes

    def _try(self, delivery: Delivery) -> Outcome:
        at = self._now + timedelta(seconds=self._elapsed())
        event = delivery.event
        body = signing.body_of(event)
        attributes = {"paytrust.event_id": event.public_id, "paytrust.event_type": event.type}
        with tracing.span("delivery", attributes, parent=event.trace_parent):
            answer = transport.post(
                url=self._url,
                headers=signing.headers_of(event, body, secrets=self._secrets, now=at),
                body=body,
                rules=self._rules,
                context=self.context,
            )
        return Outcome(delivery, at, answer)

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


@transaction.atomic
def _write_down(endpoint: WebhookEndpoint, outcomes: Sequence[Outcome]) -> None:
    """Record every attempt, when each delivery is tried next, and the endpoint's state."""
    locked = WebhookEndpoint.objects.locked().get(pk=endpoint.pk)
    attempts = [_attempt(outcome) for outcome in outcomes]
    for outcome in outcomes:
        _move(outcome, is_wanted=locked.status == WebhookEndpoint.Status.ENABLED)
    join(
        Statement(_INSERT_ATTEMPTS, rows.values(attempts)),
        rows.updating([outcome.delivery for outcome in outcomes], MOVED),
    )
    _let_followers_go(endpoint, outcomes)
    endpoint.is_slow = locked.is_slow = outcomes[-1].answer.duration_ms >= SLOW_MS
    endpoint.failing_since = locked.failing_since = _failing_since(locked, outcomes)
    locked.save(update_fields=["is_slow", "failing_since"])
    reason = _reason_to_disable(locked, outcomes)
    if reason is not None and locked.status == WebhookEndpoint.Status.ENABLED:
        disable(endpoint=locked, reason=reason, now=outcomes[-1].at)
    endpoint.status = locked.status


def disable(*, endpoint: WebhookEndpoint, reason: WebhookEndpoint.Reason, now: datetime) -> None:
    """Disable an endpoint; its waiting deliveries are cancelled, and can be replayed.

    Call it in a transaction, under the endpoint's lock.
    """
    endpoint.status, endpoint.disabled_reason = WebhookEndpoint.Status.DISABLED, reason
    endpoint.disabled_at = endpoint.updated_at = now
    endpoint.save(update_fields=["status", "disabled_reason", "disabled_at", "updated_at"])
    cancel_waiting(endpoint=endpoint, now=now)
    if reason in {WebhookEndpoint.Reason.GONE, WebhookEndpoint.Reason.FAILING}:
        log.critical(
            "webhook endpoint disabled",
            endpoint_id=endpoint.pk,
            tenant_id=endpoint.tenant_id,
            reason=reason.value,
        )
        transaction.on_commit(lambda: alarms.tell(endpoint=endpoint))


def cancel_waiting(*, endpoint: WebhookEndpoint, now: datetime) -> int:
    """Cancel the waiting deliveries of an endpoint; return how many they are."""
    waiting = Delivery.objects.filter(endpoint=endpoint, status=Delivery.Status.PENDING)
    return waiting.update(status=Delivery.Status.CANCELLED, next_attempt_at=None, ended_at=now)


def _attempt(outcome: Outcome) -> DeliveryAttempt:
    return DeliveryAttempt(
        tenant_id=outcome.delivery.tenant_id,
        delivery=outcome.delivery,
        number=outcome.delivery.attempts + 1,
        attempted_at=outcome.at,
        duration_ms=outcome.answer.duration_ms,
        status_code=outcome.answer.status,
        error=outcome.error,
        answer=_as_text(outcome.answer.body),
    )


def _move(outcome: Outcome, *, is_wanted: bool) -> None:
    """Change a delivery by its outcome; one that was cancelled meanwhile is not tried again."""
    delivery, at = outcome.delivery, outcome.at
    delivery.attempts += 1
    delivery.first_attempt_at = delivery.first_attempt_at or at
    next_at = None
    if not outcome.succeeded and is_wanted:
        next_at = schedule.next_attempt(
            made=delivery.attempts - delivery.attempts_before,
            first_at=delivery.first_attempt_at,
            now=at,
            retry_after=schedule.retry_after_of(outcome.answer.retry_after, now=at),
            chance=random.random(),  # noqa: S311  # jitter
        )
    delivery.next_attempt_at = next_at
    if next_at is None:
        failed = Delivery.Status.FAILED if is_wanted else Delivery.Status.CANCELLED
        delivery.status = Delivery.Status.DELIVERED if outcome.succeeded else failed
        delivery.ended_at = at


def _let_followers_go(endpoint: WebhookEndpoint, outcomes: Sequence[Outcome]) -> None:
    """Make the deliveries due now that waited behind one that has ended."""
    ended = {
        outcome.delivery.invoice_id: outcome.at
        for outcome in outcomes
        if outcome.delivery.ended_at and outcome.delivery.invoice_id
    }
    if not ended:
        return
    at = max(ended.values())
    Delivery.objects.filter(
        endpoint=endpoint,
        invoice_id__in=ended,
        status=Delivery.Status.PENDING,
        attempts=F("attempts_before"),
        next_attempt_at__gt=at,
    ).update(next_attempt_at=at)


def _failing_since(endpoint: WebhookEndpoint, outcomes: Sequence[Outcome]) -> datetime | None:
    last_success = max((one.at for one in outcomes if one.succeeded), default=None)
    failures = [one.at for one in outcomes if not one.succeeded]
    if last_success is not None:
        failures = [at for at in failures if at > last_success]
        return min(failures, default=None)
    return endpoint.failing_since or min(failures)


def _reason_to_disable(
    endpoint: WebhookEndpoint, outcomes: Sequence[Outcome]
) -> WebhookEndpoint.Reason | None:
    if any(outcome.answer.status == HTTPStatus.GONE for outcome in outcomes):
        return WebhookEndpoint.Reason.GONE
    since = endpoint.failing_since
    if since is not None and outcomes[-1].at - since >= schedule.GIVEN_UP_AFTER:
        return WebhookEndpoint.Reason.FAILING
    return None


def _as_text(answer: bytes) -> str:
    """Return an answer as text that can be stored."""
    return answer.decode(errors="replace").replace("\x00", "\ufffd")
