"""Sending again what was sent, or missed: one event, or many at once."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from events.deliveries import waking
from events.models import Event, WebhookEndpoint
from events.outbox.types import ENDPOINT_TEST, EVERY_TYPE
from paytrust.errors import PayTrustError

MOST_REPLAYED: Final = 10_000  # events


class NoEndpointToTell(PayTrustError):
    """No enabled endpoint asks for events of this type. Make one, or enable one."""

    status = HTTPStatus.CONFLICT
    code = "no_endpoint_to_tell"


class EndpointDisabled(PayTrustError):
    """This endpoint is disabled. Enable it first."""

    status = HTTPStatus.CONFLICT
    code = "endpoint_disabled"
    for_staff = _("This endpoint is disabled or deleted: nothing is sent to it.")


class ReplayTooLarge(PayTrustError):
    """More than 10000 events are in this time. Replay a shorter time, or fewer types."""

    code = "replay_too_large"


# A delivery that has ended starts again; one that waits is sent at once.
_AGAIN: Final = """
INSERT INTO events_delivery AS delivery (
    tenant_id, endpoint_id, event_id, invoice_id, status, attempts, attempts_before,
    next_attempt_at, created_at)
SELECT event.tenant_id, endpoint.id, event.id, event.invoice_id, 'pending', 0, 0, %(now)s, %(now)s
FROM events_event event JOIN events_webhookendpoint endpoint
    ON endpoint.tenant_id = event.tenant_id AND endpoint.status = 'enabled'
WHERE event.id = ANY(%(events)s) AND endpoint.id = ANY(%(endpoints)s)
ORDER BY event.transaction_number, event.id
ON CONFLICT (event_id, endpoint_id) DO UPDATE SET
    status = 'pending', next_attempt_at = excluded.next_attempt_at, ended_at = NULL,
    attempts_before = CASE WHEN delivery.status = 'pending'
        THEN delivery.attempts_before ELSE delivery.attempts END,
    first_attempt_at = CASE WHEN delivery.status = 'pending'
        THEN delivery.first_attempt_at END"""


@transaction.atomic
def resend(*, event: Event, now: datetime) -> int:
    """Send an event again to each endpoint that asks for its type; return how many they are.

    Raises:
        NoEndpointToTell: there is none; nothing is changed.

    Source: spec 9.2.
    """
    endpoints = [
        endpoint.pk
        for endpoint in WebhookEndpoint.objects.filter(
            tenant_id=event.tenant_id, status=WebhookEndpoint.Status.ENABLED
        )
        if EVERY_TYPE in endpoint.event_types or event.type in endpoint.event_types
    ]
    if not endpoints:
        raise NoEndpointToTell
    return _again([event.pk], endpoints, now)


@transaction.atomic
def resend_to(*, event: Event, endpoint: WebhookEndpoint, now: datetime) -> None:
    """Send an event again to one endpoint.

    Raises:
        EndpointDisabled: it is disabled; nothing is changed.
    """
    if not _again([event.pk], [endpoint.pk], now):
        raise EndpointDisabled


@transaction.atomic
def replay(
    *,
    tenant: Tenant,
    endpoint: WebhookEndpoint,
    since: datetime,
    until: datetime,
    types: Sequence[str],
    only_failed: bool,
    now: datetime,
) -> int:
    """Send the events of a time again to an endpoint; return how many they are.

    Args:
        tenant: whose.
        endpoint: where to; its own types bound what is sent.
        since: at or after this moment.
        until: before this moment.
        types: only these; all that the endpoint asks for if empty.
        only_failed: only events that should have reached the endpoint and did not.
        now: when they are sent.

    Raises:
        EndpointDisabled, ReplayTooLarge: nothing is changed.

    Source: spec 9.3.
    """
    if endpoint.status != WebhookEndpoint.Status.ENABLED:
        raise EndpointDisabled
    events = Event.objects.for_tenant(tenant).filter(created_at__gte=since, created_at__lt=until)
    events = events.exclude(type=ENDPOINT_TEST)
    if EVERY_TYPE not in endpoint.event_types:
        events = events.filter(type__in=endpoint.event_types)
    if types:
        events = events.filter(type__in=types)
    if only_failed:
        events = events.filter(
            deliveries__endpoint=endpoint, deliveries__status__in=["failed", "cancelled"]
        )
    found = list(events.order_by("pk").values_list("pk", flat=True)[: MOST_REPLAYED + 1])
    if len(found) > MOST_REPLAYED:
        raise ReplayTooLarge
    return _again(found, [endpoint.pk], now) if found else 0


def _again(events: Sequence[int], endpoints: Sequence[int], now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_AGAIN, {"events": list(events), "endpoints": list(endpoints), "now": now})
        sent: int = cursor.rowcount
    if sent:
        transaction.on_commit(waking.wake)
    return sent
