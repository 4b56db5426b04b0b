"""Which notifications are confirmed together: one question to the gateway answers many (spec 12.3).

One task takes the events that wait for the same payment and, if the gateway lists what was paid,
those that wait for other payments of the account. While an account makes many calls, the task lets
a batch grow, so that a flash sale needs only one call for a page of payments.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from gateways import descriptors, registry
from gateways.budgets import pacing
from gateways.budgets.pacing import Priority
from payments.models import WebhookEvent
from payments.webhooks import retrying

MOST_ABOUT_ONE_PAYMENT = 5_000
MOST_ABOUT_OTHERS = 300  # booked one by one within a lease
CALM_SHARE = 1 / 60  # of the minute's limit: so few confirming calls in ten seconds are calm
WORTH_A_CALL = 100  # notifications: a page of the gateway's list
LONGEST_GROWTH = timedelta(seconds=5)  # no event waits longer for a batch to grow
GROWTH = timedelta(seconds=2)
CONFIRMING = ("get", "list")  # kinds of calls


def take(*, event_id: int, now: datetime) -> list[WebhookEvent]:
    """Lease an event and those that are confirmed with it, the oldest first.

    None if another task has it, or if it waits for its batch to grow; it is due again then.
    """
    event = WebhookEvent.objects.select_related("gateway").filter(pk=event_id).first()
    if event is None or event.status != WebhookEvent.Status.RECEIVED:
        return []
    if not _is_ripe(event, now):
        _let_grow(event, now)
        return []
    if not retrying.lease(event_id=event_id, now=now):
        return []
    return [event, *_lease_others(event, now)]


def spread(event: WebhookEvent) -> timedelta:
    """Return how long the account's budget needs for half of what waits with an event.

    Zero if a page of the gateway's list answers many at once.
    """
    code = event.gateway.code
    caller = registry.caller_for(code, account_id=event.account_id, priority=Priority.CONFIRMATION)
    _used, limit = pacing.used_lately(caller, CONFIRMING)
    if not limit or descriptors.of(code).lists_paid:
        return timedelta()
    waiting = WebhookEvent.objects.filter(
        gateway_id=event.gateway_id,
        account_id=event.account_id,
        status=WebhookEvent.Status.RECEIVED,
    )[:MOST_ABOUT_ONE_PAYMENT].count()
    return timedelta(minutes=waiting / (limit * pacing.SHARES[Priority.CONFIRMATION]) / 2)


def _is_ripe(event: WebhookEvent, now: datetime) -> bool:
    """Return whether a question now is worth a call of the account's budget."""
    code = event.gateway.code
    if not descriptors.of(code).lists_paid or event.received_at <= now - LONGEST_GROWTH:
        return True
    caller = registry.caller_for(code, account_id=event.account_id, priority=Priority.CONFIRMATION)
    used, limit = pacing.used_lately(caller, CONFIRMING)
    if not limit or used < max(2, limit * CALM_SHARE):
        return True
    waiting = _waiting_with(event, now).order_by("received_at")
    oldest = waiting.values_list("received_at", flat=True).first()
    if oldest is not None and oldest <= now - LONGEST_GROWTH:
        return True
    return waiting[:WORTH_A_CALL].count() >= WORTH_A_CALL


def _let_grow(event: WebhookEvent, now: datetime) -> None:
    WebhookEvent.objects.filter(
        pk=event.pk, status=WebhookEvent.Status.RECEIVED, leased_until=None
    ).update(next_attempt_at=now + GROWTH)


def _waiting_with(event: WebhookEvent, now: datetime) -> QuerySet[WebhookEvent]:
    """Return events of the same account that no task holds and no failure has delayed."""
    return WebhookEvent.objects.filter(
        Q(leased_until=None) | Q(leased_until__lte=now),
        Q(first_failed_at=None) | Q(next_attempt_at__lte=now),
        gateway_id=event.gateway_id,
        account_id=event.account_id,
        status=WebhookEvent.Status.RECEIVED,
    )


@transaction.atomic
def _lease_others(event: WebhookEvent, now: datetime) -> Sequence[WebhookEvent]:
    waiting = _waiting_with(event, now).exclude(pk=event.pk).select_related("gateway")
    free = waiting.order_by("received_at", "pk").select_for_update(skip_locked=True, of=("self",))
    taken: list[WebhookEvent] = []
    if event.reference is not None:
        taken += free.filter(reference=event.reference)[:MOST_ABOUT_ONE_PAYMENT]
    if descriptors.of(event.gateway.code).lists_paid:
        others = free.exclude(reference=event.reference) if event.reference else free
        taken += others[:MOST_ABOUT_OTHERS]
    WebhookEvent.objects.filter(pk__in=[one.pk for one in taken]).update(
        leased_until=now + retrying.WORK_LEASE, next_attempt_at=now + retrying.WORK_LEASE
    )
    return taken
