"""Shapes of the API key endpoints."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers

from apikeys.keys import restrictions
from apikeys.keys.forms import KeyFormat
from apikeys.keys.restrictions import ALL_SCOPES, Restrictions
from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import (
    MomentField,
    StrictCharField,
    StrictIntegerField,
    StrictListField,
    StrictSerializer,
    UTCDateTimeField,
)

LAST_PAGE = 10**9
ISSUED_BY = ("description", "tenant_id", "tenant_name")
MOST_NETWORKS = 50
MOST_GRACE_HOURS = 72  # spec 7.7


class NetworkField(StrictCharField):
    """An address or a network in CIDR notation, kept as networks are written."""

    def to_internal_value(self, data: Any) -> str:  # noqa: ANN401  # any JSON value
        text = super().to_internal_value(data)
        try:
            return str(restrictions.network(text))
        except ValueError:
            raise serializers.ValidationError(
                "Must be an address or a network, such as 203.0.113.7 or 203.0.113.0/24."
            ) from None


class KeyRequest(StrictSerializer):
    """What a key can be restricted to."""

    scopes = StrictListField(
        child=serializers.ChoiceField(choices=ApiKey.Scope.choices),
        allow_empty=False,
        min_length=1,  # for the schema
        max_length=len(ApiKey.Scope),
        required=False,
        help_text="What the key may do.",
    )
    expires_at = UTCDateTimeField(
        required=False, allow_null=True, help_text="The first moment at which it is refused."
    )
    allowed_addresses = StrictListField(
        child=NetworkField(max_length=50),
        max_length=MOST_NETWORKS,
        required=False,
        help_text="Addresses and CIDR networks from which it may be used; none: everywhere.",
    )

    def validate_scopes(self, scopes: list[str]) -> list[str]:
        return [scope for scope in ApiKey.Scope.values if scope in scopes]  # each once

    def validate_expires_at(self, moment: datetime | None) -> datetime | None:
        if moment is not None and moment <= timezone.now():
            raise serializers.ValidationError("Must lie ahead.")
        return moment


class KeyChangeRequest(KeyRequest):
    """What a key can be changed to; what is not named stays."""

    description = StrictCharField(
        max_length=255, required=False, help_text="What the key is for: web shop."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            names = ", ".join(self.fields)
            raise serializers.ValidationError({"description": [f"Name at least one of {names}."]})
        return attrs


class NewKeyRequest(KeyRequest):
    """What every new key can be asked for; it may do everything unless it is restricted."""

    description = StrictCharField(max_length=255, help_text="What the key is for: web shop.")
    format = serializers.ChoiceField(
        choices=[(one.value, one.value) for one in KeyFormat],
        default=KeyFormat.HEX.value,
        help_text="`hex`: 64 hexadecimal characters; `prefixed`: ptk_live_ and a checksum.",
    )

    @property
    def key_format(self) -> KeyFormat:
        return KeyFormat(self.validated_data["format"])

    def restrictions(self) -> Restrictions:
        """Return what the valid body restricts the key to."""
        asked = self.validated_data
        return Restrictions(
            scopes=asked.get("scopes", ALL_SCOPES),
            expires_at=asked.get("expires_at"),
            allowed_addresses=asked.get("allowed_addresses", ()),
        )


class ApiKeyRequest(NewKeyRequest):
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

    def wanted(self) -> dict[str, Any]:
        """Return the valid body as what `issue_key` takes."""
        named = {name: self.validated_data[name] for name in ISSUED_BY}
        return {**named, "restrictions": self.restrictions(), "key_format": self.key_format}


class KeyRotationRequest(StrictSerializer):
    grace_period_hours = StrictIntegerField(
        default=0,
        min_value=0,
        max_value=MOST_GRACE_HOURS,
        help_text="For how many hours the old secret is accepted too; 0: not any more.",
    )

    format = serializers.ChoiceField(
        choices=[(one.value, one.value) for one in KeyFormat],
        required=False,
        help_text="The form of the new secret; that of the old one unless given.",
    )

    @property
    def key_format(self) -> KeyFormat | None:
        named = self.validated_data.get("format")
        return KeyFormat(named) if named else None

    @property
    def grace(self) -> timedelta:
        return timedelta(hours=self.validated_data["grace_period_hours"])


class ApiKeyResponse(serializers.ModelSerializer[ApiKey]):
    tenant_id = serializers.PrimaryKeyRelatedField[Tenant](source="tenant", read_only=True)
    successor_id = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Of an old secret: the id of the key, whose secret is another one now.",
    )

    class Meta:
        model = ApiKey
        extra_kwargs: ClassVar = {
            "grace_ends_at": {"help_text": "Of an old secret: it is refused from this moment."},
        }
        fields: tuple[str, ...] = (
            "id",
            "tenant_id",
            "description",
            "key_prefix",
            "status",
            "scopes",
            "allowed_addresses",
            "expires_at",
            "created_at",
            "rotated_at",
            "grace_ends_at",
            "successor_id",
            "revoked_at",
            "last_used_at",
        )


class NewApiKeyResponse(ApiKeyResponse):
    api_key = serializers.CharField(read_only=True, help_text="The key itself, shown this once.")

    class Meta(ApiKeyResponse.Meta):
        fields = (*ApiKeyResponse.Meta.fields, "api_key")


class RotatedApiKeyResponse(NewApiKeyResponse):
    old_secret_accepted_until = serializers.DateTimeField(
        read_only=True,
        allow_null=True,
        help_text="The first moment at which the old secret is refused; null: it is already.",
    )

    class Meta(NewApiKeyResponse.Meta):
        fields = (*NewApiKeyResponse.Meta.fields, "old_secret_accepted_until")


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
    changes = serializers.DictField(
        allow_null=True,
        help_text="Of a changed key: by field, what was there before and what is there now.",
    )

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
            "changes",
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
