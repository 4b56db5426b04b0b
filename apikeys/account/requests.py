"""A merchant's own calls, read from the audit log."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from django.db.models import QuerySet
from django.urls import Resolver404, resolve

from apikeys.models import ApiKeyAuditEntry, Tenant

SHOWN_FOR: Final = timedelta(days=30)
_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """An entry of the log with the endpoint that its path leads to."""

    entry: ApiKeyAuditEntry

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # the entry's own
        return getattr(self.entry, name)

    @property
    def route(self) -> str | None:
        """The endpoint with its parameters' names, or None where the path leads nowhere."""
        return route_of(self.entry.path or "")


def made(
    *, tenant: Tenant, now: datetime, api_key_id: int | None = None, request_id: str | None = None
) -> QuerySet[ApiKeyAuditEntry]:
    """Return the calls of the last 30 days with a tenant's keys."""
    entries = ApiKeyAuditEntry.objects.for_tenant(tenant).filter(
        operation_type=ApiKeyAuditEntry.Operation.USED, created_at__gte=now - SHOWN_FOR
    )
    if api_key_id is not None:
        entries = entries.filter(api_key=api_key_id)
    if request_id is not None:
        entries = entries.filter(request_id=request_id)
    return entries


@lru_cache(maxsize=1024)
def route_of(path: str) -> str | None:
    """Return the endpoint of a path: /invoices/{invoice_id} of /invoices/17."""
    try:
        route = resolve(path).route
    except Resolver404:
        return None
    return "/" + _PARAMETER.sub(r"{\1}", route) if route else None
