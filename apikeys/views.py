"""The admin API for keys."""

from http import HTTPStatus

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys import services
from apikeys.authentication import ADMIN, AdminKeyAuthentication
from apikeys.serializers import ApiKeyRequest, ApiKeyResponse, NewApiKeyResponse


class ApiKeyCollection(APIView):
    authentication_classes = (AdminKeyAuthentication,)

    @extend_schema(request=ApiKeyRequest, responses={201: NewApiKeyResponse})
    def post(self, request: Request) -> Response:
        """Make an API key. The answer shows it once; it cannot be read again."""
        body = ApiKeyRequest(data=request.data)
        body.is_valid(raise_exception=True)
        api_key, key = services.issue_key(
            actor=ADMIN,
            ip_address=request.META.get("REMOTE_ADDR") or None,
            now=timezone.now(),
            **body.validated_data,
        )
        return Response({**ApiKeyResponse(api_key).data, "api_key": key}, HTTPStatus.CREATED)
