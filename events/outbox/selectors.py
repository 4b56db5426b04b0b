"""Reading events in order, so that a reader who continues from a cursor misses none."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from django.db import connection
from django.db.models import Q, QuerySet

from apikeys.models import Tenant
from events.models import Event
from paytrust.web.pagination import InvalidCursor

LONGEST_TRANSACTION: Final = timedelta(minutes=10)  # none of ours may take a tenth of that
_POSITION: Final = re.compile(rb"([0-9]{1,19})\.([0-9]{1,18})")
_LAST_ID: Final = 10**18 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """A place among a tenant's events: after the one with this transaction number and id."""

    transaction_number: int
    event_id: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor.

        Raises:
            InvalidCursor: `text` is none.
        """
        try:
            position = _POSITION.fullmatch(urlsafe_b64decode(text.encode("ascii")))
        except ValueError:
            position = None
        if position is None or int(position[1]) >= 2**63:
            raise InvalidCursor
        return cls(int(position[1]), int(position[2]))

    def __str__(self) -> str:
        text = f"{self.transaction_number}.{self.event_id}"
        return urlsafe_b64encode(text.encode()).decode()


BEGINNING: Final = Place(0, 0)


@dataclass(frozen=True, slots=True)
class Turn:
    """Some events, the oldest first, and where to go on from."""

    events: Sequence[Event]
    after: Place
    is_more: bool  # there are more right now


def turn(
    *,
    tenant: Tenant,
    after: Place | None,
    since: datetime | None,
    types: Sequence[str],
    limit: int,
) -> Turn:
    """Return the events after a place, in the order of their transactions.

    An event is shown once every transaction that began before its own has ended. So no event can
    appear later before a reader's cursor. Events of one invoice are in order.

    Args:
        tenant: whose.
        after: where the reader stopped; the beginning if None.
        since: only what happened at this moment or later.
        types: only these; all if empty.
        limit: how many at most.

    Source: spec 9.2.
    """
    horizon = _horizon()
    start = after or (_before(tenant, since) if since else BEGINNING)
    wanted = _after(Event.objects.for_tenant(tenant), start).filter(transaction_number__lt=horizon)
    if since:
        wanted = wanted.filter(created_at__gte=since)
    if types:
        wanted = wanted.filter(type__in=types)
    rows = list(wanted.order_by("transaction_number", "pk")[: limit + 1])
    if len(rows) > limit:
        last = rows[limit - 1]
        return Turn(rows[:limit], Place(last.transaction_number, last.pk), is_more=True)
    # All below the horizon has been looked at, also what was of other types.
    return Turn(rows, max(start, Place(horizon - 1, _LAST_ID), key=_in_turn), is_more=False)


def event(*, tenant: Tenant, public_id: str) -> Event:
    """Return one event.

    Raises:
        Event.DoesNotExist: unknown, or another tenant's.
    """
    return Event.objects.for_tenant(tenant).get(public_id=public_id)


def _horizon() -> int:
    """Return the number of the oldest transaction that still runs: all below have ended.

    The rows are read by a later statement, which therefore sees all that those have written.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")
        return int(cursor.fetchone()[0])


def _after(events: QuerySet[Event], place: Place) -> QuerySet[Event]:
    number, event_id = place.transaction_number, place.event_id
    return events.filter(transaction_number__gte=number).filter(
        Q(transaction_number__gt=number) | Q(pk__gt=event_id)
    )


def _before(tenant: Tenant, since: datetime) -> Place:
    """Return a place before all events since a moment: an index finds it, however many there are.

    An event that happened so much earlier has a smaller transaction number than any since.
    """
    older = (
        Event.objects.for_tenant(tenant)
        .filter(created_at__lt=since - LONGEST_TRANSACTION)
        .order_by("-created_at")
        .values_list("transaction_number", flat=True)
        .first()
    )
    return BEGINNING if older is None else Place(older, 0)


def _in_turn(place: Place) -> tuple[int, int]:
    return place.transaction_number, place.event_id
