"""Paths of the events app."""

from django.urls import path

from events.endpoints import views as endpoints
from events.outbox import views as outbox

urlpatterns = [
    path("events", outbox.EventCollection.as_view()),
    path("events/<name:event_id>", outbox.EventItem.as_view()),
    path("events/<name:event_id>/resend", outbox.EventResending.as_view()),
    path("webhook-endpoints", endpoints.EndpointCollection.as_view()),
    path("webhook-endpoints/<id:endpoint_id>", endpoints.EndpointItem.as_view()),
    path("webhook-endpoints/<id:endpoint_id>/rotate-secret", endpoints.EndpointSecret.as_view()),
    path("webhook-endpoints/<id:endpoint_id>/test", endpoints.EndpointTest.as_view()),
    path("webhook-endpoints/<id:endpoint_id>/replay", endpoints.EndpointReplay.as_view()),
    path("webhook-endpoints/<id:endpoint_id>/deliveries", endpoints.EndpointDeliveries.as_view()),
]
