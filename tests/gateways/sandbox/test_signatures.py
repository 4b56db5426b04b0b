"""Every notification's signature, computed again from the received bytes."""

import hashlib
import json

import pytest

from tests.gateways.sandbox.conftest import SERVER_KEY, Sandbox


def expected(body: dict[str, str], key: str = SERVER_KEY) -> str:
    digest = hashlib.sha512()
    for field in (body["order_id"], body["status_code"], body["gross_amount"], key):
        digest.update(field.encode())
    return digest.hexdigest()


STORIES: list[tuple[str, dict[str, str], list[str], list[str]]] = [
    ("qris", {}, ["pay", "refund"], ["201", "200", "200", "200"]),
    ("qris", {}, ["expire"], ["201", "202"]),
    ("permata", {}, ["pay", "reverse"], ["201", "200", "202"]),
    ("gopay", {}, ["fail"], ["201", "202"]),
    ("shopeepay", {}, ["pay", "chargeback"], ["201", "200", "200"]),
    ("bank_transfer", {"bank": "bca"}, ["partial"], ["201", "200"]),
    ("bank_transfer", {"bank": "bca"}, ["twice"], ["201", "200", "201", "200"]),
    ("cstore", {"store": "alfamart"}, ["over"], ["201", "200"]),
]


@pytest.mark.parametrize(("payment_type", "options", "actions", "codes"), STORIES)
def test_notifications(
    sandbox: Sandbox,
    payment_type: str,
    options: dict[str, str],
    actions: list[str],
    codes: list[str],
) -> None:
    order_id = sandbox.charge(payment_type, **{payment_type: options})["order_id"]

    for action in actions:
        sandbox.control("pay", id=order_id, action=action)

    bodies = [json.loads(one.body) for one in sandbox.webhooks("midtrans", len(codes))]
    assert [body["status_code"] for body in bodies] == codes
    assert [body["signature_key"] for body in bodies] == [expected(body) for body in bodies]
    assert {body["gross_amount"] for body in bodies} == {"150000.00"}


@pytest.mark.parametrize("action", ["pay", "expire", "fail"])
def test_status_is_signed_over_its_own_code(sandbox: Sandbox, action: str) -> None:
    order_id = sandbox.charge()["order_id"]
    sandbox.control("pay", id=order_id, action=action)

    status = sandbox.status(order_id)

    assert status["signature_key"] == expected(status)


def test_dashboard_test_is_signed(sandbox: Sandbox) -> None:
    sandbox.control("test-notification", gateway="midtrans")

    body = json.loads(sandbox.webhooks("midtrans", 1)[0].body)

    assert body["signature_key"] == expected(body)
