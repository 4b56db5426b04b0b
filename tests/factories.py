"""Bodies of requests and rows for tests."""

from typing import Any


def invoice_body(**changes: Any) -> dict[str, Any]:
    """Return a valid body for POST /invoices: MYR at Xendit, three lines."""
    body: dict[str, Any] = {
        "gateway_id": 1,
        "currency_code": "MYR",
        "line_items": [
            {"product_name": "Phone", "quantity": 2, "unit_price": 999.99, "tax_rate": 0.06},
            {"product_name": "Case", "quantity": 1, "unit_price": "49.90", "tax_rate": 0.06},
            {"product_name": "Delivery", "quantity": 1, "unit_price": 12, "tax_rate": 0},
        ],
    }
    body.update(changes)
    return body


def rupiah_body(**changes: Any) -> dict[str, Any]:
    """Return a valid body for POST /invoices: IDR at Midtrans, one line."""
    line = {"product_name": "Kopi Gayo", "quantity": 2, "unit_price": 70000, "tax_rate": 0.11}
    return invoice_body(
        **{"gateway_id": 2, "currency_code": "IDR", "line_items": [line], **changes}
    )
