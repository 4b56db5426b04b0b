from datetime import timedelta
from typing import Any

import pytest
from django.db import Error
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from structlog.testing import capture_logs

from apikeys.keys import access, hashing, services
from apikeys.models import ApiKey, ApiKeyAuditEntry
from tests.apikeys.factories import NOON, api_key

pytestmark = pytest.mark.django_db


def ask(key: str, path: str = "/gateways", **more: Any) -> Any:
    return Client().get(path, headers={"x-api-key": key, "x-request-id": "r1"}, **more)


def entries() -> list[dict[str, Any]]:
    return [dict(row) for row in ApiKeyAuditEntry.objects.order_by("pk").values()]


class TestAccessMiddleware:
    def test_writes_down_each_use_with_its_outcome(self) -> None:
        row, key = api_key()
        before = timezone.now()

        ask(key, REMOTE_ADDR="192.0.2.1")

        (entry,) = entries()
        assert before <= entry.pop("created_at") <= timezone.now()
        entry.pop("id")
        assert entry == {
            "tenant_id": row.tenant_id,
            "api_key_id": row.pk,
            "operation_type": "used",
            "actor_identifier": f"{key[:4]}...",
            "ip_address": "192.0.2.1",
            "method": "GET",
            "path": "/gateways",
            "status_code": 200,
            "request_id": "r1",
            "success": True,
            "error_message": None,
            "old_key_hash": None,
            "changes": None,
        }

    def test_tells_what_the_request_was_refused_for(self) -> None:
        _, key = api_key()

        ask(key, "/invoices/999999999")
        ask(key, "/invoices?limit=0")

        assert [(e["status_code"], e["success"], e["error_message"]) for e in entries()] == [
            (404, False, "not_found"),
            (400, False, "invalid_request"),
        ]

    @pytest.mark.parametrize("status", ["rotated", "revoked"])
    def test_writes_down_that_a_dead_key_was_tried(self, status: str) -> None:
        row, key = api_key(status=status, **{f"{status}_at": NOON})

        assert ask(key).status_code == 401

        (entry,) = entries()
        assert (entry["api_key_id"], entry["success"]) == (row.pk, False)
        assert (entry["status_code"], entry["error_message"]) == (401, f"the key is {status}")
        row.refresh_from_db()
        assert row.last_used_at is None

    def test_writes_nothing_about_strangers(self) -> None:
        ask("0" * 64)
        ask("malformed")
        Client().get("/gateways")
        Client().get("/healthz")

        assert entries() == []

    def test_takes_one_statement(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        _, key = api_key()
        with django_assert_num_queries(3):  # the key; the endpoints; the audit entry
            ask(key, "/webhook-endpoints")

    def test_survives_what_would_not_fit(self) -> None:
        _, key = api_key()

        Client().generic("X" * 40, "/gateways", headers={"x-api-key": key})

        (entry,) = entries()
        assert (entry["method"], entry["status_code"]) == ("X" * 10, 405)

    def test_answers_though_the_entry_cannot_be_written(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, key = api_key()

        def fail(*_: object) -> None:
            raise Error("away")

        monkeypatch.setattr(access, "join", fail)
        with capture_logs() as logs:
            response = ask(key)

        assert response.status_code == 200
        assert "use of a key not recorded" in [line["event"] for line in logs]

    def test_sees_the_caller_behind_a_trusted_proxy(self, settings: Settings) -> None:
        settings.TRUSTED_PROXIES = 1
        _, key = api_key()

        ask(key, HTTP_X_FORWARDED_FOR="198.51.100.66, 192.0.2.7")

        assert entries()[0]["ip_address"] == "192.0.2.7"


class TestLastUsedAt:
    def test_is_precise_to_the_minute(self) -> None:
        row, key = api_key()
        ask(key)
        row.refresh_from_db()
        first = row.last_used_at

        ask(key)

        row.refresh_from_db()
        assert first is not None
        assert row.last_used_at == first
        ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
        ask(key)
        row.refresh_from_db()
        assert row.last_used_at is not None
        assert row.last_used_at > first


class TestArgon2:
    def test_runs_once_in_ten_thousand_authentications(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, key = api_key()
        runs = []
        matches = hashing._matches

        def record(**given: str) -> bool:
            runs.append(given)
            return matches(**given)

        monkeypatch.setattr(hashing, "_matches", record)
        for _ in range(10_000):
            services.authenticate(key=key, now=NOON)

        assert len(runs) == 1
