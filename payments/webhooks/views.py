"""Where gateways post their notifications: checked, stored, answered; processed later."""

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments import tasks
from payments.webhooks import receiving
from paytrust.operations import queue


class GatewayNotification(APIView):
    """A gateway's endpoint; its proof of authenticity takes the place of an API key."""

    authentication_classes = ()
    takes_any_body = True  # whatever a gateway calls it; see BodyLimitMiddleware
    gateway_code: ClassVar[str]

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        """Store a notification and answer; a duplicate is answered alike, without effect."""
        event = receiving.receive(
            gateway_code=self.gateway_code,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request._request.body,  # noqa: SLF001  # the bytes as received are what is signed
            now=timezone.now(),
        )
        if event is not None and event.next_attempt_at is not None:
            queue.publish(tasks.process_webhook_event, event_id=event.pk)
        return Response({"status": "ok"})


class XenditNotification(GatewayNotification):
    gateway_code = "xendit"


class MidtransNotification(GatewayNotification):
    gateway_code = "midtrans"
