"""Figures of what waits, what is late and what failed; an operator should get alerts on them."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min

from invoices.models import PaymentRequest
from payments.models import WebhookEvent
from paytrust.operations.metrics import Metric


def collect(now: datetime) -> Iterator[Metric]:
    """Yield the state of the queues in PostgreSQL, each from a partial index."""
    waiting = WebhookEvent.objects.filter(status=WebhookEvent.Status.RECEIVED).aggregate(
        count=Count("pk"), due_at=Min("next_attempt_at")
    )
    yield Metric(
        "webhooks_waiting", waiting["count"], help="notifications without their effect yet"
    )
    yield Metric(
        "webhooks_late_seconds",
        _late(waiting["due_at"], now),
        help="how long the longest waiting notification has been due",
    )
    failed = WebhookEvent.objects.filter(status=WebhookEvent.Status.FAILED).count()
    yield Metric("webhooks_failed", failed, help="notifications given up; see GET /webhooks/failed")
    checks = PaymentRequest.objects.active().aggregate(due_at=Min("next_check_at"))
    yield Metric(
        "payment_checks_late_seconds",
        _late(checks["due_at"], now),
        help="how long a gateway should have been asked about a payment",
    )


def _late(due_at: datetime | None, now: datetime) -> float:
    return max((now - due_at).total_seconds(), 0.0) if due_at else 0.0
