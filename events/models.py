"""Gathers what merchants are told, whom, and each try to do so, for Django."""

from events.deliveries.models import Delivery, DeliveryAttempt
from events.endpoints.models import WebhookEndpoint
from events.outbox.models import Event

__all__ = ["Delivery", "DeliveryAttempt", "Event", "WebhookEndpoint"]
