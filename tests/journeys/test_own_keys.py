"""A merchant renews its keys by itself, without an outage and without us."""

import requests

from apikeys.models import ApiKeyAuditEntry
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body


def test_a_shop_changes_its_secret_while_it_sells(merchant: Merchant, sandbox: Sandbox) -> None:
    def order(key: str, number: int) -> requests.Response:
        body = invoice_body(external_id=f"order-{number}")
        return merchant.post("/invoices", json=body, headers={"X-API-Key": key})

    [mine] = merchant.get("/account/api-keys").json()["results"]
    made = merchant.post("/account/api-keys", json={"description": "till"})
    till = made.json()
    assert order(merchant.key, 1).status_code == 201
    path = f"/account/api-keys/{mine['id']}/rotate"
    renewed = merchant.send("PUT", path, json={"grace_period_hours": 72}).json()["api_key"]
    assert [order(key, 2 + at).status_code for at, key in enumerate((merchant.key, renewed))] == [
        *(201, 201)
    ]
    refused = merchant.send("DELETE", f"/account/api-keys/{till['id']}")
    assert refused.json()["error"] == "old_api_key"
    headers = {"X-API-Key": renewed}
    ended = merchant.send("DELETE", f"/account/api-keys/{till['id']}", headers=headers)
    assert ended.json()["status"] == "revoked"
    assert order(till["api_key"], 4).status_code == 401
    merchant.send("PUT", path, headers=headers)
    assert [order(key, 5).status_code for key in (merchant.key, renewed)] == [401, 401]
    done = ApiKeyAuditEntry.objects.exclude(operation_type="used").order_by("pk")
    assert [entry.operation_type for entry in done] == [
        *("created", "created", "rotated", "revoked", "revoked", "rotated")
    ]
