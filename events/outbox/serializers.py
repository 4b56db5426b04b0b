"""Shapes of the endpoints that show events."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.outbox.types import TYPES
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import MomentField

LONGEST_WAIT = 25  # seconds


@extend_schema_field({"type": "string", "description": "one type, or several with commas between"})
class TypesField(serializers.Field[Any, Any, Any, Any]):
    """Types of events in a query."""

    def to_internal_value(self, data: Any) -> list[str]:  # noqa: ANN401  # any value
        types = str(data).split(",")
        if unknown := [name for name in types if name not in TYPES]:
            raise serializers.ValidationError(f"There is no type {unknown[0]!r}.")
        return types


class EventsQuery(PageQuery):
    types = TypesField(default=list)
    since = MomentField(default=None, help_text="what happened at or after this moment")
    wait = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=LONGEST_WAIT,
        help_text="seconds to wait for an event if there is none",
    )


class EventData(serializers.Serializer[Any]):
    object = serializers.DictField(help_text="as GET showed it then, without line_items")
    previous = serializers.DictField(help_text="what the fields that changed were before")


class EventResponse(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="evt_ and a ULID; the same each time it is sent")
    type = serializers.ChoiceField(choices=TYPES)
    timestamp = serializers.DateTimeField()
    api_version = serializers.CharField()
    data = EventData()  # type: ignore[assignment]  # DRF's own attribute of that name
    request_id = serializers.CharField(allow_null=True)


class EventList(serializers.Serializer[Any]):
    results = EventResponse(many=True, help_text="the oldest first")
    next = serializers.URLField(allow_null=True, help_text="more that is there already")
    previous = serializers.URLField(allow_null=True, help_text="always null: keep your cursor")
    cursor = serializers.CharField(help_text="where to go on from, also if there was nothing")


class ResendResponse(serializers.Serializer[Any]):
    event_id = serializers.CharField()
    endpoints = serializers.IntegerField(help_text="how many get it again")
