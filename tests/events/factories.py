"""Rows of the events app for tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from apikeys.models import Tenant
from events.endpoints import secrets
from events.models import Event, WebhookEndpoint
from events.outbox import services
from events.outbox.types import Change

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def endpoint(tenant: Tenant, url: str = "http://127.0.0.1:9/hook", **given: Any) -> WebhookEndpoint:
    """Make an endpoint whose secret is SECRET."""
    defaults = {
        "slot": WebhookEndpoint.objects.filter(tenant=tenant).count() + 1,
        "event_types": ["*"],
        "sealed_secret": secrets.seal(SECRET),
        "key_name": secrets.newest_key_name(),
        "created_at": NOON,
        "updated_at": NOON,
    }
    return WebhookEndpoint.objects.create(tenant=tenant, url=url, **{**defaults, **given})


def events(
    tenant: Tenant,
    types: Sequence[str] = ("invoice.paid",),
    *,
    invoice_id: int | None = 7,
    now: datetime = NOON,
) -> list[Event]:
    """Write events in a transaction of their own."""
    with transaction.atomic():
        ids = services.record_all(
            tenant_id=tenant.pk,
            changes=[
                Change(type=name, object={"id": invoice_id, "n": n}, previous={"status": "pending"})
                for n, name in enumerate(types)
            ],
            invoice_id=invoice_id,
            request_id="request-1",
            now=now,
        )
    return list(Event.objects.filter(public_id__in=ids).order_by("pk"))
