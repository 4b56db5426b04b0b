"""The merchant's events."""

from http import HTTPStatus
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from apikeys.idempotency.claims import IDEMPOTENCY_HEADER, idempotent
from apikeys.keys.access import entered_along
from apikeys.keys.authentication import tenant_of
from events.deliveries import signing
from events.models import Event
from events.outbox import resending, selectors, waiting
from events.outbox.selectors import Place, Turn
from events.outbox.serializers import EventList, EventResponse, EventsQuery, ResendResponse
from paytrust.operations.trips import Statement
from paytrust.web.pagination import DEFAULT_LIMIT
from paytrust.web.problems import NotFound
from paytrust.web.serializers import query_of, require_no_fields


class EventCollection(APIView):
    @extend_schema(operation_id="listEvents", responses=EventList, parameters=[EventsQuery])
    def get(self, request: Request) -> Response:
        """List events, oldest first; with `wait`, wait for one. Go on from `cursor`."""
        query = EventsQuery(data=query_of(request))
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        tenant, cursor = tenant_of(request), asked.get("cursor")
        after = Place.parse(cursor) if cursor is not None else None

        def look(*along: Statement) -> Turn:
            return selectors.turn(
                tenant=tenant,
                after=after,
                since=asked["since"],
                types=asked["types"],
                limit=asked.get("limit", DEFAULT_LIMIT),
                along=along,
            )

        if asked["wait"]:
            found = waiting.until_there_are_some(look, wait_seconds=asked["wait"])
        else:
            with entered_along(request) as entry:
                found = look(entry)
        return Response(_page(request, found))


class EventItem(APIView):
    @extend_schema(operation_id="getEvent", responses=EventResponse)
    def get(self, request: Request, event_id: str) -> Response:
        """Show an event as it was sent."""
        return Response(signing.envelope(_event(request, event_id)))


class EventResending(APIView):
    @extend_schema(
        operation_id="resendEvent",
        request=None,
        responses={HTTPStatus.ACCEPTED: ResendResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent
    def post(self, request: Request, event_id: str) -> Response:
        """Send an event again to each enabled endpoint that asks for its type."""
        require_no_fields(request)
        event = _event(request, event_id)
        endpoints = resending.resend(event=event, now=timezone.now())
        return Response({"event_id": event.public_id, "endpoints": endpoints}, HTTPStatus.ACCEPTED)


def _event(request: Request, public_id: str) -> Event:
    try:
        return selectors.event(tenant=tenant_of(request), public_id=public_id)
    except Event.DoesNotExist as error:
        raise NotFound from error


def _page(request: Request, found: Turn) -> dict[str, Any]:
    cursor = str(found.after)
    address = request.build_absolute_uri()
    return {
        "results": [signing.envelope(event) for event in found.events],
        "next": replace_query_param(address, "cursor", cursor) if found.is_more else None,
        "previous": None,
        "cursor": cursor,
    }
