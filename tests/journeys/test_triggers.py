"""Events at the gateway by the id of PayTrust's invoice, as a program triggers them."""

from typing import Any

import pytest
import requests

from tests.conftest import Merchant, Sandbox
from tests.factories import rupiah_body

# By gateway and event: the gateway's id, a method, and as what the money goes back.
CASES = {
    ("xendit", "refunded"): (1, "CREDIT_CARD", "refund"),
    ("xendit", "charged_back"): (1, "CREDIT_CARD", "reversal"),
    ("midtrans", "charged_back"): (2, "credit_card", "reversal"),
}


@pytest.mark.parametrize(("gateway", "event"), CASES)
def test_a_payment_comes_and_is_taken_back(
    merchant: Merchant, sandbox: Sandbox, gateway: str, event: str
) -> None:
    def trigger(event: str, **fields: Any) -> None:
        body = {"invoice": invoice["id"], "event": event, **fields}
        answer = requests.post(f"{sandbox.url}/control/trigger", json=body, timeout=10)
        assert answer.ok, answer.text

    gateway_id, method, kind = CASES[gateway, event]
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
