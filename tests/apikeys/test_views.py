import re
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from tests.apikeys.factories import TenantFactory, api_key

pytestmark = pytest.mark.django_db


def post(body: object, **headers: str) -> Any:
    return Client().post(
        "/api-keys",
        body,
        content_type="application/json",
        headers={"x-admin-key": settings.ADMIN_API_KEY, **headers},
    )


class TestPostApiKeys:
    def test_makes_a_key_that_works_and_shows_it_once(self) -> None:
        before = timezone.now()

        response = post({"description": "web shop", "tenant_name": "Toko Kopi"})

        body = response.json()
        key, created_at = body.pop("api_key"), body.pop("created_at")
        row = ApiKey.objects.get()
        assert response.status_code == 201
        assert re.fullmatch(r"[0-9a-f]{64}", key)
        assert created_at.endswith("Z")
        assert before <= datetime.fromisoformat(created_at) <= timezone.now()
        assert body == {
            "id": row.pk,
            "tenant_id": row.tenant_id,
            "description": "web shop",
            "key_prefix": key[:4],
            "status": "active",
            "rotated_at": None,
            "revoked_at": None,
            "last_used_at": None,
        }
        assert Tenant.objects.get().name == "Toko Kopi"

    def test_makes_a_key_for_a_tenant_there_is(self) -> None:
        tenant = TenantFactory.create()

        response = post({"description": "shop", "tenant_id": tenant.pk})

        assert response.status_code == 201
        assert response.json()["tenant_id"] == tenant.pk
        assert Tenant.objects.get() == tenant

    def test_makes_a_tenant_if_none_is_named(self) -> None:
        first, second = post({"description": "shop"}), post({"description": "shop"})

        assert first.json()["tenant_id"] != second.json()["tenant_id"]
        assert Tenant.objects.count() == 2

    def test_writes_the_audit_log(self) -> None:
        post({"description": "shop"})

        entry = ApiKeyAuditEntry.objects.get()
        assert (entry.actor_identifier, entry.ip_address) == ("admin", "127.0.0.1")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "description"),
            ({"description": ""}, "description"),
            ({"description": 7}, "description"),
            ({"description": "x" * 256}, "description"),
            ({"description": "a\u0007b"}, "description"),
            ({"description": "x", "tenant_id": "1"}, "tenant_id"),
            ({"description": "x", "tenant_id": 0}, "tenant_id"),
            ({"description": "x", "tenant_id": None}, "tenant_id"),
            ({"description": "x", "tenant_id": 404}, "tenant_id"),
            ({"description": "x", "tenant_id": 2**70}, "tenant_id"),
            ({"description": "x", "tenant_name": " "}, "tenant_name"),
            ({"description": "x", "tenant_name": "x" * 141}, "tenant_name"),
            ({"description": "x", "tenant_name": "x", "tenant_id": 1}, "tenant_name"),
            ({"description": "x", "owner": "me"}, "owner"),
            ([], "non_field_errors"),
        ],
    )
    def test_refuses_a_wrong_body_and_makes_nothing(self, body: object, field: str) -> None:
        response = post(body)

        assert response.status_code == 400
        assert list(response.json()["details"]) == [field]
        assert (ApiKey.objects.count(), Tenant.objects.count()) == (0, 0)

    @pytest.mark.parametrize("admin_key", ["", "wrong"])
    def test_refuses_whoever_is_no_operator(self, admin_key: str) -> None:
        _, merchants_key = api_key()

        response = post(
            {"description": "x"}, **{"x-admin-key": admin_key, "x-api-key": merchants_key}
        )

        assert response.status_code == 401
        assert ApiKey.objects.count() == 1

    def test_takes_no_other_method(self) -> None:
        response = Client().put("/api-keys", headers={"x-admin-key": settings.ADMIN_API_KEY})

        assert (response.status_code, response.json()["error"]) == (405, "method_not_allowed")
