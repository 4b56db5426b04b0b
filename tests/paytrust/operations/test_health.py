import socket
from collections.abc import Iterator

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from paytrust.operations import health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    health.require_migrations.cache_clear()
    yield
    health.require_migrations.cache_clear()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class TestAlive:
    def test_answers_without_asking_anybody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "CHECKS", None)

        response = Client().get("/healthz")

        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs"])
    @pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
    def test_takes_no_other_method(self, path: str, method: str) -> None:
        response = Client(enforce_csrf_checks=True).generic(method, path)

        assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
        assert response.json()["error"] == "method_not_allowed"


class TestReady:
    def test_answers_200_when_all_is_there(self) -> None:
        response = Client().get("/readyz")

        assert response.status_code == 200
        assert response.json() == {
            "status": "ok",
            "checks": {"database": "ok", "migrations": "ok"},
        }

    def test_answers_200_without_redis(self, settings: Settings, closed_port: int) -> None:
        settings.REDIS_URL = f"redis://127.0.0.1:{closed_port}/0"

        assert Client().get("/readyz").status_code == 200

    def test_names_the_database_when_it_is_away(
        self, monkeypatch: pytest.MonkeyPatch, closed_port: int
    ) -> None:
        monkeypatch.setitem(connection.settings_dict, "PORT", closed_port)
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")

        response = Client().get("/readyz")

        assert response.status_code == 503
        assert response.json()["checks"]["database"] == "does not answer"

    def test_tells_of_migrations_that_are_not_applied(self) -> None:
        newest = MigrationLoader(connection).graph.leaf_nodes("apikeys")[0]
        MigrationRecorder(connection).record_unapplied(*newest)

        response = Client().get("/readyz")

        assert response.status_code == 503
        assert response.json()["checks"]["migrations"].endswith("migrations are not applied")

    def test_compares_migrations_until_they_are_applied_and_no_more(self) -> None:
        Client().get("/readyz")
        newest = MigrationLoader(connection).graph.leaf_nodes("apikeys")[0]
        MigrationRecorder(connection).record_unapplied(*newest)

        assert Client().get("/readyz").status_code == 200
