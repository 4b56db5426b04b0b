"""A merchant finds again what was asked, paid and given back, by each thing it knows."""

from typing import Any

from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body


def found(merchant: Merchant, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = merchant.get(path, params=params)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["results"]
    return rows


def test_an_order_is_found_by_all_that_is_known_of_it(merchant: Merchant, sandbox: Sandbox) -> None:
    siti = {"name": "Siti", "email": "Siti@example.com", "phone": "0812 3456 7890"}
    order = merchant.post(
        "/invoices",
        json=invoice_body(external_id="order-1", customer=siti, metadata={"table": "12"}),
    ).json()
    merchant.post("/invoices", json=invoice_body(external_id="order-2", metadata={"table": "13"}))
    sandbox.pay(order["payment_url"], method="touchngo")
    paid = merchant.wait_for(order["id"], status="fully_paid")
    back = merchant.post(
        f"/invoices/{order['id']}/refunds", json={"reason": "other", "amount": 100}
    ).json()

    for params in (
        {"external_id": "order-1"},
        {"metadata[table]": "12"},
        {"customer_email": "siti@example.com"},
        {"status": "fully_paid", "currency_code": "MYR", "gateway_id": "1"},
        {"updated_from": paid["updated_at"]},
    ):
        assert [row["id"] for row in found(merchant, "/invoices", **params)] == [order["id"]]
    [payment] = found(merchant, "/transactions", type="payment", customer_email=siti["email"])
    expanded = merchant.get(f"/invoices/{order['id']}?expand=transactions,refunds").json()
    assert payment["id"] in [row["id"] for row in expanded["transactions"]]
    assert [row["id"] for row in expanded["refunds"]] == [back["id"]]
    [customer] = found(merchant, "/customers")
    assert (customer["email"], customer["name"]) == ("siti@example.com", "Siti")
    [sums] = customer["by_currency"]
    assert (sums["invoice_count"], sums["paid_amount"]) == (1, paid["total_amount"])
