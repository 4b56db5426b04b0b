"""A merchant's API without gateways, and shops that receive."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from rest_framework.test import APIClient

from apikeys.models import Tenant
from events.deliveries import waking
from tests.apikeys.factories import api_key
from tests.events.receivers import Shop, shop


@dataclass(frozen=True)
class Api:
    """The API as a tenant meets it."""

    client: APIClient
    tenant: Tenant
    key: str

    def get(self, path: str, **query: str | int) -> Any:
        return self.client.get(path, query, headers={"X-API-Key": self.key})

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def patch(self, path: str, body: object) -> Any:
        return self._send("patch", path, body, {})

    def delete(self, path: str) -> Any:
        return self._send("delete", path, None, {})

    def _send(self, method: str, path: str, body: object, headers: dict[str, str]) -> Any:
        named = {"X-API-Key": self.key, **{k.replace("_", "-"): v for k, v in headers.items()}}
        send = getattr(self.client, method)
        return send(path, {} if body is None else body, format="json", headers=named)


def api_of_new_tenant() -> Api:
    made, key = api_key()
    return Api(APIClient(raise_request_exception=False), made.tenant, key)


@pytest.fixture
def api(db: None) -> Api:
    return api_of_new_tenant()


@pytest.fixture
def stranger_api(db: None) -> Api:
    return api_of_new_tenant()


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is delivered but by the test's own call."""
    monkeypatch.setattr(waking._Woken, "until", float("inf"))


@pytest.fixture
def receiver() -> Iterator[Shop]:
    with shop() as opened:
        yield opened
