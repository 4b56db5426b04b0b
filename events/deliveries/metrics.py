"""Metrics of deliveries: how many wait, how late they are, how many failed."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min

from events.models import Delivery, WebhookEndpoint
from paytrust.operations.metrics import Metric


def collect(now: datetime) -> Iterator[Metric]:
    """Yield the state of the deliveries, each from a partial index."""
    pending = Delivery.objects.filter(status=Delivery.Status.PENDING)
    waiting = pending.aggregate(
        count=Count("pk"), created_at=Min("created_at"), due_at=Min("next_attempt_at")
    )
    yield Metric("deliveries_pending", waiting["count"], help="deliveries that are not made yet")
    yield Metric(
        "deliveries_oldest_seconds",
        _seconds_since(waiting["created_at"], now),
        help="age of the oldest delivery that is not made yet",
    )
    yield Metric(
        "deliveries_late_seconds",
        _seconds_since(waiting["due_at"], now),
        help="how long the longest waiting delivery has been due",
    )
    failed = Delivery.objects.filter(status=Delivery.Status.FAILED).count()
    yield Metric("deliveries_failed", failed, help="deliveries given up after the last attempt")
    disabled = WebhookEndpoint.objects.filter(status=WebhookEndpoint.Status.DISABLED).count()
    yield Metric("webhook_endpoints_disabled", disabled, help="endpoints that are told nothing")


def _seconds_since(moment: datetime | None, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0) if moment else 0.0
