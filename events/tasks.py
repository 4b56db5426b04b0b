"""Jobs of the events app. Due times live in the tables; Celery carries the work."""

import structlog
from celery import shared_task
from django.utils import timezone

from events.deliveries import claims, services
from events.deliveries.claims import Claim
from events.outbox import retention
from paytrust.operations import queue, runs

log = structlog.get_logger(__name__)


@shared_task(name="events.deliver")
def deliver(*, endpoint_id: int, lease: str, **_later: object) -> None:
    """Send one endpoint's due deliveries. Safe to run twice: only one worker has the lease."""
    if services.deliver(endpoint_id=endpoint_id, lease=lease, now=timezone.now()):
        _hand_out(Claim(endpoint_id, lease))


@shared_task(name="events.hand_out_deliveries")
def hand_out_deliveries(**_later: object) -> None:
    """Beat, each second: enqueue the endpoints with due deliveries, each to one worker."""
    due = claims.claim_due(now=timezone.now(), limit=200)
    for claim in due:
        _hand_out(claim)
    if due:
        log.info("deliveries handed out", endpoints=len(due))


def _hand_out(claim: Claim) -> None:
    """Publish a claim; where no broker takes it, do not let the endpoint wait for its end."""
    if not queue.publish(deliver, endpoint_id=claim.endpoint_id, lease=claim.lease):
        claims.give_back(endpoint_id=claim.endpoint_id, lease=claim.lease)


@shared_task(name="events.purge_events")
def purge_events(**_later: object) -> None:
    """Beat, nightly: drop the months of events that are older than 90 days."""
    now = timezone.now()
    runs.note("purge_events", now=now, count=retention.purge(now=now))
