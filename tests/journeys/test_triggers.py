"""Events at the gateway by the id of PayTrust's invoice, as a program triggers them."""

from typing import Any

import pytest
import requests

from tests.conftest import Merchant, Sandbox
from tests.factories import rupiah_body

# The id and a method of each gateway, and how its money goes back.
GATEWAYS = {
    "xendit": (1, "CREDIT_CARD", "refunded", "refund"),
    "midtrans": (2, "credit_card", "charged_back", "reversal"),
}


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_payment_comes_and_is_taken_back(
    merchant: Merchant, sandbox: Sandbox, gateway: str
) -> None:
    def trigger(event: str, **fields: Any) -> None:
        body = {"invoice": invoice["id"], "event": event, **fields}
        answer = requests.post(f"{sandbox.url}/control/trigger", json=body, timeout=10)
        assert answer.ok, answer.text

    gateway_id, method, event, kind = GATEWAYS[gateway]
    other, invoice = (
        merchant.post(
            "/invoices", json=rupiah_body(gateway_id=gateway_id, external_id=external_id)
        ).json()
        for external_id in ("order-2", "order-1")
    )

    trigger("paid", method=method)
    merchant.wait_for(invoice["id"], status="fully_paid")
    trigger(event)
    back_amount = -invoice["total_amount"]
    merchant.wait_until(
        invoice["id"],
        lambda _: (
            [row["amount"] for row in merchant.get(f"/transactions?type={kind}").json()["results"]]
            == [back_amount]
        ),
    )

    first, second = sandbox.charges()
    assert (first["external_id"], second["external_id"]) == ("order-2", "order-1")
    assert second["lines"]
    assert second["refunds"]
    assert first["refunds"] == []
    assert merchant.get(f"/invoices/{other['id']}").json()["status"] == "pending"
