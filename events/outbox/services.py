"""Writing down what happened, in the transaction in which it happens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from ulid import ULID

from events.deliveries import waking
from events.outbox.types import EVERY_TYPE, Change
from paytrust.operations import tracing
from paytrust.operations.trips import NEW_ID, Rows, Statement, join
from paytrust.web import strict_json

API_VERSION: Final = "1"  # of the shapes that events show; also the OpenAPI document's

UNKNOWN_ID: Final = "\0"
"""For `id` in an event of a row that its trip makes. No text of anybody can hold this character."""


def _statement(*, invoice: str, events: str) -> str:
    """Return the one statement, however many events there are and endpoints they go to."""
    return f"""
WITH made AS (
    INSERT INTO events_event (
        tenant_id, public_id, type, invoice_id, data, api_version, request_id, trace_parent,
        created_at)
    SELECT %(tenant)s, told.public_id, told.type, {invoice}, told.data, %(version)s,
        %(request)s, %(trace)s, %(now)s
    FROM json_to_recordset({events}::json) AS told (public_id text, type text, data json)
    RETURNING id, type
)
INSERT INTO events_delivery (
    tenant_id, endpoint_id, event_id, invoice_id, status, attempts, attempts_before,
    next_attempt_at, created_at)
SELECT %(tenant)s, endpoint.id, made.id, {invoice}, 'pending', 0, 0, %(now)s, %(now)s
FROM made JOIN events_webhookendpoint endpoint
    ON endpoint.tenant_id = %(tenant)s AND endpoint.status = 'enabled'
    AND CASE WHEN %(only)s::bigint IS NULL
        THEN endpoint.event_types && ARRAY[made.type, %(every)s]::varchar[]
        ELSE endpoint.id = %(only)s END
ORDER BY made.id, endpoint.id
RETURNING id"""  # noqa: S608  # nosec B608  # our own names


_RECORD: Final = _statement(invoice="%(invoice)s::bigint", events="%(events)s")
_RECORD_OF_NEW: Final = _statement(
    invoice=f"coalesce(%(invoice)s::bigint, {NEW_ID})",
    events=f"""replace(%(events)s::text, '"\\u0000"', {NEW_ID}::text)""",
)


def record(
    *,
    tenant_id: int,
    type: str,  # noqa: A002  # the envelope's own name for it
    object: Mapping[str, Any],  # noqa: A002  # the same
    now: datetime,
    previous: Mapping[str, Any] | None = None,
    request_id: str | None = None,
    invoice_id: int | None = None,
) -> str:
    """Write one event; see `record_all`. Return its public id."""
    change = Change(type=type, object=object, previous=previous or {})
    return record_all(
        tenant_id=tenant_id,
        changes=[change],
        now=now,
        request_id=request_id,
        invoice_id=invoice_id,
    )[0]


def record_all(
    *,
    tenant_id: int,
    changes: Sequence[Change],
    now: datetime,
    request_id: str | None = None,
    invoice_id: int | None = None,
    only_endpoint_id: int | None = None,
) -> list[str]:
    """Write the events of one booking, and their deliveries, in one statement.

    Call it in the transaction that makes the changes, under the invoice's lock: then events of
    one invoice are in order, and there is no event without its change.

    Args:
        tenant_id: whose they are.
        changes: in their order: payment, instalment, invoice, next payment.
        now: when it happens.
        request_id: the X-Request-Id of the call that leads to it, if one does.
        invoice_id: what orders them; events of one invoice reach an endpoint one after another.
        only_endpoint_id: send to this endpoint alone, events of any type.

    Returns:
        The events' public ids.

    Source: spec 9.1.
    """
    assert connection.in_atomic_block, "an event belongs into the transaction of its change"
    if not changes:
        return []
    ids = [_new_id() for _ in changes]
    statement = recording(
        tenant_id=tenant_id,
        changes=changes,
        now=now,
        request_id=request_id,
        invoice_id=invoice_id,
        only_endpoint_id=only_endpoint_id,
        ids=ids,
    )
    recorded(*join(statement))
    return ids


def recording(
    *,
    tenant_id: int,
    changes: Sequence[Change],
    now: datetime,
    request_id: str | None = None,
    invoice_id: int | None = None,
    only_endpoint_id: int | None = None,
    of_new: bool = False,
    ids: Sequence[str] | None = None,
) -> Statement:
    """Return what writes events in the trip that makes the changes; `recorded` takes its rows.

    The arguments are those of `record_all`, and the events' public ids if the caller has made them.
    With `of_new` the events are about what the trip makes, whose id is UNKNOWN_ID as yet; without
    `invoice_id` that is an invoice.
    """
    named = zip(ids or [_new_id() for _ in changes], changes, strict=True)
    return Statement(
        _RECORD_OF_NEW if of_new else _RECORD,
        {
            "tenant": tenant_id,
            "invoice": invoice_id,
            "version": API_VERSION,
            "request": request_id,
            "trace": tracing.current_parent(),
            "now": now,
            "events": strict_json.encode([_row(*one) for one in named]).decode(),
            "only": only_endpoint_id,
            "every": EVERY_TYPE,
        },
    )


def recorded(deliveries: Rows) -> None:
    """Wake those that deliver, if an endpoint asks for any of the events that were written."""
    if deliveries:
        transaction.on_commit(waking.wake)


def _new_id() -> str:
    return f"evt_{ULID()}"


def _row(public_id: str, change: Change) -> dict[str, Any]:
    """Return one event as the statement reads it: all of them are one value, as JSON.

    An array of texts would cost the driver more than all else, because it escapes each quote.
    """
    data = {"object": change.object, "previous": change.previous}
    return {"public_id": public_id, "type": change.type, "data": data}
