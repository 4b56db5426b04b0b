"""What both gateways refuse in an order, and what their pages show of its lines."""

from typing import Any

import pytest

from tests.gateways.sandbox.conftest import Sandbox
from tests.gateways.sandbox.test_pages import browse

KOPI = {"name": "Kopi Gayo", "price": 50_000, "quantity": 3}


class TestXendit:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"items": [KOPI] * 76}, "items"),
            ({"items": [{"price": 1, "quantity": 1}]}, "items"),
            ({"items": [KOPI | {"price": "1"}]}, "items"),
            ({"items": [KOPI | {"quantity": -1}]}, "items"),
            ({"items": "none"}, "items"),
            ({"fees": [{"type": "Tax", "value": 1}] * 11}, "fees"),
            ({"fees": [{"type": "Tax"}]}, "fees"),
            ({"customer": {"mobile_number": "0812-3456-7890"}}, "mobile_number"),
            ({"customer": {"mobile_number": "6281234567890"}}, "mobile_number"),
            ({"metadata": {"k" * 41: "v"}}, "metadata"),
            ({"metadata": {"k": "v" * 501}}, "metadata"),
            ({"success_redirect_url": f"https://x.test/{'y' * 250}"}, "success_redirect_url"),
            ({"payment_methods": ["AKULAKU"]}, "items"),
        ],
    )
    def test_refuses(self, sandbox: Sandbox, fields: dict[str, Any], field: str) -> None:
        body = {"external_id": "PT-1", "amount": 150_000, **fields}

        answer = sandbox.xendit("POST", "/v2/invoices", json=body)

        assert (answer.status_code, answer.json()["error_code"]) == (400, "API_VALIDATION_ERROR")
        assert answer.json()["errors"][0]["field"] == [field]
        assert sandbox.shown("charges") == []

    def test_takes_what_is_at_the_limits(self, sandbox: Sandbox) -> None:
        sandbox.invoice(
            items=[KOPI] * 75,
            fees=[{"type": "Discount", "value": -1}] * 10,
            customer={"given_names": "Siti", "mobile_number": "+6281234567890"},
            metadata={"k" * 40: "v" * 500},
        )

    def test_the_page_shows_items_and_fees(self, sandbox: Sandbox) -> None:
        fees = [{"type": "Tax", "value": 16_500}, {"type": "Service fee", "value": 5_000}]
        invoice = sandbox.invoice(amount=171_500, items=[KOPI], fees=fees)

        page = browse(invoice["invoice_url"])

        for text in ("Kopi Gayo", "IDR 150000", "Tax", "IDR 16500", "Service fee", "IDR 171500"):
            assert text in page
        assert "Not told by the lines" not in page

    def test_the_page_says_what_the_lines_leave_out(self, sandbox: Sandbox) -> None:
        page = browse(sandbox.invoice(amount=151_000, items=[KOPI])["invoice_url"])

        assert "Not told by the lines" in page
        assert "IDR 1000<" in page


class TestMidtrans:
    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"item_details": [KOPI | {"price": 49_999}]}, "not equal to the sum"),
            ({"item_details": [KOPI | {"name": "x" * 51}]}, "Name too long"),
            ({"item_details": [KOPI | {"url": "x" * 51}]}, "Url too long"),
            ({"item_details": [KOPI | {"name": "a|b"}]}, "pipe character"),
            ({"item_details": [{"price": 150_000, "quantity": 1}]}, "Name is required"),
            ({"item_details": [KOPI | {"quantity": 1.5}]}, "must be integers"),
            ({"customer_details": {"first_name": "x" * 256}}, "first_name is too long"),
            ({"customer_details": "Siti"}, "must be an object"),
            ({"custom_field1": "x" * 256}, "custom_field1 is too long"),
        ],
    )
    def test_refuses(self, sandbox: Sandbox, fields: dict[str, Any], message: str) -> None:
        details = {"order_id": "PT-1", "gross_amount": 150_000}
        body = {"transaction_details": details, **fields}

        answer = sandbox.midtrans("POST", "/snap/v1/transactions", json=body)
        charge = sandbox.midtrans("POST", "/v2/charge", json={"payment_type": "qris", **body})

        assert answer.status_code == 400
        assert message in answer.json()["error_messages"][0]
        assert charge.json()["status_code"] == "400"
        assert sandbox.shown("charges") == []

    @pytest.mark.parametrize(
        ("phone", "taken"),
        [
            ("+6281234567890", True),
            ("0812-3456 7890", True),
            ("6281234567890", False),
            ("+60123456789", False),
            ("0" * 31, False),
        ],
    )
    def test_bni_looks_at_the_phone(self, sandbox: Sandbox, phone: str, taken: bool) -> None:
        customer = {"customer_details": {"phone": phone}}
        _order_id, page = sandbox.snap(**customer)
        body = {
            "payment_type": "bank_transfer",
            "transaction_details": {"order_id": "PT-2", "gross_amount": 1_000},
            "bank_transfer": {"bank": "bni"},
            **customer,
        }

        assert (sandbox.press(page, method="bni").status_code == 200) is taken
        assert (
            sandbox.midtrans("POST", "/v2/charge", json=body).json()["status_code"] == "201"
        ) is taken
        assert sandbox.snap(**customer)  # other banks do not look

    def test_akulaku_wants_ids_and_a_customer(self, sandbox: Sandbox) -> None:
        _order_id, without = sandbox.snap(item_details=[KOPI])
        _order_id, with_both = sandbox.snap(
            item_details=[KOPI | {"id": "7"}], customer_details={"first_name": "Siti"}
        )

        assert sandbox.press(without, method="akulaku").status_code == 409
        assert sandbox.press(with_both, method="akulaku").status_code == 200

    def test_the_page_shows_the_items(self, sandbox: Sandbox) -> None:
        items = [KOPI, {"name": "Tax", "price": 16_500, "quantity": 1}]
        items.append({"name": "Discount", "price": -16_500, "quantity": 1})
        _order_id, url = sandbox.snap(item_details=items)

        page = browse(url)

        for text in ("Kopi Gayo", "IDR 150000", "Tax", "IDR 16500", "Discount", "IDR -16500"):
            assert text in page
