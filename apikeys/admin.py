"""Tenants, keys and their audit log in the admin. Hashes and digests are never shown."""

from django.contrib import admin

from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from paytrust.staff.pages import ReadOnlyAdmin


@admin.register(Tenant)
class TenantAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "created_at")
    search_fields = ("name",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    fields = (
        "tenant",
        "description",
        "key_prefix",
        "status",
        "created_at",
        "rotated_at",
        "revoked_at",
        "last_used_at",
    )
    list_display = ("id", "key_prefix", "tenant", "description", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("tenant",)
    search_fields = ("description", "key_prefix", "tenant__name")


@admin.register(ApiKeyAuditEntry)
class ApiKeyAuditEntryAdmin(ReadOnlyAdmin):
    exclude = ("old_key_hash",)
    list_display = (
        "id",
        "created_at",
        "operation_type",
        "tenant",
        "api_key",
        "actor_identifier",
        "ip_address",
        "success",
    )
    list_filter = ("operation_type", "success")
    list_select_related = ("tenant", "api_key")
