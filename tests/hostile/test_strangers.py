"""Every address of the API, called without the right to it: refused, and nothing stored."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from apikeys.models import ApiKeyAuditEntry
from tests.apikeys.factories import api_key
from tests.reporting.back_office.test_rights import fingerprint
from tests.staff import member

pytestmark = pytest.mark.django_db

OPEN = {"/webhooks/xendit", "/webhooks/midtrans"}  # each checks the gateway's own proof


def operations() -> Iterator[tuple[str, str, str]]:
    """Yield method, address and whose key it wants, of each operation of the documents."""
    for document in ("/openapi.json", "/openapi-admin.json"):
        for path, methods in Client().get(document).json()["paths"].items():
            for method, operation in methods.items():
                wants = [name for way in operation.get("security", []) for name in way]
                address = re.sub(r"\{(\w+)\}", "1", path)
                yield method.upper(), address, " ".join(wants)


def ask(client: Client, method: str, path: str, **headers: str) -> Any:
    body: dict[str, Any] = (
        {} if method == "GET" else {"data": json.dumps({}), "content_type": "application/json"}
    )
    return client.generic(method, path, headers=headers, **body)


def someone(role: str) -> tuple[Client, dict[str, str]]:
    """Return a client and headers of a stranger, by what they hold."""
    client = Client()
    if role == "staff":
        client.force_login(member(is_superuser=True))
    headers = {
        "malformed key": {"x-api-key": "hello"},
        "unknown keys": {"x-api-key": "0" * 64, "x-admin-key": "0" * 64},
        "merchant": {"x-api-key": api_key()[1]},
    }
    return client, headers.get(role, {})


@pytest.mark.parametrize("role", ["nobody", "malformed key", "unknown keys", "merchant", "staff"])
def test_strangers_are_refused_and_change_nothing(role: str) -> None:
    client, headers = someone(role)
    walked, before = 0, fingerprint()
    uses = ApiKeyAuditEntry.objects.count()

    for method, path, wants in operations():
        if not wants or path in OPEN or (role == "merchant" and "Admin" not in wants):
            continue
        answer = ask(client, method, path, **headers)
        expected = {400, 401} if role == "malformed key" else {401}
        assert answer.status_code in expected, (method, path, answer.content)
        walked += 1

    assert walked >= (5 if role == "merchant" else 20)
    assert fingerprint() == before
    assert ApiKeyAuditEntry.objects.count() == uses
