"""Shapes of the API key endpoints."""

from typing import Any

from rest_framework import serializers

from apikeys.models import ApiKey, Tenant
from paytrust.serializers import StrictCharField, StrictIntegerField, StrictSerializer


class ApiKeyRequest(StrictSerializer):
    description = StrictCharField(max_length=255)
    tenant_id = StrictIntegerField(default=None, min_value=1)
    tenant_name = StrictCharField(
        default=None, max_length=140, help_text="The tenant of this name; a new one if none has it"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["tenant_id"] is not None and attrs["tenant_name"] is not None:
            raise serializers.ValidationError(
                {"tenant_name": ["Give tenant_id or tenant_name, not both."]}
            )
        return attrs


class ApiKeyResponse(serializers.ModelSerializer[ApiKey]):
    tenant_id = serializers.PrimaryKeyRelatedField[Tenant](source="tenant", read_only=True)

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "tenant_id",
            "description",
            "key_prefix",
            "status",
            "created_at",
            "rotated_at",
            "revoked_at",
            "last_used_at",
        )


class NewApiKeyResponse(ApiKeyResponse):
    api_key = serializers.CharField(
        read_only=True, help_text="The key itself, shown this once: 64 hexadecimal characters"
    )

    class Meta(ApiKeyResponse.Meta):
        fields = (*ApiKeyResponse.Meta.fields, "api_key")
