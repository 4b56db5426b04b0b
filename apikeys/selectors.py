"""Reading tenants and keys."""

from apikeys.models import ApiKey, Tenant


def key_by_digest(*, digest: str) -> ApiKey | None:
    """Return the key with this digest and its tenant in one query, whatever its status."""
    return ApiKey.objects.select_related("tenant").filter(key_digest=digest).first()


def tenant_by_id(*, tenant_id: int) -> Tenant | None:
    """Return a tenant, or None if there is none."""
    return Tenant.objects.filter(pk=tenant_id).first()
