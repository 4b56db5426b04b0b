"""A shop shows the price at each gateway, and its customer pays exactly that."""

from tests.conftest import Merchant, Sandbox
from tests.factories import rupiah_body


def test_the_quoted_total_is_what_is_paid(merchant: Merchant, sandbox: Sandbox) -> None:
    quote = merchant.post("/quotes", json=rupiah_body()).json()
    assert merchant.get("/invoices").json()["results"] == []
    [chosen] = [row for row in quote["gateways"] if row["gateway_name"] == "Midtrans"]

    invoice = merchant.post("/invoices", json=rupiah_body(gateway_id=chosen["gateway_id"])).json()
    sandbox.pay(invoice["payment_url"], method="qris")

    paid = merchant.wait_for(invoice["id"], status="fully_paid")
    assert paid["paid_amount"] == paid["total_amount"] == chosen["total_amount"]
