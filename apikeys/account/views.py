"""A merchant manages its own keys with one of them.

These calls take no Idempotency-Key: the answer, which holds a secret, would have to be stored.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.account import requests, rules
from apikeys.account.serializers import (
    OwnKeyFilter,
    OwnKeyList,
    OwnRequestFilter,
    OwnRequestList,
    OwnRequestResponse,
)
from apikeys.keys import selectors, services
from apikeys.keys.authentication import key_of, merchant_of, tenant_of
from apikeys.keys.serializers import (
    ApiKeyResponse,
    KeyChangeRequest,
    KeyRotationRequest,
    NewApiKeyResponse,
    NewKeyRequest,
    RotatedApiKeyResponse,
)
from apikeys.keys.views import rotated
from apikeys.models import ApiKey
from apikeys.tenants import wall
from paytrust.web.pagination import NewestFirst
from paytrust.web.problems import NotFound
from paytrust.web.serializers import query_of


class OwnKeys(APIView):
    @extend_schema(
        operation_id="listOwnApiKeys",
        summary="List your API keys",
        tags=["Account"],
        parameters=[OwnKeyFilter],
        responses=OwnKeyList,
    )
    def get(self, request: Request) -> Response:
        """List your keys, newest first; an old secret is listed beside its key."""
        wanted = OwnKeyFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        keys = selectors.keys_of(tenant=tenant_of(request))
        if status := wanted.validated_data.get("status"):
            keys = keys.filter(status=status)
        page = NewestFirst()
        rows = page.paginate_queryset(keys, request)
        return page.get_paginated_response(list(ApiKeyResponse(rows, many=True).data))

    @extend_schema(
        operation_id="createOwnApiKey",
        summary="Make another API key",
        tags=["Account"],
        request=NewKeyRequest,
        responses={201: NewApiKeyResponse},
    )
    def post(self, request: Request) -> Response:
        """Make another key of yours. The answer shows it once; it cannot be read again."""
        body = NewKeyRequest(data=request.data)
        body.is_valid(raise_exception=True)
        mine = key_of(request)
        rules.require_full(mine)
        wanted = rules.within(mine, body.restrictions())
        rules.require_covered(mine, wanted)
        rules.require_room(mine)
        with wall.beside(mine.tenant_id):
            api_key, key = services.issue_key(
                tenant_id=mine.tenant_id,
                tenant_name=None,
                caller=merchant_of(request),
                now=timezone.now(),
                description=body.validated_data["description"],
                restrictions=wanted,
                key_format=body.key_format,
            )
        return Response({**ApiKeyResponse(api_key).data, "api_key": key}, HTTPStatus.CREATED)


class OwnKey(APIView):
    @extend_schema(
        operation_id="getOwnApiKey",
        summary="Show an API key of yours",
        tags=["Account"],
        responses=ApiKeyResponse,
    )
    def get(self, request: Request, key_id: int) -> Response:
        """Show a key of yours, without its secret."""
        with _missing_is_not_found():
            shown = selectors.keys_of(tenant=tenant_of(request)).get(pk=key_id)
        return Response(ApiKeyResponse(shown).data)

    @extend_schema(
        operation_id="changeOwnApiKey",
        summary="Change an API key of yours",
        tags=["Account"],
        request=KeyChangeRequest,
        responses={200: ApiKeyResponse},
    )
    def patch(self, request: Request, key_id: int) -> Response:
        """Change what a key of yours is called or restricted to; what is not named stays.

        Wider or narrower, but never wider than the key that makes this call, whose own
        description is all that it can change of itself. Old secrets in their grace follow.
        """
        body = KeyChangeRequest(data=request.data)
        body.is_valid(raise_exception=True)
        mine = key_of(request)
        with _missing_is_not_found():
            wanted = selectors.keys_of(tenant=mine.tenant).get(pk=key_id)
        rules.require_full(mine)
        rules.require_only_description(mine, wanted.key_id, body.validated_data)
        with wall.beside(mine.tenant_id):
            changed = services.change_key(
                key_id=wanted.pk,
                changes=body.validated_data,
                require_allowed=partial(rules.require_covered, mine),
                caller=merchant_of(request),
                now=timezone.now(),
            )
        return Response(ApiKeyResponse(changed).data)

    @extend_schema(
        operation_id="revokeOwnApiKey",
        summary="Revoke an API key of yours",
        tags=["Account"],
        responses={200: ApiKeyResponse},
    )
    def delete(self, request: Request, key_id: int) -> Response:
        """Revoke another key of yours for good, with its old secrets.

        A repeat changes nothing. The key that makes this call cannot end itself.
        """
        mine = key_of(request)
        with _missing_is_not_found():
            wanted = selectors.keys_of(tenant=mine.tenant).get(pk=key_id)
        rules.require_full(mine)
        rules.require_another(mine, wanted.pk)
        with wall.beside(mine.tenant_id):
            revoked = services.revoke_key(
                key_id=wanted.pk, caller=merchant_of(request), now=timezone.now()
            )
        return Response(ApiKeyResponse(revoked).data)


class OwnKeyRotation(APIView):
    @extend_schema(
        operation_id="rotateOwnApiKey",
        summary="Rotate an API key of yours",
        tags=["Account"],
        request=KeyRotationRequest,
        responses={200: RotatedApiKeyResponse},
    )
    def put(self, request: Request, key_id: int) -> Response:
        """Give a key of yours, also the one that makes this call, a new secret, shown once.

        The old one is refused from this moment, or is accepted too for `grace_period_hours`.
        """
        mine = key_of(request)
        with _missing_is_not_found():
            wanted = selectors.keys_of(tenant=mine.tenant).get(pk=key_id)
        rules.require_full(mine)
        rules.require_covered(mine, wanted)
        with wall.beside(mine.tenant_id):
            return rotated(request, key_id=wanted.pk, caller=merchant_of(request))


class OwnRequests(APIView):
    @extend_schema(
        operation_id="listOwnRequests",
        summary="List your calls",
        tags=["Account"],
        parameters=[OwnRequestFilter],
        responses=OwnRequestList,
    )
    def get(self, request: Request) -> Response:
        """List the calls of the last 30 days with keys of yours, newest first.

        A call that is refused because its key is expired, rotated or revoked is there too.
        """
        wanted = OwnRequestFilter(data=query_of(request))
        wanted.is_valid(raise_exception=True)
        tenant = tenant_of(request)
        page = NewestFirst()
        with wall.beside(tenant.pk):
            made = requests.made(
                tenant=tenant,
                now=timezone.now(),
                api_key_id=wanted.validated_data.get("api_key_id"),
                request_id=wanted.validated_data.get("request_id"),
            )
            rows = page.paginate_queryset(made, request)
        shown = [requests.OwnRequest(row) for row in rows]
        return page.get_paginated_response(list(OwnRequestResponse(shown, many=True).data))


@contextmanager
def _missing_is_not_found() -> Iterator[None]:
    """Answer 404 for what does not exist and for another tenant's: the same answer."""
    try:
        yield
    except ApiKey.DoesNotExist as error:
        raise NotFound from error
