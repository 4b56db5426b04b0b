from typing import Any

import pytest
from django.test import Client
from django.urls import path
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from structlog import contextvars
from structlog.testing import capture_logs

from apikeys.keys import hashing
from apikeys.keys.authentication import AdminKeyAuthentication, tenant_of
from apikeys.models import ApiKey
from tests.apikeys.factories import NOON, api_key

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class MerchantView(APIView):
    def get(self, request: Request) -> Response:
        return Response({"tenant": tenant_of(request).name})


class OperatorView(APIView):
    authentication_classes = (AdminKeyAuthentication,)

    def get(self, request: Request) -> Response:
        return Response({"actor": request.auth})


urlpatterns = [
    path("merchant", MerchantView.as_view()),
    path("operator", OperatorView.as_view()),
]


def refusal(response: Any) -> tuple[int, str, str]:
    body = response.json()
    assert list(body) == ["error", "message", "details", "request_id"]
    return response.status_code, body["error"], response.headers.get("WWW-Authenticate", "")


class TestApiKeyAuthentication:
    def test_knows_the_tenant_by_its_key(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        row, key = api_key()

        with django_assert_num_queries(2):  # the key; the audit entry
            response = Client().get("/merchant", headers={"x-api-key": key})

        assert response.json() == {"tenant": row.tenant.name}

    def test_knows_a_key_in_capitals(self) -> None:
        row, key = api_key()

        response = Client().get("/merchant", headers={"x-api-key": key.upper()})

        assert response.json() == {"tenant": row.tenant.name}

    def test_runs_argon2_once_for_many_requests(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _, key = api_key()
        Client().get("/merchant", headers={"x-api-key": key})
        monkeypatch.setattr(hashing, "_matches", None)

        response = Client().get("/merchant", headers={"x-api-key": key})

        assert response.status_code == 200

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, (401, "missing_api_key", "X-API-Key")),
            ({"x-api-key": ""}, (401, "missing_api_key", "X-API-Key")),
            ({"x-api-key": "0" * 63}, (400, "malformed_api_key", "")),
            ({"x-api-key": "é" * 64}, (400, "malformed_api_key", "")),
            ({"x-api-key": "0" * 64}, (401, "invalid_api_key", "X-API-Key")),
        ],
    )
    def test_refuses(self, headers: dict[str, str], expected: tuple[int, str, str]) -> None:
        assert refusal(Client().get("/merchant", headers=headers)) == expected

    def test_refuses_a_revoked_key_on_the_next_request(self) -> None:
        _, key = api_key()
        assert Client().get("/merchant", headers={"x-api-key": key}).status_code == 200
        ApiKey.objects.update(status="revoked", revoked_at=NOON)

        response = Client().get("/merchant", headers={"x-api-key": key})

        assert refusal(response) == (401, "invalid_api_key", "X-API-Key")

    def test_names_tenant_and_key_prefix_in_the_request_log(self) -> None:
        row, key = api_key()

        with capture_logs(processors=[contextvars.merge_contextvars]) as logs:
            Client().get("/merchant", headers={"x-api-key": key})

        (line,) = [entry for entry in logs if entry["event"] == "request"]
        assert (line["tenant_id"], line["key_prefix"]) == (row.tenant_id, key[:4])
        assert key not in str(logs)


class TestAdminKeyAuthentication:
    def test_knows_the_operator(self, settings: Settings) -> None:
        response = Client().get("/operator", headers={"x-admin-key": settings.ADMIN_API_KEY})

        assert response.json() == {"actor": "admin"}

    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            (None, (401, "missing_admin_key", "X-Admin-Key")),
            ("", (401, "missing_admin_key", "X-Admin-Key")),
            ("wrong", (401, "invalid_admin_key", "X-Admin-Key")),
            ("é", (401, "invalid_admin_key", "X-Admin-Key")),
        ],
    )
    def test_refuses(self, key: str | None, expected: tuple[int, str, str]) -> None:
        headers = {} if key is None else {"x-admin-key": key}

        assert refusal(Client().get("/operator", headers=headers)) == expected

    def test_does_not_take_a_merchants_key(self) -> None:
        _, key = api_key()

        response = Client().get("/operator", headers={"x-api-key": key, "x-admin-key": key})

        assert refusal(response)[:2] == (401, "invalid_admin_key")
