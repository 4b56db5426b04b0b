"""Notifications that failed, for operators: listed and tried again."""

from http import HTTPStatus

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.keys.authentication import AdminKeyAuthentication
from payments import tasks
from payments.booking import selectors
from payments.booking.serializers import FailedWebhookList, FailedWebhookQuery, WebhookEventResponse
from payments.models import WebhookEvent
from payments.webhooks import retrying, waking
from paytrust.web.problems import NotFound
from paytrust.web.serializers import query_of, require_no_fields


class FailedWebhooks(APIView):
    authentication_classes = (AdminKeyAuthentication,)

    @extend_schema(
        operation_id="listFailedNotifications",
        parameters=[FailedWebhookQuery],
        responses=FailedWebhookList,
    )
    def get(self, request: Request) -> Response:
        """List the notifications that could not be processed, newest first; for operators."""
        query = FailedWebhookQuery(data=query_of(request))
        query.is_valid(raise_exception=True)
        return Response(FailedWebhookList(selectors.failed_events(**query.validated_data)).data)


class WebhookRetrial(APIView):
    authentication_classes = (AdminKeyAuthentication,)

    @extend_schema(
        operation_id="retryNotification",
        request=None,
        responses={HTTPStatus.ACCEPTED: WebhookEventResponse},
    )
    def post(self, request: Request, event_id: int) -> Response:
        """Process a notification again, with all its attempts before it; for operators."""
        require_no_fields(request)
        try:
            event = retrying.retry(event_id=event_id, now=timezone.now())
        except WebhookEvent.DoesNotExist as error:
            raise NotFound(f"There is no notification {event_id}.") from error
        waking.wake(tasks.process_notifications)
        return Response(
            WebhookEventResponse(selectors.event(event_id=event.pk)).data, HTTPStatus.ACCEPTED
        )
