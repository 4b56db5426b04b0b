"""Taking a customer out of events: the one change of an event that the database lets through."""

from collections.abc import Collection
from typing import Any, Final

from django.db import connection

from events.models import Event
from paytrust.web import strict_json

PERSON = "customer"
_WRITE: Final = "UPDATE events_event SET data = %s::json WHERE id = %s"
PLACES = ("object", "previous")  # of an event's data that may show it


def erase_customer(*, tenant_id: int, invoice_ids: Collection[int]) -> int:
    """Blank the customer in all events of these invoices; return in how many it was.

    Deliveries that are still to come carry the blank, too.
    """
    erased = 0
    for event in Event.objects.filter(tenant_id=tenant_id, invoice_id__in=invoice_ids):
        if _blank(event.data):
            # Not by the model: the column keeps numbers and the order of members as they are here.
            with connection.cursor() as cursor:
                cursor.execute(_WRITE, [strict_json.encode(event.data).decode(), event.pk])
            erased += 1
    return erased


def _blank(data: dict[str, Any]) -> bool:
    shown = [data[place] for place in PLACES if isinstance(data.get(place), dict)]
    found = [one for one in shown if one.get(PERSON) is not None]
    for one in found:
        one[PERSON] = None
    return bool(found)
