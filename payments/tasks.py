"""Tasks about money that arrives. The schedule lives in the table; Celery carries the work."""

from celery import shared_task
from django.utils import timezone

from payments import notifications
from paytrust import queue


@shared_task(name="payments.process_webhook_event")
def process_webhook_event(*, event_id: int, **_later: object) -> None:
    """Process one stored event. Safe to deliver twice; `_later` absorbs newer arguments."""
    notifications.process(event_id=event_id, now=timezone.now())


@shared_task(name="payments.hand_out_due_events")
def hand_out_due_events(**_later: object) -> None:
    """Beat, every 5 seconds: enqueue events whose attempt is due, each to one worker only."""
    for event_id in notifications.claim_due(now=timezone.now(), limit=500):
        queue.publish(process_webhook_event, event_id=event_id)
