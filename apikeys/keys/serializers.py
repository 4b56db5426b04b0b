"""Shapes of the API key endpoints."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import (
    MomentField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
)

LAST_PAGE = 10**9


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


class ApiKeyFilter(PageQuery):
    tenant_id = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    status = serializers.ChoiceField(choices=ApiKey.Status.choices, required=False)

    def applied_to(self, keys: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        """Return the keys that the valid query asks for."""
        names = ("tenant_id", "status")
        return keys.filter(
            **{name: self.validated_data[name] for name in names if name in self.validated_data}
        )


class AuditQuery(StrictSerializer):
    page = serializers.IntegerField(default=1, min_value=1, max_value=LAST_PAGE)
    page_size = serializers.IntegerField(default=20, min_value=1, max_value=100)
    start_date = MomentField(default=None, help_text="at or after this moment")
    end_date = MomentField(default=None, help_text="before this moment")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs["start_date"], attrs["end_date"]
        if start is not None and end is not None and start > end:
            raise serializers.ValidationError({"end_date": ["Must not lie before start_date."]})
        return attrs


class AuditEntryResponse(serializers.ModelSerializer[ApiKeyAuditEntry]):
    api_key_id = serializers.IntegerField()
    tenant_id = serializers.IntegerField()

    class Meta:
        model = ApiKeyAuditEntry
        fields = (
            "id",
            "api_key_id",
            "tenant_id",
            "operation_type",
            "actor_identifier",
            "ip_address",
            "method",
            "path",
            "status_code",
            "request_id",
            "success",
            "error_message",
            "created_at",
        )


class AuditPagination(serializers.Serializer[Any]):
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    total_count = serializers.IntegerField()
    total_pages = serializers.IntegerField()


class AuditPageResponse(serializers.Serializer[Any]):
    entries = AuditEntryResponse(many=True)
    pagination = AuditPagination()
