"""Reading tenants, keys and what was done with them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant


def tenant_by_id(*, tenant_id: int) -> Tenant | None:
    """Return a tenant, or None if there is none."""
    return Tenant.objects.filter(pk=tenant_id).first()


def key_by_id(*, key_id: int) -> ApiKey:
    """Return a key; it may have any status.

    Raises:
        ApiKey.DoesNotExist: there is none with this id.
    """
    return ApiKey.objects.get(pk=key_id)


def keys_of(*, tenant: Tenant) -> QuerySet[ApiKey]:
    """Return a tenant's keys and old secrets."""
    return ApiKey.objects.for_tenant(tenant)


def keys_older_than(*, moment: datetime) -> QuerySet[ApiKey]:
    """Return the active keys whose secret was made before a moment, oldest first."""
    made = Coalesce("rotated_at", "created_at")
    return (
        ApiKey.objects.filter(status=ApiKey.Status.ACTIVE)
        .annotate(made_at=made)
        .filter(made_at__lt=moment)
        .order_by("made_at", "pk")
    )


@dataclass(frozen=True, slots=True)
class AuditPage:
    """A page of the audit log, and how many entries there are in all."""

    entries: list[ApiKeyAuditEntry]
    total_count: int


def audit_page(
    *, start: datetime | None, end: datetime | None, page: int, page_size: int
) -> AuditPage:
    """Return a page (1, 2 ...) of the entries from `start` up to `end`, newest first.

    Skipping to a page and counting read the index alone.
    """
    entries = ApiKeyAuditEntry.objects.order_by("-created_at", "-pk")
    if start is not None:
        entries = entries.filter(created_at__gte=start)
    if end is not None:
        entries = entries.filter(created_at__lt=end)
    skipped = (page - 1) * page_size
    places = list(entries.values_list("created_at", "pk")[skipped : skipped + page_size])
    if not places:
        return AuditPage([], entries.count())
    shown = entries.filter(
        pk__in=[pk for _, pk in places], created_at__range=(places[-1][0], places[0][0])
    )
    return AuditPage(list(shown), entries.count())


def keys(*, tenant_id: int | None = None, status: str | None = None) -> QuerySet[ApiKey]:
    """Return keys, newest first, of one tenant or of one status if given."""
    found = ApiKey.objects.order_by("-pk")
    if tenant_id is not None:
        found = found.filter(tenant_id=tenant_id)
    return found if status is None else found.filter(status=status)
