"""/account/api-keys: a merchant manages its own keys and no others."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.account import rules
from apikeys.audit.recording import Caller
from apikeys.keys import services
from apikeys.models import ApiKey, ApiKeyAuditEntry
from tests.apikeys.factories import NOON, ApiKeyFactory, api_key

pytestmark = pytest.mark.django_db


def call(key: str, method: str, path: str = "", body: object = None) -> Any:
    return Client().generic(
        method,
        f"/account/api-keys{path}",
        b"" if body is None else json.dumps(body).encode(),
        content_type="application/json",
        headers={"x-api-key": key},
    )


def works(key: str) -> bool:
    return Client().get("/gateways", headers={"x-api-key": key}).status_code == 200


def acts() -> list[tuple[str, int, str]]:
    """Return what was done with keys, without their uses."""
    rows = ApiKeyAuditEntry.objects.exclude(operation_type="used").order_by("pk")
    return list(rows.values_list("operation_type", "api_key_id", "actor_identifier"))


class TestList:
    def test_shows_the_tenants_own_newest_first(self) -> None:
        first, key = api_key(description="shop", last_used_at=timezone.now())
        second, _ = api_key(tenant=first.tenant, status="revoked", revoked_at=NOON)
        ApiKeyFactory.create()

        body = call(key, "GET").json()

        assert [row["id"] for row in body["results"]] == [second.pk, first.pk]
        assert "api_key" not in body["results"][0]
        assert call(key, "GET", "?status=active").json()["results"] == body["results"][1:]
        assert call(key, "GET", f"/{second.pk}").json() == body["results"][0]
        page = call(key, "GET", "?limit=1").json()
        assert page["results"] == body["results"][:1]
        assert page["next"]

    @pytest.mark.parametrize("query", ["status=lost", "tenant_id=1", "limit=0"])
    def test_refuses_a_filter_that_is_none(self, query: str) -> None:
        assert call(api_key()[1], "GET", f"?{query}").status_code == 400


class TestMake:
    def test_makes_a_key_of_the_same_tenant_that_works(self) -> None:
        row, key = api_key()

        answer = call(key, "POST", body={"description": "till"})

        made = answer.json()
        assert answer.status_code == 201
        assert (made["tenant_id"], made["description"]) == (row.tenant_id, "till")
        assert works(made["api_key"])
        assert acts() == [("created", made["id"], f"key {row.pk}: {key[:4]}...")]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "description"),
            ({"description": " "}, "description"),
            ({"description": "x", "tenant_id": 1}, "tenant_id"),
            ({"description": "x", "tenant_name": "Toko"}, "tenant_name"),
        ],
    )
    def test_refuses_a_wrong_body(self, body: object, field: str) -> None:
        answer = call(api_key()[1], "POST", body=body)

        assert (answer.status_code, list(answer.json()["details"])) == (400, [field])
        assert ApiKey.objects.count() == 1

    def test_ends_at_a_hundred(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rules, "MOST_KEYS", 2)
        row, key = api_key()
        api_key(tenant=row.tenant, status="revoked", revoked_at=NOON)
        ApiKeyFactory.create()

        answers = [call(key, "POST", body={"description": "till"}) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [201, 409]
        assert answers[1].json()["error"] == "too_many_api_keys"


class TestRotate:
    def test_gives_another_key_or_itself_a_new_secret(self) -> None:
        row, key = api_key()
        other, old = api_key(tenant=row.tenant)

        renewed = call(key, "PUT", f"/{other.pk}/rotate").json()
        mine = call(key, "PUT", f"/{row.pk}/rotate", {"grace_period_hours": 1}).json()

        assert [works(secret) for secret in (old, renewed["api_key"])] == [False, True]
        assert [works(secret) for secret in (key, mine["api_key"])] == [True, True]
        assert renewed["old_secret_accepted_until"] is None
        actor = f"key {row.pk}: {key[:4]}..."
        assert acts() == [("rotated", other.pk, actor), ("rotated", row.pk, actor)]
        hashes = ApiKeyAuditEntry.objects.filter(operation_type="rotated").order_by("pk")
        assert [entry.old_key_hash for entry in hashes] == [other.key_hash, row.key_hash]

    def test_refuses_a_key_that_is_not_active(self) -> None:
        row, key = api_key()
        dead, _ = api_key(tenant=row.tenant, status="revoked", revoked_at=NOON)

        answer = call(key, "PUT", f"/{dead.pk}/rotate")

        assert (answer.status_code, answer.json()["error"]) == (409, "api_key_not_active")


class TestChange:
    def test_changes_what_is_named_and_nothing_else(self) -> None:
        row, key = api_key()
        other, secret = api_key(tenant=row.tenant, description="till", scopes=["read"])
        until = timezone.now() + timedelta(days=7)

        answer = call(
            key,
            "PATCH",
            f"/{other.pk}",
            {
                "description": "till 2",
                "scopes": ["write", "read"],
                "expires_at": until.isoformat(),
                "allowed_addresses": ["203.0.113.7"],
            },
        )

        assert answer.status_code == 200
        shown = answer.json()
        assert call(key, "GET", f"/{other.pk}").json() == shown
        assert (shown["description"], shown["scopes"]) == ("till 2", ["read", "write"])
        assert shown["allowed_addresses"] == ["203.0.113.7/32"]
        assert not works(secret)  # from here
        freed = call(
            key, "PATCH", f"/{other.pk}", {"expires_at": None, "allowed_addresses": []}
        ).json()
        assert (freed["expires_at"], freed["scopes"]) == (None, ["read", "write"])
        assert works(secret)

    def test_is_written_down_with_what_was_and_what_is(self) -> None:
        row, key = api_key()
        other, _ = api_key(tenant=row.tenant, description="till")
        body = {"description": "till", "scopes": ["read"]}

        answers = [call(key, "PATCH", f"/{other.pk}", body) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert acts() == [("changed", other.pk, f"key {row.pk}: {key[:4]}...")]
        entry = ApiKeyAuditEntry.objects.get(operation_type="changed")
        assert entry.changes == {"scopes": [["read", "write", "refund", "reports"], ["read"]]}
        assert entry.path == f"/account/api-keys/{other.pk}"

    def test_holds_for_an_old_secret_in_its_grace_too(self) -> None:
        row, key = api_key()
        other, old = api_key(tenant=row.tenant)
        call(key, "PUT", f"/{other.pk}/rotate", {"grace_period_hours": 1})

        call(key, "PATCH", f"/{other.pk}", {"scopes": ["reports"]})

        assert not works(old)

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"description": "mine"}, 200, None),
            ({"description": "mine", "scopes": ["read"]}, 409, "api_key_in_use"),
            ({"expires_at": None}, 409, "api_key_in_use"),
        ],
    )
    def test_of_the_key_itself_is_of_its_description_alone(
        self, body: object, status: int, code: str | None
    ) -> None:
        row, key = api_key()

        answer = call(key, "PATCH", f"/{row.pk}", body)

        assert (answer.status_code, answer.json().get("error")) == (status, code)
        assert works(key)

    def test_makes_no_key_wider_than_the_caller_and_touches_none_that_is(self) -> None:
        until = timezone.now() + timedelta(hours=1)
        row, key = api_key(expires_at=until)
        free, _ = api_key(tenant=row.tenant)
        mine, _ = api_key(tenant=row.tenant, expires_at=until, scopes=["read"])

        touched = call(key, "PATCH", f"/{free.pk}", {"expires_at": until.isoformat()})
        widened = call(key, "PATCH", f"/{mine.pk}", {"expires_at": None})
        more = call(key, "PATCH", f"/{mine.pk}", {"scopes": ["read", "refund"]})

        for refused in (touched, widened):
            assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
        assert (more.status_code, more.json()["scopes"]) == (200, ["read", "refund"])
        free.refresh_from_db()
        mine.refresh_from_db()
        assert (free.expires_at, mine.expires_at) == (None, until)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "description"),
            ({"description": " "}, "description"),
            ({"scopes": []}, "scopes"),
            ({"expires_at": "2026-01-01T00:00:00Z"}, "expires_at"),
            ({"format": "hex"}, "format"),
            ({"tenant_id": 1}, "tenant_id"),
        ],
    )
    def test_refuses_a_wrong_body(self, body: object, field: str) -> None:
        row, key = api_key()
        other, _ = api_key(tenant=row.tenant)

        answer = call(key, "PATCH", f"/{other.pk}", body)

        assert (answer.status_code, list(answer.json()["details"])) == (400, [field])

    def test_refuses_a_key_that_is_not_active(self) -> None:
        row, key = api_key()
        dead, _ = api_key(tenant=row.tenant, status="revoked", revoked_at=NOON)

        answer = call(key, "PATCH", f"/{dead.pk}", {"description": "x"})

        assert (answer.status_code, answer.json()["error"]) == (409, "api_key_not_active")


class TestRevoke:
    def test_ends_another_key_for_good(self) -> None:
        row, key = api_key()
        other, secret = api_key(tenant=row.tenant)

        answers = [call(key, "DELETE", f"/{other.pk}") for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert answers[0].json()["status"] == "revoked"
        assert (works(secret), works(key)) == (False, True)
        assert acts() == [("revoked", other.pk, f"key {row.pk}: {key[:4]}...")]

    def test_refuses_to_end_itself(self) -> None:
        row, key = api_key()

        answer = call(key, "DELETE", f"/{row.pk}")

        assert (answer.status_code, answer.json()["error"]) == (409, "api_key_in_use")
        assert works(key)
        assert acts() == []


class TestOldSecret:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", ""),
            ("PATCH", "/{key}"),
            ("PATCH", "/{other}"),
            ("PUT", "/{key}/rotate"),
            ("DELETE", "/{key}"),
            ("DELETE", "/{other}"),
        ],
    )
    def test_serves_calls_but_changes_no_keys(self, method: str, path: str) -> None:
        row, old = api_key()
        other, _ = api_key(tenant=row.tenant)
        services.rotate_key(
            key_id=row.pk,
            caller=Caller(actor="test"),
            now=timezone.now(),
            grace=timedelta(hours=1),
        )
        before = list(ApiKey.objects.order_by("pk").values("pk", "status", "key_hash"))

        path = path.format(key=row.pk, other=other.pk)
        body = {"description": "x"} if method in {"POST", "PATCH"} else {}
        answer = call(old, method, path, body)

        assert (answer.status_code, answer.json()["error"]) == (403, "old_api_key")
        assert list(ApiKey.objects.order_by("pk").values("pk", "status", "key_hash")) == before
        assert call(old, "GET").status_code == 200


class TestAnother:
    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/{}"), ("PATCH", "/{}"), ("DELETE", "/{}"), ("PUT", "/{}/rotate")],
    )
    def test_tenants_key_is_404(self, method: str, path: str) -> None:
        _, key = api_key()
        theirs, secret = api_key()

        body = {"description": "x"} if method == "PATCH" else None
        answer = call(key, method, path.format(theirs.pk), body)

        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
        assert works(secret)
        assert acts() == []
