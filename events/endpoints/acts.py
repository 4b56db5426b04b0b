"""What operators do about endpoints and deliveries. Each act is recorded."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from events.deliveries import services as deliveries
from events.models import Delivery, WebhookEndpoint
from events.outbox import resending

ENDPOINT_DISABLED: Final = kinds.register("endpoint_disabled", _("disabled a webhook endpoint"))
DELIVERY_RESENT: Final = kinds.register("delivery_resent", _("sent an event to a merchant again"))


def disable(*, actor: Actor, endpoint: WebhookEndpoint, reason: str, now: datetime) -> None:
    """Disable an endpoint until the merchant enables it again.

    Raises:
        MissingReason: say why.
        EndpointDisabled: it is disabled already, or deleted.
    """
    reason = recording.required_reason(reason)
    with (
        recording.recorded(
            actor=actor,
            act=ENDPOINT_DISABLED,
            about=endpoint,
            reason=reason,
            tenant_id=endpoint.tenant_id,
            now=now,
        ),
        transaction.atomic(),
    ):
        locked = WebhookEndpoint.objects.locked().get(pk=endpoint.pk)
        if locked.status != WebhookEndpoint.Status.ENABLED:
            raise resending.EndpointDisabled
        deliveries.disable(endpoint=locked, reason=WebhookEndpoint.Reason.STAFF, now=now)


def resend(*, actor: Actor, delivery: Delivery, reason: str, now: datetime) -> None:
    """Send an event to one endpoint again.

    Raises:
        MissingReason: say why.
        EndpointDisabled: it is disabled, so nothing is sent.
    """
    reason = recording.required_reason(reason)
    with recording.recorded(
        actor=actor,
        act=DELIVERY_RESENT,
        about=delivery,
        reason=reason,
        tenant_id=delivery.tenant_id,
        invoice_id=delivery.invoice_id,
        now=now,
    ):
        resending.resend_to(event=delivery.event, endpoint=delivery.endpoint, now=now)
