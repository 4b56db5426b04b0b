"""What is sent: the event's envelope, signed by Standard Webhooks v1. Spec 9.2 and 9.4."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from events.outbox.models import Event
from paytrust.web import strict_json


def envelope(event: Event) -> dict[str, Any]:
    """Return an event as merchants see it, the same each time it is read."""
    return {
        "id": event.public_id,
        "type": event.type,
        "timestamp": event.created_at.astimezone(UTC),
        "api_version": event.api_version,
        "data": {"object": event.data["object"], "previous": event.data["previous"]},
        "request_id": event.request_id,
    }


def body_of(event: Event) -> bytes:
    """Return the bytes that are sent, and signed."""
    return strict_json.encode(envelope(event))


def headers_of(
    event: Event, body: bytes, *, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """Return the headers of one attempt, signed with each secret that is in force."""
    at = now.astimezone(UTC)
    signatures = [Webhook(secret).sign(event.public_id, at, body.decode()) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": "PayTrust-Webhooks/1",
        "webhook-id": event.public_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
