"""The merchant's webhook endpoints."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.idempotency.claims import IDEMPOTENCY_HEADER, idempotent
from apikeys.keys.authentication import tenant_of
from events.endpoints import selectors, services
from events.endpoints.serializers import (
    DeliveryFilter,
    DeliveryList,
    DeliveryResponse,
    EndpointChangeRequest,
    EndpointList,
    EndpointRequest,
    EndpointResponse,
    NewEndpointResponse,
    ReplayRequest,
    ReplayResponse,
    RotationRequest,
    TestResponse,
)
from events.models import WebhookEndpoint
from events.outbox import resending
from paytrust.web.answers import made
from paytrust.web.pagination import NewestFirst, PageQuery
from paytrust.web.problems import NotFound
from paytrust.web.request_id import request_id_of
from paytrust.web.serializers import query_of, require_no_fields


class EndpointCollection(APIView):
    answers_hold_secrets = True  # kept sealed under an Idempotency-Key

    @extend_schema(
        operation_id="createWebhookEndpoint",
        request=EndpointRequest,
        responses={HTTPStatus.CREATED: NewEndpointResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Make an endpoint. The answer shows its secret once; it cannot be read again."""
        body = EndpointRequest(data=request.data)
        body.is_valid(raise_exception=True)
        endpoint, secret = services.create(
            tenant=tenant_of(request), now=timezone.now(), **body.validated_data
        )
        return made({**EndpointResponse(endpoint).data, "secret": secret}, at="/webhook-endpoints")

    @extend_schema(
        operation_id="listWebhookEndpoints", responses=EndpointList, parameters=[PageQuery]
    )
    def get(self, request: Request) -> Response:
        """List endpoints, newest first."""
        PageQuery(data=query_of(request)).is_valid(raise_exception=True)
        page = NewestFirst()
        rows = page.paginate_queryset(selectors.endpoints(tenant=tenant_of(request)), request)
        return page.get_paginated_response(list(EndpointResponse(rows, many=True).data))


class EndpointItem(APIView):
    @extend_schema(operation_id="getWebhookEndpoint", responses=EndpointResponse)
    def get(self, request: Request, endpoint_id: int) -> Response:
        """Show an endpoint, without its secret."""
        return Response(EndpointResponse(_endpoint(request, endpoint_id)).data)

    @extend_schema(
        operation_id="updateWebhookEndpoint",
        request=EndpointChangeRequest,
        responses=EndpointResponse,
    )
    def patch(self, request: Request, endpoint_id: int) -> Response:
        """Change an endpoint; `status` enables one that was disabled."""
        body = EndpointChangeRequest(data=request.data)
        body.is_valid(raise_exception=True)
        with _missing_is_not_found():
            endpoint = services.change(
                tenant=tenant_of(request),
                endpoint_id=endpoint_id,
                changes=body.validated_data,
                now=timezone.now(),
            )
        return Response(EndpointResponse(endpoint).data)

    @extend_schema(operation_id="deleteWebhookEndpoint", responses={HTTPStatus.NO_CONTENT: None})
    def delete(self, request: Request, endpoint_id: int) -> Response:
        """Delete an endpoint; its waiting deliveries are cancelled."""
        with _missing_is_not_found():
            services.delete(tenant=tenant_of(request), endpoint_id=endpoint_id, now=timezone.now())
        return Response(status=HTTPStatus.NO_CONTENT)


class EndpointSecret(APIView):
    answers_hold_secrets = True  # kept sealed under an Idempotency-Key

    @extend_schema(
        operation_id="rotateWebhookEndpointSecret",
        request=RotationRequest,
        responses={HTTPStatus.OK: NewEndpointResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent
    def post(self, request: Request, endpoint_id: int) -> Response:
        """Give an endpoint a new secret, shown once; the old one signs too for the grace hours."""
        body = RotationRequest(data=request.data)
        body.is_valid(raise_exception=True)
        with _missing_is_not_found():
            endpoint, secret = services.rotate_secret(
                tenant=tenant_of(request),
                endpoint_id=endpoint_id,
                now=timezone.now(),
                **body.validated_data,
            )
        return Response({**EndpointResponse(endpoint).data, "secret": secret})


class EndpointTest(APIView):
    @extend_schema(
        operation_id="testWebhookEndpoint",
        request=None,
        responses={HTTPStatus.ACCEPTED: TestResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent
    def post(self, request: Request, endpoint_id: int) -> Response:
        """Send an event of type endpoint.test to this endpoint alone."""
        require_no_fields(request)
        endpoint = _endpoint(request, endpoint_id)
        if endpoint.status != WebhookEndpoint.Status.ENABLED:
            raise resending.EndpointDisabled
        event_id = services.test(
            endpoint=endpoint,
            request_id=request_id_of(request._request),  # noqa: SLF001  # DRF's wrapper hides it
            now=timezone.now(),
        )
        return Response({"event_id": event_id}, HTTPStatus.ACCEPTED)


class EndpointReplay(APIView):
    @extend_schema(
        operation_id="replayEvents",
        request=ReplayRequest,
        responses={HTTPStatus.ACCEPTED: ReplayResponse},
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent
    def post(self, request: Request, endpoint_id: int) -> Response:
        """Send the events of a time again to this endpoint."""
        body = ReplayRequest(data=request.data)
        body.is_valid(raise_exception=True)
        replayed = resending.replay(
            tenant=tenant_of(request),
            endpoint=_endpoint(request, endpoint_id),
            now=timezone.now(),
            **body.validated_data,
        )
        return Response({"replayed": replayed}, HTTPStatus.ACCEPTED)


class EndpointDeliveries(APIView):
    @extend_schema(
        operation_id="listWebhookEndpointDeliveries",
        responses=DeliveryList,
        parameters=[DeliveryFilter],
    )
    def get(self, request: Request, endpoint_id: int) -> Response:
        """List this endpoint's deliveries, newest first, with each attempt."""
        wanted = DeliveryFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        deliveries = selectors.deliveries(endpoint=_endpoint(request, endpoint_id))
        page = NewestFirst()
        rows = page.paginate_queryset(wanted.applied_to(deliveries), request)
        return page.get_paginated_response(list(DeliveryResponse(rows, many=True).data))


def _endpoint(request: Request, endpoint_id: int) -> WebhookEndpoint:
    with _missing_is_not_found():
        return selectors.endpoint(tenant=tenant_of(request), endpoint_id=endpoint_id)


@contextmanager
def _missing_is_not_found() -> Iterator[None]:
    try:
        yield
    except WebhookEndpoint.DoesNotExist as error:
        raise NotFound from error
