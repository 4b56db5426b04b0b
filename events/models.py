"""Gathers the models of the events app for Django."""

from events.deliveries.models import Delivery, DeliveryAttempt
from events.endpoints.models import WebhookEndpoint
from events.outbox.models import Event

__all__ = ["Delivery", "DeliveryAttempt", "Event", "WebhookEndpoint"]
