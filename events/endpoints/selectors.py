"""Reading a merchant's endpoints and their deliveries."""

from django.db.models import Prefetch, QuerySet

from apikeys.models import Tenant
from events.models import Delivery, DeliveryAttempt, WebhookEndpoint


def endpoints(*, tenant: Tenant) -> QuerySet[WebhookEndpoint]:
    """Return a tenant's endpoints, but those that it deleted."""
    return WebhookEndpoint.objects.for_tenant(tenant).exclude(status=WebhookEndpoint.Status.DELETED)


def endpoint(*, tenant: Tenant, endpoint_id: int) -> WebhookEndpoint:
    """Return one endpoint.

    Raises:
        WebhookEndpoint.DoesNotExist: unknown, deleted, or another tenant's.
    """
    return endpoints(tenant=tenant).get(pk=endpoint_id)


def deliveries(*, endpoint: WebhookEndpoint) -> QuerySet[Delivery]:
    """Return the deliveries of an endpoint, with their events and attempts."""
    attempts = DeliveryAttempt.objects.order_by("number")
    return (
        Delivery.objects.filter(endpoint=endpoint)
        .select_related("event")
        .prefetch_related(Prefetch("tries", queryset=attempts))
    )
