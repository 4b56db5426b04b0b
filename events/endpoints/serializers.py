"""Shapes of the webhook endpoints."""

from typing import Any

from django.core.validators import validate_email
from django.db.models import QuerySet
from rest_framework import serializers

from events.deliveries.addresses import LONGEST_URL
from events.models import Delivery, DeliveryAttempt, WebhookEndpoint
from events.outbox.types import EVERY_TYPE, TYPES
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import (
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    UTCDateTimeField,
)

LONGEST_GRACE, USUAL_GRACE = 72, 24  # hours
STATUSES = ["enabled", "disabled"]
TYPES_OR_ALL = [EVERY_TYPE, *TYPES]


class EventTypesField(serializers.ListField):
    """Types that exist, each once; or the star, for all."""

    child = serializers.ChoiceField(choices=TYPES_OR_ALL)

    def to_internal_value(self, data: Any) -> list[str]:  # noqa: ANN401  # any JSON value
        types: list[str] = super().to_internal_value(data)
        if len(set(types)) < len(types):
            raise serializers.ValidationError("Each type must be given only once.")
        if EVERY_TYPE in types and len(types) > 1:
            raise serializers.ValidationError("The star stands for all types: give it alone.")
        return types


class EndpointRequest(StrictSerializer):
    url = StrictCharField(max_length=LONGEST_URL, help_text="https://, on the open Internet")
    event_types = EventTypesField(
        default=[EVERY_TYPE], min_length=1, max_length=len(TYPES), help_text='all if ["*"]'
    )
    description = StrictCharField(max_length=255, allow_blank=True, default="")
    contact_email = StrictCharField(
        max_length=254,
        default=None,
        allow_null=True,
        validators=[validate_email],
        help_text="who gets a message when the endpoint is disabled",
    )


class EndpointChangeRequest(StrictSerializer):
    url = StrictCharField(max_length=LONGEST_URL, required=False)
    event_types = EventTypesField(required=False, min_length=1, max_length=len(TYPES))
    description = StrictCharField(max_length=255, allow_blank=True, required=False)
    contact_email = StrictCharField(
        max_length=254, required=False, allow_null=True, validators=[validate_email]
    )
    status = serializers.ChoiceField(
        choices=STATUSES, required=False, help_text="enable it again, or disable it"
    )


class EndpointResponse(serializers.ModelSerializer[WebhookEndpoint]):
    event_types = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = WebhookEndpoint
        fields: tuple[str, ...] = (
            "id",
            "url",
            "event_types",
            "description",
            "contact_email",
            "status",
            "disabled_reason",
            "disabled_at",
            "failing_since",
            "previous_secret_until",
            "created_at",
            "updated_at",
        )


class NewEndpointResponse(EndpointResponse):
    secret = serializers.CharField(read_only=True, help_text="whsec_..., shown this once")

    class Meta(EndpointResponse.Meta):
        fields = (*EndpointResponse.Meta.fields, "secret")


class EndpointList(serializers.Serializer[Any]):
    results = EndpointResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class RotationRequest(StrictSerializer):
    grace_hours = StrictIntegerField(
        default=USUAL_GRACE,
        min_value=0,
        max_value=LONGEST_GRACE,
        help_text="how long the old secret signs too",
    )


class TestResponse(serializers.Serializer[Any]):
    event_id = serializers.CharField()


class ReplayRequest(StrictSerializer):
    since = UTCDateTimeField()
    until = UTCDateTimeField()
    types = serializers.ListField(
        child=serializers.ChoiceField(choices=TYPES), default=[], max_length=len(TYPES)
    )
    only_failed = StrictBooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["until"] <= attrs["since"]:
            raise serializers.ValidationError({"until": ["Must lie after since."]})
        return attrs


class ReplayResponse(serializers.Serializer[Any]):
    replayed = serializers.IntegerField(help_text="how many events are sent again")


class DeliveryFilter(PageQuery):
    status = serializers.ChoiceField(choices=Delivery.Status.choices, required=False)
    event_id = serializers.CharField(max_length=30, required=False)

    def applied_to(self, deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Return the deliveries that the valid query asks for."""
        asked = self.validated_data
        if "status" in asked:
            deliveries = deliveries.filter(status=asked["status"])
        if "event_id" in asked:
            deliveries = deliveries.filter(event__public_id=asked["event_id"])
        return deliveries


class AttemptResponse(serializers.ModelSerializer[DeliveryAttempt]):
    ms = serializers.IntegerField(source="duration_ms")
    http_status = serializers.IntegerField(source="status_code", allow_null=True)

    class Meta:
        model = DeliveryAttempt
        fields = ("number", "attempted_at", "ms", "http_status", "error", "answer")


class DeliveryResponse(serializers.ModelSerializer[Delivery]):
    event_id = serializers.CharField(source="event.public_id")
    event_type = serializers.CharField(source="event.type")
    attempts = AttemptResponse(many=True, source="tries")

    class Meta:
        model = Delivery
        fields = (
            "id",
            "event_id",
            "event_type",
            "status",
            "created_at",
            "next_attempt_at",
            "ended_at",
            "attempts",
        )


class DeliveryList(serializers.Serializer[Any]):
    results = DeliveryResponse(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
