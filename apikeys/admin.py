"""Tenants, keys and their audit log in the admin. Hashes and digests are never shown."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Shows rows; they are made and changed elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Tenant)
class TenantAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "created_at")
    search_fields = ("name",)
    ordering = ("-id",)


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
    ordering = ("-id",)


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
    ordering = ("-id",)
    show_full_result_count = False
