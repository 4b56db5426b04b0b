import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from apikeys.keys import services
from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from tests.apikeys.factories import NOON, TenantFactory, api_key

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
            "scopes": ["read", "write", "refund", "reports"],
            "allowed_addresses": [],
            "expires_at": None,
            "rotated_at": None,
            "grace_ends_at": None,
            "successor_id": None,
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


def call(method: str, path: str, **headers: str) -> Any:
    return Client().generic(
        method, path, headers={"x-admin-key": settings.ADMIN_API_KEY, **headers}
    )


SHAPE = [
    "id",
    "tenant_id",
    "description",
    "key_prefix",
    "status",
    "scopes",
    "allowed_addresses",
    "expires_at",
    "created_at",
    "rotated_at",
    "grace_ends_at",
    "successor_id",
    "revoked_at",
    "last_used_at",
]


class TestGetApiKeys:
    def test_lists_keys_newest_first_without_their_secrets(self) -> None:
        made = [api_key() for _ in range(3)]

        body = call("GET", "/api-keys").json()

        assert [shown["id"] for shown in body["results"]] == [row.pk for row, _ in made[::-1]]
        assert list(body["results"][0]) == SHAPE
        assert (body["next"], body["previous"]) == (None, None)

    def test_goes_page_by_page(self) -> None:
        made = [api_key()[0].pk for _ in range(3)]

        first = call("GET", "/api-keys?limit=2").json()
        second = call("GET", first["next"]).json()

        assert [shown["id"] for shown in first["results"] + second["results"]] == made[::-1]

    def test_narrows_down_by_tenant_and_status(self) -> None:
        row, _ = api_key()
        api_key()
        dead, _ = api_key(tenant=row.tenant, status="revoked", revoked_at=NOON)
        path = f"/api-keys?tenant_id={row.tenant_id}"

        shown = call("GET", path).json()["results"]
        revoked = call("GET", f"{path}&status=revoked").json()["results"]

        assert [one["id"] for one in shown] == [dead.pk, row.pk]
        assert [one["id"] for one in revoked] == [dead.pk]

    @pytest.mark.parametrize("query", ["limit=0", "status=lost", "tenant_id=x", "owner=me"])
    def test_refuses_a_wrong_query(self, query: str) -> None:
        assert call("GET", f"/api-keys?{query}").status_code == 400


class TestGetApiKey:
    def test_shows_one_key(self) -> None:
        row, _ = api_key()

        body = call("GET", f"/api-keys/{row.pk}").json()

        assert list(body) == SHAPE
        assert body["id"] == row.pk


ONCE = ["api_key", "old_secret_accepted_until"]


def rotate(row: ApiKey, body: object) -> Any:
    return Client().put(
        f"/api-keys/{row.pk}/rotate",
        body,
        content_type="application/json",
        headers={"x-admin-key": settings.ADMIN_API_KEY},
    )


class TestPutRotate:
    def test_accepts_both_secrets_for_the_hours_that_are_asked_for(self) -> None:
        row, old = api_key()
        before = timezone.now()

        body = rotate(row, {"grace_period_hours": 2}).json()

        until = datetime.fromisoformat(body["old_secret_accepted_until"])
        assert before + timedelta(hours=2) <= until <= timezone.now() + timedelta(hours=2)
        for key in (old, body["api_key"]):
            answer = Client().get("/gateways", headers={"x-api-key": key})
            assert answer.status_code == 200
        retired = ApiKey.objects.get(successor=row)
        shown = call("GET", f"/api-keys/{retired.pk}").json()
        assert (shown["status"], shown["successor_id"]) == ("rotated", row.pk)
        assert datetime.fromisoformat(shown["grace_ends_at"]) == retired.grace_ends_at == until
        ApiKey.objects.filter(pk=retired.pk).update(grace_ends_at=timezone.now())
        answer = Client().get("/gateways", headers={"x-api-key": old})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_api_key")

    def test_counts_both_secrets_as_one_key(self, settings: Any) -> None:
        settings.RATE_LIMIT_REQUESTS = 2
        row, old = api_key()
        new = rotate(row, {"grace_period_hours": 1}).json()["api_key"]

        answers = [
            Client().get("/gateways", headers={"x-api-key": key}).status_code
            for key in (old, new, old, new)
        ]

        assert answers == [200, 200, 429, 429]

    @pytest.mark.parametrize("hours", [-1, 73, 1.5, "1", True, None])
    def test_refuses_hours_that_are_none(self, hours: object) -> None:
        row, key = api_key()

        response = rotate(row, {"grace_period_hours": hours})

        assert response.status_code == 400
        assert list(response.json()["details"]) == ["grace_period_hours"]
        assert services.authenticate(key=key, now=NOON) == row

    def test_answers_with_the_new_key_once_and_refuses_the_old_one(self) -> None:
        row, old = api_key()

        response = call("PUT", f"/api-keys/{row.pk}/rotate")

        body = response.json()
        new = body["api_key"]
        assert (response.status_code, list(body)) == (200, [*SHAPE, *ONCE])
        assert body["old_secret_accepted_until"] is None
        assert (body["id"], body["status"], body["key_prefix"]) == (row.pk, "active", new[:4])
        assert body["rotated_at"] is not None
        assert Client().get("/gateways", headers={"x-api-key": old}).status_code == 401
        assert Client().get("/gateways", headers={"x-api-key": new}).status_code == 200

    def test_refuses_a_revoked_key(self) -> None:
        row, _ = api_key(status="revoked", revoked_at=NOON)

        response = call("PUT", f"/api-keys/{row.pk}/rotate")

        assert (response.status_code, response.json()["error"]) == (409, "api_key_not_active")
        assert ApiKey.objects.count() == 1

    def test_refuses_a_field_that_nobody_would_heed(self) -> None:
        row, key = api_key()

        response = Client().put(
            f"/api-keys/{row.pk}/rotate",
            {"grace": 5},
            content_type="application/json",
            headers={"X-Admin-Key": settings.ADMIN_API_KEY},
        )

        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
        assert response.json()["details"] == {"grace": ["This field is not known."]}
        assert services.authenticate(key=key, now=NOON) == row


class TestDelete:
    def test_revokes_the_key_at_once_and_shows_it(self) -> None:
        row, key = api_key()

        response = call("DELETE", f"/api-keys/{row.pk}")

        body = response.json()
        assert (response.status_code, list(body), body["status"]) == (200, SHAPE, "revoked")
        assert Client().get("/gateways", headers={"x-api-key": key}).status_code == 401

    def test_changes_nothing_when_repeated(self) -> None:
        row, _ = api_key()

        answers = [call("DELETE", f"/api-keys/{row.pk}") for _ in range(2)]

        assert answers[0].json() == answers[1].json()
        assert ApiKeyAuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api-keys/{}"),
        ("PUT", "/api-keys/{}/rotate"),
        ("DELETE", "/api-keys/{}"),
        ("GET", "/api-keys"),
        ("GET", "/api-keys/audit"),
    ],
)
class TestEachPath:
    def test_refuses_whoever_is_no_operator(self, method: str, path: str) -> None:
        row, key = api_key()
        before = list(ApiKey.objects.values())

        for admin_key in ("", "wrong", key):
            response = call(method, path.format(row.pk), **{"x-admin-key": admin_key})
            assert response.status_code == 401

        assert list(ApiKey.objects.values()) == before

    def test_knows_no_key_that_is_not_there(self, method: str, path: str) -> None:
        if "{}" in path:
            assert call(method, path.format(999_999_999)).status_code == 404


class TestGetAudit:
    def test_has_the_shape_that_programs_read(self) -> None:
        post({"description": "shop"}, **{"x-request-id": "r1"})

        body = call("GET", "/api-keys/audit").json()

        (entry,) = body["entries"]
        row = ApiKey.objects.get()
        assert entry.pop("created_at").endswith("Z")
        assert entry == {
            "id": ApiKeyAuditEntry.objects.get().pk,
            "api_key_id": row.pk,
            "tenant_id": row.tenant_id,
            "operation_type": "created",
            "actor_identifier": "admin",
            "ip_address": "127.0.0.1",
            "method": "POST",
            "path": "/api-keys",
            "status_code": 201,
            "request_id": "r1",
            "success": True,
            "error_message": None,
            "changes": None,
        }
        assert body["pagination"] == {
            "page": 1,
            "page_size": 20,
            "total_count": 1,
            "total_pages": 1,
        }

    def test_tells_the_story_of_a_key_newest_first(self) -> None:
        made = post({"description": "shop"}).json()
        path = f"/api-keys/{made['id']}"
        Client().get("/gateways", headers={"x-api-key": made["api_key"]})
        call("PUT", f"{path}/rotate")
        Client().get("/gateways", headers={"x-api-key": made["api_key"]})
        call("DELETE", path)

        entries = call("GET", "/api-keys/audit").json()["entries"]

        assert [(entry["operation_type"], entry["success"]) for entry in entries] == [
            ("revoked", True),
            ("used", False),
            ("rotated", True),
            ("used", True),
            ("created", True),
        ]

    def test_goes_page_by_page(self) -> None:
        ids = [self.entry(NOON + timedelta(seconds=second)) for second in range(5)]

        pages = [
            call("GET", f"/api-keys/audit?page={page}&page_size=2").json() for page in (1, 2, 3, 4)
        ]

        shown = [entry["id"] for page in pages for entry in page["entries"]]
        assert shown == ids[::-1]
        assert [len(page["entries"]) for page in pages] == [2, 2, 1, 0]
        assert [page["pagination"]["total_pages"] for page in pages] == [3] * 4

    def test_takes_a_half_open_period_of_dates_or_times(self) -> None:
        ids = [self.entry(NOON + timedelta(hours=hours)) for hours in (-24, -12, 0, 12)]

        def within(start: str, end: str) -> list[int]:
            query = f"start_date={start}&end_date={end}"
            found = call("GET", f"/api-keys/audit?{query}").json()["entries"]
            return [entry["id"] for entry in found][::-1]

        assert within("2026-11-22", "2026-11-23") == ids[1:3]
        assert within("2026-11-22T00:00:01Z", "2026-11-22T12:00:00Z") == []
        assert within("2026-11-22T12:00:00Z", "2026-11-22T12:00:01Z") == ids[2:3]

    @pytest.mark.parametrize(
        "query",
        [
            "page=0",
            "page=x",
            "page_size=101",
            "page_size=0",
            "start_date=",
            "start_date=yesterday",
            "start_date=2026-02-30",
            "start_date=2026-11-23&end_date=2026-11-22",
            "limit=3",
        ],
    )
    def test_refuses_a_wrong_query(self, query: str) -> None:
        assert call("GET", f"/api-keys/audit?{query}").status_code == 400

    def entry(self, at: datetime) -> int:
        row = ApiKey.objects.first() or api_key()[0]
        return ApiKeyAuditEntry.objects.create(
            tenant=row.tenant,
            api_key=row,
            operation_type="used",
            actor_identifier="x",
            success=True,
            created_at=at,
        ).pk


class TestNamedOperators:
    ALICE, NEW = "a" * 32, "b" * 32

    @pytest.fixture(autouse=True)
    def _names(self, settings: Any) -> None:
        settings.ADMIN_API_KEYS = [("alice", self.ALICE), ("alice", self.NEW), ("budi", "c" * 32)]

    @pytest.mark.parametrize(
        ("secret", "actor"),
        [(ALICE, "admin: alice"), (NEW, "admin: alice"), ("c" * 32, "admin: budi")],
    )
    def test_are_named_by_the_audit_log(self, secret: str, actor: str) -> None:
        made = post({"description": "shop"}, **{"x-admin-key": secret})

        assert made.status_code == 201
        row = ApiKey.objects.get()
        call("PUT", f"/api-keys/{row.pk}/rotate", **{"x-admin-key": secret})
        call("DELETE", f"/api-keys/{row.pk}", **{"x-admin-key": secret})
        actors = ApiKeyAuditEntry.objects.values_list("operation_type", "actor_identifier")
        assert set(actors) == {(kind, actor) for kind in ("created", "rotated", "revoked")}

    def test_leave_the_key_of_the_environment_as_it_is(self) -> None:
        assert post({"description": "shop"}).status_code == 201
        assert ApiKeyAuditEntry.objects.get().actor_identifier == "admin"

    @pytest.mark.parametrize("secret", ["alice", "a" * 31, "a" * 33, "alice:" + "a" * 32, "\xe9"])
    def test_are_nobody_with_another_secret(self, secret: str) -> None:
        answer = post({"description": "shop"}, **{"x-admin-key": secret})

        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_admin_key")
