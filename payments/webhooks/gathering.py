"""Which notifications are confirmed together: one question to the gateway answers many (spec 12.3).

One task takes some events that are due, of each tenant in turn, and with them those that wait for
the same payments and, if the gateway lists what was paid, for other payments of the account. While
an account makes many calls, the task lets a batch grow, so that a flash sale needs only one call
for a page of payments.
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
AT_ONCE = 20  # notifications that one claim takes, of all accounts
MOST_ABOUT_OTHERS = 300  # booked one by one within a lease
CALM_SHARE = 1 / 60  # of the minute's limit: so few confirming calls in ten seconds are calm
WORTH_A_CALL = 100  # notifications: a page of the gateway's list
LONGEST_GROWTH = timedelta(seconds=5)  # no event waits longer for a batch to grow
GROWTH = timedelta(seconds=2)
CONFIRMING = ("get", "list")  # kinds of calls


def take(*, event_id: int, now: datetime) -> list[WebhookEvent]:
    """Lease an event and those that are confirmed with it, the oldest first.

    None are returned if another task has it, or if it waits for its batch to grow; it is due again
    then.
    """
    event = WebhookEvent.objects.select_related("gateway").filter(pk=event_id).first()
    if event is None or event.status != WebhookEvent.Status.RECEIVED:
        return []
    if not _is_ripe(event, now):
        _let_grow([event], now)
        return []
    if not retrying.lease(event_id=event_id, now=now):
        return []
    return [event, *_lease_others([event], now)]


def take_due(*, now: datetime) -> tuple[list[list[WebhookEvent]], bool]:
    """Lease events that are due, of each tenant in turn, and those that are confirmed with them.

    Returns:
        The events of each account, the oldest first, the account with the fewest first; and
        whether more may be due.
    """
    ids = retrying.claim_due(now=now, limit=AT_ONCE)
    due = WebhookEvent.objects.filter(pk__in=ids).select_related("gateway")
    accounts: dict[tuple[int, int | None], list[WebhookEvent]] = {}
    for event in due.order_by("received_at", "pk"):
        accounts.setdefault((event.gateway_id, event.account_id), []).append(event)
    taken = []
    for events in accounts.values():
        if _is_ripe(events[0], now):
            taken.append([*events, *_lease_others(events, now)])
        else:
            _let_grow(events, now)
    return sorted(taken, key=len), len(ids) == AT_ONCE


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


def _let_grow(events: Sequence[WebhookEvent], now: datetime) -> None:
    WebhookEvent.objects.filter(
        pk__in=[event.pk for event in events],
        status=WebhookEvent.Status.RECEIVED,
        leased_until=events[0].leased_until,
    ).update(leased_until=None, next_attempt_at=now + GROWTH)


def _waiting_with(event: WebhookEvent, now: datetime) -> QuerySet[WebhookEvent]:
    """Return events of the same account that no task holds and no failure has delayed."""
    return retrying.waiting(now).filter(
        Q(first_failed_at=None) | Q(next_attempt_at__lte=now),
        gateway_id=event.gateway_id,
        account_id=event.account_id,
    )


@transaction.atomic
def _lease_others(events: Sequence[WebhookEvent], now: datetime) -> Sequence[WebhookEvent]:
    """Lease what is confirmed with some leased events of one account."""
    known = [event.pk for event in events]
    waiting = _waiting_with(events[0], now).exclude(pk__in=known).select_related("gateway")
    free = waiting.order_by("received_at", "pk").select_for_update(skip_locked=True, of=("self",))
    references = {event.reference for event in events if event.reference is not None}
    taken = list(free.filter(reference__in=references)[:MOST_ABOUT_ONE_PAYMENT])
    if descriptors.of(events[0].gateway.code).lists_paid:
        taken += free.exclude(reference__in=references)[: max(MOST_ABOUT_OTHERS - len(events), 0)]
    if taken:
        retrying.lease_all([one.pk for one in taken], now)
    return taken
