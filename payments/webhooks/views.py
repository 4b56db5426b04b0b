"""Where gateways post their notifications: checked, stored, answered; processed later."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.limits import throttling
from gateways import descriptors
from gateways.adapter import NotificationNotAuthentic
from gateways.descriptor import GatewayDescriptor
from payments import tasks
from payments.webhooks import receiving, waking
from paytrust.operations import queue
from paytrust.web.problems import NotFound

FAILURES = "webhook-failures"


class GatewayNotification(APIView):
    """A gateway's endpoint; its proof of authenticity takes the place of an API key."""

    authentication_classes = ()
    takes_any_body = True  # whatever a gateway calls it; see BodyLimitMiddleware
    body_limit_setting = "WEBHOOK_BODY_LIMIT_BYTES"

    def initial(self, request: Request, *args: object, **path: str) -> None:
        """Know nothing of gateways that are not served, whatever the method."""
        super().initial(request, *args, **path)
        _gateway_at(path["webhook_name"])

    @extend_schema(exclude=True)
    def post(self, request: Request, webhook_name: str) -> Response:
        """Store a notification and answer; a duplicate gets the same answer and has no effect."""
        throttling.refuse_flood(request, of=FAILURES)
        try:
            event = receiving.receive(
                gateway_code=_gateway_at(webhook_name).code,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=request._request.body,  # noqa: SLF001  # the bytes received are what is signed
                now=timezone.now(),
            )
        except NotificationNotAuthentic:
            throttling.count_failure(request, of=FAILURES)
            raise
        if event is not None and event.next_attempt_at is not None:
            waking.wake(tasks.process_notifications)
        elif event is not None and (about := receiving.payment_to_ask_about(event)) is not None:
            queue.publish(tasks.ask_about_payment, payment_request_id=about.pk)
        return Response({"status": "ok"})


def _gateway_at(webhook_name: str) -> GatewayDescriptor:
    for one in descriptors.all_served():
        if one.webhook_name == webhook_name:
            return one
    raise NotFound(f"There is nothing at /webhooks/{webhook_name}.")
