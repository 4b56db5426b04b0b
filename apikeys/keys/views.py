"""The admin API for keys."""

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.audit.recording import Caller
from apikeys.keys import selectors, services
from apikeys.keys.authentication import AdminKeyAuthentication, operator_of
from apikeys.keys.serializers import (
    ApiKeyFilter,
    ApiKeyRequest,
    ApiKeyResponse,
    AuditEntryResponse,
    AuditPageResponse,
    AuditQuery,
    KeyRotationRequest,
    NewApiKeyResponse,
    RotatedApiKeyResponse,
)
from apikeys.models import ApiKey
from paytrust.web.answers import made
from paytrust.web.pagination import NewestFirst
from paytrust.web.serializers import query_of


class ApiKeyCollection(GenericAPIView[ApiKey]):
    authentication_classes = (AdminKeyAuthentication,)
    queryset = ApiKey.objects.all()
    serializer_class = ApiKeyResponse
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="listApiKeys", parameters=[ApiKeyFilter], responses=ApiKeyResponse(many=True)
    )
    def get(self, request: Request) -> Response:
        """List API keys, newest first; a rotated one is listed beside its successor."""
        query = ApiKeyFilter(data=query_of(request))
        query.is_valid(raise_exception=True)
        page = self.paginate_queryset(query.applied_to(self.get_queryset()))
        return self.get_paginated_response(ApiKeyResponse(page, many=True).data)

    @extend_schema(
        operation_id="createApiKey", request=ApiKeyRequest, responses={201: NewApiKeyResponse}
    )
    def post(self, request: Request) -> Response:
        """Make an API key. The answer shows it once; it cannot be read again."""
        body = ApiKeyRequest(data=request.data)
        body.is_valid(raise_exception=True)
        api_key, key = services.issue_key(
            caller=operator_of(request), now=timezone.now(), **body.wanted()
        )
        return made({**ApiKeyResponse(api_key).data, "api_key": key}, at="/api-keys")


class ApiKeyDetail(APIView):
    authentication_classes = (AdminKeyAuthentication,)

    @extend_schema(operation_id="getApiKey", responses=ApiKeyResponse)
    def get(self, request: Request, key_id: int) -> Response:
        """Show an API key, without its secret."""
        try:
            return Response(ApiKeyResponse(selectors.key_by_id(key_id=key_id)).data)
        except ApiKey.DoesNotExist:
            raise Http404 from None

    @extend_schema(operation_id="revokeApiKey", responses={200: ApiKeyResponse})
    def delete(self, request: Request, key_id: int) -> Response:
        """Revoke an API key for good. The answer shows what it was; a repeat changes nothing."""
        try:
            revoked = services.revoke_key(
                key_id=key_id, caller=operator_of(request), now=timezone.now()
            )
        except ApiKey.DoesNotExist:
            raise Http404 from None
        return Response(ApiKeyResponse(revoked).data)


class ApiKeyRotation(APIView):
    authentication_classes = (AdminKeyAuthentication,)

    @extend_schema(
        operation_id="rotateApiKey",
        request=KeyRotationRequest,
        responses={200: RotatedApiKeyResponse},
    )
    def put(self, request: Request, key_id: int) -> Response:
        """Give an API key a new secret, shown once.

        The old one is refused from this moment, or is accepted too for `grace_period_hours`.
        """
        try:
            return rotated(request, key_id=key_id, caller=operator_of(request))
        except ApiKey.DoesNotExist:
            raise Http404 from None


def rotated(request: Request, *, key_id: int, caller: Caller) -> Response:
    """Rotate a key as the request's body asks, and answer with its new secret.

    Raises:
        ApiKey.DoesNotExist: there is no such key.
        ApiKeyNotActive: it was rotated or revoked before.
    """
    body = KeyRotationRequest(data=request.data)
    body.is_valid(raise_exception=True)
    now = timezone.now()
    api_key, key = services.rotate_key(
        key_id=key_id, caller=caller, now=now, grace=body.grace, key_format=body.key_format
    )
    until = now + body.grace if body.grace else None
    return Response(
        {**ApiKeyResponse(api_key).data, "api_key": key, "old_secret_accepted_until": until}
    )


class AuditLog(APIView):
    authentication_classes = (AdminKeyAuthentication,)

    @extend_schema(
        operation_id="listApiKeyAuditEntries", parameters=[AuditQuery], responses=AuditPageResponse
    )
    def get(self, request: Request) -> Response:
        """Show what was done with keys, newest first."""
        query = AuditQuery(data=query_of(request))
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        page = selectors.audit_page(
            start=asked["start_date"],
            end=asked["end_date"],
            page=asked["page"],
            page_size=asked["page_size"],
        )
        return Response(
            {
                "entries": AuditEntryResponse(page.entries, many=True).data,
                "pagination": {
                    "page": asked["page"],
                    "page_size": asked["page_size"],
                    "total_count": page.total_count,
                    "total_pages": -(-page.total_count // asked["page_size"]),
                },
            }
        )
