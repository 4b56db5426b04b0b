"""Stored notifications for tests."""

import json
from typing import Any

from django.utils import timezone

from invoices.models import PaymentRequest
from payments.models import WebhookEvent
from paytrust.money import Money


def failed_event(request: PaymentRequest, *, says: str = "PAID", **fields: Any) -> WebhookEvent:
    """Store a Xendit notification about a payment that was given up."""
    body = {
        "id": request.gateway_payment_id,
        "external_id": request.reference,
        "status": says,
        "currency": request.currency_code,
        "amount": float(Money(request.amount, request.currency_code).whole()),
        "paid_amount": float(Money(request.amount, request.currency_code).whole()),
        "paid_at": "2026-11-22T12:00:00.000Z",
        "created": "2026-11-22T11:00:00.000Z",
        "updated": "2026-11-22T12:00:00.000Z",
    }
    now = timezone.now()
    return WebhookEvent.objects.create(
        **{
            "gateway_id": 1,
            "event_id": f"event of {request.reference}",
            "reference": request.reference,
            "body": json.dumps(body).encode(),
            "status": "failed",
            "outcome": "not_confirmed",
            "failure_reason": "The notification says PAID, the gateway says PENDING.",
            "attempts": 4,
            "received_at": now,
            "processed_at": now,
            "tenant_id": request.tenant_id,
            **fields,
        }
    )
