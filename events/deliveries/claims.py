"""Which worker delivers to which endpoint: each endpoint has one worker at a time.

A slow or dead endpoint does not delay the others: only a few workers at once may serve slow ones.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from events.models import Delivery, WebhookEndpoint

QUEUED: Final = timedelta(seconds=40)  # after it, a lost task is enqueued again
WORKED: Final = timedelta(seconds=40)  # a round of 2 s, one more delivery of 15 s, writing, room

# Deliveries behind one that waits for its next attempt wait as long, so that no worker reads
# them again and again.
_HOLD_BACK: Final = """
UPDATE events_delivery AS held SET next_attempt_at = ahead.until
FROM (
    SELECT due.id, max(earlier.next_attempt_at) AS until
    FROM events_delivery due JOIN events_delivery earlier
        ON earlier.endpoint_id = due.endpoint_id AND earlier.invoice_id = due.invoice_id
        AND earlier.status = 'pending' AND earlier.id < due.id
    WHERE due.endpoint_id = %(endpoint)s AND due.status = 'pending'
        AND due.next_attempt_at <= %(now)s AND earlier.next_attempt_at > %(now)s
    GROUP BY due.id
) AS ahead
WHERE held.id = ahead.id"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to deliver to an endpoint, until the lease ends."""

    endpoint_id: int
    lease: str


def claim_due(*, now: datetime, limit: int) -> list[Claim]:
    """Claim the endpoints with due deliveries; return them, each to one caller only.

    No more than DELIVERY_SLOW_SLOTS slow ones are claimed at once.
    """
    with transaction.atomic():
        free = settings.DELIVERY_SLOW_SLOTS - _slow_ones_out(now)
        found = [*_due(now, is_slow=False, limit=limit), *_due(now, is_slow=True, limit=free)]
        claims = [Claim(endpoint_id, str(uuid.uuid4())) for endpoint_id in found]
        for claim in claims:
            WebhookEndpoint.objects.filter(pk=claim.endpoint_id).update(
                lease=claim.lease, leased_until=now + QUEUED
            )
    return claims


def take(*, endpoint_id: int, lease: str, now: datetime) -> WebhookEndpoint | None:
    """Return the endpoint that a claim is for; None if another worker has claimed it since."""
    mine = WebhookEndpoint.objects.filter(
        pk=endpoint_id, lease=lease, status=WebhookEndpoint.Status.ENABLED
    )
    if not mine.update(leased_until=now + WORKED):
        return None
    return mine.first()


def due(*, endpoint: WebhookEndpoint, now: datetime, limit: int) -> list[Delivery]:
    """Return the due deliveries of an endpoint, in order, with their events."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD_BACK, {"endpoint": endpoint.pk, "now": now})
    return list(
        Delivery.objects.filter(
            endpoint=endpoint, status=Delivery.Status.PENDING, next_attempt_at__lte=now
        )
        .select_related("event")
        .order_by("pk")[:limit]
    )


def give_back(*, endpoint_id: int, lease: str) -> None:
    """Let the endpoint be claimed again, unless another worker has it by now."""
    WebhookEndpoint.objects.filter(pk=endpoint_id, lease=lease).update(
        lease=None, leased_until=None
    )


def _slow_ones_out(now: datetime) -> int:
    return WebhookEndpoint.objects.filter(is_slow=True, leased_until__gt=now).count()


def _due(now: datetime, *, is_slow: bool, limit: int) -> Sequence[int]:
    if limit <= 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM events_webhookendpoint endpoint"
            " WHERE status = 'enabled' AND is_slow = %(slow)s"
            " AND (leased_until IS NULL OR leased_until <= %(now)s)"
            " AND EXISTS (SELECT FROM events_delivery delivery"
            "  WHERE delivery.endpoint_id = endpoint.id AND delivery.status = 'pending'"
            "  AND delivery.next_attempt_at <= %(now)s)"
            # The endpoint claimed longest ago comes first, so that the slow ones take turns.
            " ORDER BY leased_until NULLS FIRST, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED",
            {"slow": is_slow, "now": now, "limit": limit},
        )
        return [row[0] for row in cursor.fetchall()]
