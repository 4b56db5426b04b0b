"""Tasks about money that arrives. The schedule lives in the table; Celery carries the work."""

from celery import shared_task
from django.utils import timezone

from payments import closing, notifications
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


@shared_task(name="payments.close_payment")
def close_payment(*, payment_request_id: int, **_later: object) -> None:
    """Close one payment that was left closing."""
    closing.close_for_job(payment_request_id=payment_request_id, now=timezone.now())


@shared_task(name="payments.hand_out_closings")
def hand_out_closings(**_later: object) -> None:
    """Beat, every 30 seconds: enqueue payments that were left closing."""
    for payment_request_id in closing.claim_closings(now=timezone.now(), limit=500):
        queue.publish(close_payment, payment_request_id=payment_request_id)
