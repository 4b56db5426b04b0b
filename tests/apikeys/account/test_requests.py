"""GET /account/requests: a merchant's own calls of the last 30 days."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.models import ApiKey, ApiKeyAuditEntry
from tests.apikeys.factories import NOON, api_key

pytestmark = pytest.mark.django_db


def send(key: str, path: str, **headers: str) -> Any:
    return Client().get(path, headers={"x-api-key": key, **headers})


def listed(key: str, query: str = "") -> list[dict[str, Any]]:
    answer = send(key, f"/account/requests{query}")
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


@pytest.fixture
def used() -> tuple[ApiKey, str]:
    """A key that was used: found, not found, refused; and another tenant's that was used."""
    row, key = api_key()
    _, theirs = api_key()
    send(theirs, "/gateways")
    send(key, "/gateways", **{"x-request-id": "first"})
    send(key, "/invoices/17", **{"x-request-id": "second"})
    _, dead = api_key(tenant=row.tenant, status="revoked", revoked_at=NOON)
    send(dead, "/refunds?limit=2", **{"x-request-id": "third"})
    return row, key


class TestRequests:
    def test_are_the_tenants_own_newest_first(self, used: tuple[ApiKey, str]) -> None:
        row, key = used

        rows = listed(key)

        assert [
            (one["request_id"], one["method"], one["path"], one["route"], one["status_code"])
            for one in rows
        ] == [
            ("third", "GET", "/refunds", "/refunds", 401),
            ("second", "GET", "/invoices/17", "/invoices/{invoice_id}", 404),
            ("first", "GET", "/gateways", "/gateways", 200),
        ]
        assert [one["error"] for one in rows] == ["the key is revoked", "not_found", None]
        assert [one["api_key_id"] == row.pk for one in rows] == [False, True, True]
        assert rows[0]["ip_address"] == "127.0.0.1"

    def test_are_narrowed_down_and_turned_page_by_page(self, used: tuple[ApiKey, str]) -> None:
        row, key = used

        assert [one["request_id"] for one in listed(key, "?request_id=second")] == ["second"]
        mine = listed(key, f"?api_key_id={row.pk}")
        assert [one["request_id"] for one in mine][-2:] == ["second", "first"]
        page = send(key, "/account/requests?limit=2").json()
        older = send(key, page["next"].partition("testserver")[2]).json()
        assert page["results"][-1]["id"] > older["results"][0]["id"]

    def test_end_after_30_days(self, used: tuple[ApiKey, str]) -> None:
        row, key = used
        for days in (29, 31):
            ApiKeyAuditEntry.objects.create(
                tenant=row.tenant,
                api_key=row,
                operation_type="used",
                actor_identifier="x",
                request_id=f"{days} days",
                success=True,
                status_code=200,
                path="/invoices",
                method="GET",
                created_at=timezone.now() - timedelta(days=days),
            )

        names = {one["request_id"] for one in listed(key)}

        assert "29 days" in names
        assert "31 days" not in names

    @pytest.mark.parametrize("query", ["?status=200", "?api_key_id=x", "?request_id=", "?limit=0"])
    def test_refuse_a_filter_that_is_none(self, query: str) -> None:
        assert send(api_key()[1], f"/account/requests{query}").status_code == 400

    def test_are_one_statement_on_the_log_by_its_index(self, used: tuple[ApiKey, str]) -> None:
        with CaptureQueriesContext(connection) as queries:
            listed(used[1])

        reads = [one["sql"] for one in queries if 'FROM "apikeys_apikeyauditentry"' in one["sql"]]
        assert len(reads) == 1
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute(f"EXPLAIN {reads[0]}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "tenant_id_id_idx" in plan or "api_key_audit_of_tenant" in plan, plan
