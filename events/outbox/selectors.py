"""Reading events in order, so that a reader who continues from a cursor misses none."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from apikeys.models import Tenant
from events.models import Event
from paytrust.operations import rows
from paytrust.operations.trips import Statement, trip
from paytrust.web.pagination import InvalidCursor

LONGEST_TRANSACTION: Final = timedelta(minutes=10)  # none of ours may take a tenth of that
_POSITION: Final = re.compile(rb"([0-9]{1,19})\.([0-9]{1,18})")
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + LONGEST_TRANSACTION
_LAST_ID: Final = 10**18 - 1
_OLDEST_RUNNING: Final = "pg_snapshot_xmin(pg_current_snapshot())"
# The oldest transaction that still runs: all below have ended, and the next statement sees what
# they have written. The place to begin at: the reader's; or before a moment, by an index, because
# what happened so much earlier has a smaller number than anything since; or the beginning.
_BOUNDS: Final = f"""
SELECT set_config('paytrust.horizon', {_OLDEST_RUNNING}::text, true),
    set_config('paytrust.after', coalesce(
        %(after)s::text,
        (SELECT older.transaction_number::text FROM events_event older
         WHERE older.tenant_id = %(tenant)s AND older.created_at < %(older)s::timestamptz
         ORDER BY older.created_at DESC LIMIT 1),
        '0'), true)"""  # noqa: S608  # nosec B608  # our own words
# JSON as text, or the driver would read it.
_COLUMNS: Final = rows.columns(Event, "event").replace("event.data", "event.data::text")
_TURN: Final = f"""
SELECT {_COLUMNS} FROM events_event event
WHERE event.tenant_id = %(tenant)s
    AND (event.transaction_number, event.id)
        > (current_setting('paytrust.after')::xid8, %(after_id)s::bigint)
    AND event.transaction_number < current_setting('paytrust.horizon')::xid8
    AND (%(since)s::timestamptz IS NULL OR event.created_at >= %(since)s)
    AND (%(types)s::text[] IS NULL OR event.type = ANY(%(types)s))
ORDER BY event.transaction_number, event.id LIMIT %(limit)s"""  # noqa: S608  # nosec B608  # our own names


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
    along: Sequence[Statement] = (),
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
        along: what the caller writes in the same trip.

    Source: spec 9.2.
    """
    bounds, found, *_ = trip(
        Statement(
            _BOUNDS,
            {
                "tenant": tenant.pk,
                "after": None if after is None else str(after.transaction_number),
                "older": since and max(since, _EARLIEST) - LONGEST_TRANSACTION,
            },
        ),
        Statement(
            _TURN,
            {
                "tenant": tenant.pk,
                "after_id": after.event_id if after else 0,
                "since": since,
                "types": list(types) or None,
                "limit": limit + 1,
            },
        ),
        *along,
    )
    ((horizon, started),) = bounds
    events = [rows.made(Event, row) for row in found[:limit]]
    if len(found) > limit:
        last = events[-1]
        return Turn(events, Place(last.transaction_number, last.pk), is_more=True)
    # All below the horizon has been looked at, also what was of other types.
    start = after or Place(int(started), 0)
    return Turn(events, max(start, Place(int(horizon) - 1, _LAST_ID), key=_in_turn), is_more=False)


def event(*, tenant: Tenant, public_id: str) -> Event:
    """Return one event.

    Raises:
        Event.DoesNotExist: unknown, or another tenant's.
    """
    return Event.objects.for_tenant(tenant).get(public_id=public_id)


def _in_turn(place: Place) -> tuple[int, int]:
    return place.transaction_number, place.event_id
