"""The API in this process: Django's test client with a merchant's key."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from apikeys.keys import hashing
from apikeys.models import ApiKey
from tests.apikeys.factories import ApiKeyFactory
from tests.conftest import Sandbox

KEY = "5eed" * 16


@dataclass(frozen=True)
class Api:
    """A merchant's calls, answered in this process."""

    api_key: ApiKey
    key: str = KEY
    client: Client = field(default_factory=Client)

    def get(self, path: str, **params: Any) -> Any:
        return self.send("GET", path, QUERY_STRING=_query(params))

    def post(self, path: str, body: object) -> Any:
        return self.send("POST", path, body)

    def send(self, method: str, path: str, body: object = None, **extra: Any) -> Any:
        """Send bytes as they are, and anything else as JSON."""
        raw = b"" if body is None else body if isinstance(body, bytes) else _json(body)
        headers = {"x-api-key": self.key, **extra.pop("headers", {})}
        extra = {"content_type": "application/json", **extra}
        return self.client.generic(method, path, raw, headers=headers, **extra)


def _query(params: dict[str, Any]) -> str:
    return urlencode(params)


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


@pytest.fixture(scope="session")
def key_hash() -> str:
    """Argon2 costs tens of milliseconds, so all tests share one key."""
    return hashing.hash_of(KEY)


@pytest.fixture
def api(db: None, key_hash: str) -> Api:
    """For calls that end before a gateway is asked."""
    return Api(ApiKeyFactory.create(key=KEY, key_hash=key_hash))


@pytest.fixture
def live_api(committed: None, sandbox: Sandbox, key_hash: str) -> Api:
    """For calls that reach the gateway, which needs transactions that end."""
    return Api(ApiKeyFactory.create(key=KEY, key_hash=key_hash))
