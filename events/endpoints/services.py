"""Making, changing and ending the endpoints of a merchant."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import structlog
from django.db import IntegrityError, transaction

from apikeys.models import Tenant
from events.deliveries import addresses
from events.deliveries import services as deliveries
from events.endpoints import secrets
from events.endpoints.models import MOST_PER_TENANT, WebhookEndpoint
from events.outbox import services as outbox
from events.outbox.types import ENDPOINT_TEST, Change
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint

log = structlog.get_logger(__name__)

CHANGEABLE: Final = ("url", "event_types", "description", "contact_email")
Status = WebhookEndpoint.Status


class TooManyEndpoints(PayTrustError):
    """A tenant may have 10 webhook endpoints. Delete one first."""

    status = HTTPStatus.CONFLICT
    code = "too_many_endpoints"


def create(
    *,
    tenant: Tenant,
    url: str,
    event_types: Sequence[str],
    description: str,
    contact_email: str | None,
    now: datetime,
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; the second of the pair is its secret, shown only here.

    The database keeps a tenant to ten: each endpoint has one of ten slots.

    Raises:
        UrlNotAllowed: webhooks cannot go there.
        TooManyEndpoints: all slots are taken.

    Source: spec 9.3, 9.4, 9.6.
    """
    addresses.target_of(url, rules=deliveries.rules())
    secret = secrets.new_secret()
    for _ in range(MOST_PER_TENANT + 1):
        slot = _free_slot(tenant)
        try:
            with transaction.atomic():
                endpoint = WebhookEndpoint.objects.create(
                    tenant=tenant,
                    slot=slot,
                    url=url,
                    event_types=list(event_types),
                    description=description,
                    contact_email=contact_email,
                    sealed_secret=secrets.seal(secret),
                    key_name=secrets.newest_key_name(),
                    created_at=now,
                    updated_at=now,
                )
        except IntegrityError as error:  # another call took the slot
            if violated_constraint(error) != "webhook_endpoint_slot":
                raise
        else:
            log.info("webhook endpoint made", endpoint_id=endpoint.pk)
            return endpoint, secret
    raise TooManyEndpoints


@transaction.atomic
def change(
    *, tenant: Tenant, endpoint_id: int, changes: Mapping[str, Any], now: datetime
) -> WebhookEndpoint:
    """Change what an endpoint is, or enable or disable it (`status`).

    Raises:
        WebhookEndpoint.DoesNotExist: unknown, deleted, or another tenant's.
        UrlNotAllowed: webhooks cannot go there; nothing is changed.
    """
    endpoint = _locked(tenant, endpoint_id)
    if "url" in changes:
        addresses.target_of(changes["url"], rules=deliveries.rules())
    for name in CHANGEABLE:
        if name in changes:
            setattr(endpoint, name, changes[name])
    endpoint.updated_at = now
    endpoint.save(update_fields=[*CHANGEABLE, "updated_at"])
    wanted = changes.get("status", endpoint.status)
    if wanted != endpoint.status and wanted == Status.ENABLED:
        _enable(endpoint)
    elif wanted != endpoint.status:
        deliveries.disable(endpoint=endpoint, reason=WebhookEndpoint.Reason.MERCHANT, now=now)
    return endpoint


@transaction.atomic
def delete(*, tenant: Tenant, endpoint_id: int, now: datetime) -> None:
    """Delete an endpoint; its waiting deliveries are cancelled.

    Raises:
        WebhookEndpoint.DoesNotExist: unknown, deleted, or another tenant's.
    """
    endpoint = _locked(tenant, endpoint_id)
    endpoint.status, endpoint.updated_at = Status.DELETED, now
    endpoint.save(update_fields=["status", "updated_at"])
    deliveries.cancel_waiting(endpoint=endpoint, now=now)
    log.info("webhook endpoint deleted", endpoint_id=endpoint.pk)


@transaction.atomic
def rotate_secret(
    *, tenant: Tenant, endpoint_id: int, grace_hours: int, now: datetime
) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret, shown only here; the old one signs too until the grace ends.

    Raises:
        WebhookEndpoint.DoesNotExist: unknown, deleted, or another tenant's.

    Source: spec 9.3.
    """
    endpoint = _locked(tenant, endpoint_id)
    secret = secrets.new_secret()
    endpoint.sealed_previous_secret = endpoint.sealed_secret if grace_hours else None
    endpoint.previous_secret_until = now + timedelta(hours=grace_hours) if grace_hours else None
    endpoint.sealed_secret = secrets.seal(secret)
    endpoint.key_name, endpoint.updated_at = secrets.newest_key_name(), now
    endpoint.save(
        update_fields=[
            "sealed_secret",
            "sealed_previous_secret",
            "previous_secret_until",
            "key_name",
            "updated_at",
        ]
    )
    log.info("webhook endpoint rotated", endpoint_id=endpoint.pk)
    return endpoint, secret


@transaction.atomic
def test(*, endpoint: WebhookEndpoint, request_id: str | None, now: datetime) -> str:
    """Send an endpoint, and no other, an event of type endpoint.test; return the event's id."""
    shown = {"endpoint_id": endpoint.pk, "url": endpoint.url, "description": endpoint.description}
    return outbox.record_all(
        tenant_id=endpoint.tenant_id,
        changes=[Change(type=ENDPOINT_TEST, object=shown)],
        request_id=request_id,
        now=now,
        only_endpoint_id=endpoint.pk,
    )[0]


def _enable(endpoint: WebhookEndpoint) -> None:
    endpoint.status, endpoint.disabled_reason, endpoint.disabled_at = Status.ENABLED, None, None
    endpoint.failing_since, endpoint.is_slow = None, False
    endpoint.save(
        update_fields=["status", "disabled_reason", "disabled_at", "failing_since", "is_slow"]
    )


def _locked(tenant: Tenant, endpoint_id: int) -> WebhookEndpoint:
    mine = WebhookEndpoint.objects.for_tenant(tenant).exclude(status=Status.DELETED)
    return mine.locked().get(pk=endpoint_id)


def _free_slot(tenant: Tenant) -> int:
    mine = WebhookEndpoint.objects.for_tenant(tenant).exclude(status=Status.DELETED)
    taken = set(mine.values_list("slot", flat=True))
    free = [slot for slot in range(1, MOST_PER_TENANT + 1) if slot not in taken]
    if not free:
        raise TooManyEndpoints
    return free[0]
