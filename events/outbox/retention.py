"""How long events are kept: whole months are dropped once all of one is older than 90 days."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection, transaction

log = structlog.get_logger(__name__)

KEPT_FOR: Final = timedelta(days=90)
AT_ONCE: Final = 5000  # rows a statement, so that nothing waits for it

# What is still to be delivered stays, with its event.
_ATTEMPTS: Final = """
DELETE FROM events_deliveryattempt WHERE id IN (
    SELECT attempt.id FROM events_deliveryattempt attempt
    JOIN events_delivery delivery ON delivery.id = attempt.delivery_id
    JOIN events_event event ON event.id = delivery.event_id
    WHERE event.created_at < %(before)s AND attempt.attempted_at < %(before)s
        AND delivery.status <> 'pending' LIMIT %(limit)s)"""
_DELIVERIES: Final = """
DELETE FROM events_delivery WHERE id IN (
    SELECT delivery.id FROM events_delivery delivery
    JOIN events_event event ON event.id = delivery.event_id
    WHERE event.created_at < %(before)s AND delivery.status <> 'pending'
        AND NOT EXISTS (SELECT FROM events_deliveryattempt WHERE delivery_id = delivery.id)
    LIMIT %(limit)s)"""
_EVENTS: Final = """
DELETE FROM events_event WHERE id IN (
    SELECT event.id FROM events_event event WHERE event.created_at < %(before)s
        AND NOT EXISTS (SELECT FROM events_delivery WHERE event_id = event.id)
    LIMIT %(limit)s)"""


def horizon(*, now: datetime) -> datetime:
    """Return the first moment of the oldest month that must be kept."""
    return (now - KEPT_FOR).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def purge(*, now: datetime) -> int:
    """Drop the months that retention allows to drop; return how many events they had.

    Events, their deliveries and the attempts go together, a few thousand rows a transaction.
    """
    before = horizon(now=now)
    for statement in (_ATTEMPTS, _DELIVERIES):
        _repeat(statement, before)
    purged = _repeat(_EVENTS, before)
    log.info("events purged", events=purged, before=before.isoformat())
    return purged


def _repeat(statement: str, before: datetime) -> int:
    total = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, {"before": before, "limit": AT_ONCE})
            gone: int = cursor.rowcount
        total += gone
        if gone < AT_ONCE:
            return total
