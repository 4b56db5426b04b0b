"""The sandbox answers with the same keys and types as the recorded exchanges."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateways.sandbox.conftest import Sandbox

PAYLOADS = Path(__file__).resolve().parents[2] / "payloads"


def load(name: str) -> dict[str, Any]:
    return json.loads((PAYLOADS / name).read_text())


def shape(value: object) -> object:
    """Return the keys and types of a JSON value; a list is the shapes that occur in it."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(inner), sort_keys=True) for inner in value})
    return "number" if isinstance(value, int | float) else type(value).__name__


def said(name: str) -> Any:
    return load(name)["response"]["json"]


def sent(name: str) -> Any:
    return load(name)["request"]["json"]


@pytest.mark.parametrize(
    "name",
    [
        "xendit/01_create_invoice_idr.json",
        "xendit/02_create_invoice_myr_decimal.json",
        "xendit/03_create_invoice_idr_decimal_truncated.json",
        "xendit/04_error_validation_400.json",
    ],
)
def test_xendit_create(sandbox: Sandbox, name: str) -> None:
    exchange = load(name)

    answer = sandbox.xendit("POST", "/v2/invoices", json=exchange["request"]["json"])

    assert answer.status_code == exchange["response"]["status"]
    assert shape(answer.json()) == shape(exchange["response"]["json"])
    assert answer.headers["Content-Type"] == exchange["response"]["headers"]["Content-Type"]


@pytest.fixture
def idr_invoice(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.invoice(**sent("xendit/01_create_invoice_idr.json"))


@pytest.fixture
def myr_invoice(sandbox: Sandbox) -> dict[str, Any]:
    invoice = sandbox.invoice(**sent("xendit/02_create_invoice_myr_decimal.json"))
    sandbox.press(invoice["invoice_url"])
    return invoice


class TestXenditLater:
    def test_paid(self, sandbox: Sandbox, idr_invoice: dict[str, Any]) -> None:
        sandbox.press(idr_invoice["invoice_url"], method="BCA")

        answer = sandbox.xendit("GET", f"/v2/invoices/{idr_invoice['id']}").json()

        assert shape(answer) == shape(said("xendit/11_get_invoice_paid.json"))
        assert answer["status"] == "PAID"

    def test_settled(self, sandbox: Sandbox, idr_invoice: dict[str, Any]) -> None:
        sandbox.press(idr_invoice["invoice_url"], method="BCA")
        sandbox.control("clock", advance="25h")

        answer = sandbox.xendit("GET", f"/v2/invoices/{idr_invoice['id']}").json()

        assert shape(answer) == shape(said("xendit/12_get_invoice_settled.json"))
        assert answer["status"] == "SETTLED"

    def test_list_newest_first(self, sandbox: Sandbox) -> None:
        recorded = said("xendit/13_list_by_external_id_two.json")
        fields = {"external_id": "PT-7", "description": "Order PT-7"}
        older, newer = (sandbox.invoice(**fields) for _ in range(2))

        answer = sandbox.xendit("GET", "/v2/invoices", params={"external_id": "PT-7"}).json()

        assert [one["id"] for one in answer] == [newer["id"], older["id"]]
        assert [shape(one) for one in answer] == [shape(one) for one in recorded]

    def test_expire(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice(description="Order")

        answer = sandbox.xendit("POST", f"/invoices/{invoice['id']}/expire!")

        assert answer.status_code == 200
        assert shape(answer.json()) == shape(said("xendit/14_expire_invoice.json"))

    def test_expire_again(self, sandbox: Sandbox, idr_invoice: dict[str, Any]) -> None:
        sandbox.press(idr_invoice["invoice_url"])

        answer = sandbox.xendit("POST", f"/invoices/{idr_invoice['id']}/expire!")

        assert answer.status_code == 404
        recorded = said("xendit/15_expire_not_pending.json")
        message = f"Could not find and update PENDING invoice {idr_invoice['id']}"
        assert answer.json() == recorded | {"message": message}

    def test_refund(self, sandbox: Sandbox, myr_invoice: dict[str, Any]) -> None:
        body = sent("xendit/16_refund_create.json") | {"invoice_id": myr_invoice["id"]}

        answer = sandbox.xendit("POST", "/refunds", json=body)

        assert answer.status_code == 200
        assert shape(answer.json()) == shape(said("xendit/16_refund_create.json"))
        assert answer.json()["status"] == "PENDING"

    @pytest.mark.parametrize(
        ("name", "method", "path", "key"),
        [
            ("xendit/05_error_invalid_key_401.json", "GET", "/v2/invoices/1", "wrong"),
            ("xendit/07_error_not_found_404.json", "GET", "/v2/invoices/1", ""),
        ],
    )
    def test_refusals(self, sandbox: Sandbox, name: str, method: str, path: str, key: str) -> None:
        auth = {"auth": (key, "")} if key else {}

        answer = sandbox.xendit(method, path, **auth)

        recorded = load(name)["response"]
        assert answer.status_code == recorded["status"]
        assert answer.json()["error_code"] == recorded["json"]["error_code"]
        assert shape(answer.json()) == shape(recorded["json"])

    def test_refund_of_a_virtual_account(
        self, sandbox: Sandbox, idr_invoice: dict[str, Any]
    ) -> None:
        sandbox.press(idr_invoice["invoice_url"], method="BCA")
        body = sent("xendit/17_refund_not_supported_403.json") | {"invoice_id": idr_invoice["id"]}

        answer = sandbox.xendit("POST", "/refunds", json=body)

        assert answer.status_code == 403
        assert answer.json() == said("xendit/17_refund_not_supported_403.json")


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("xendit/20_webhook_paid_va.json", "BCA"),
        ("xendit/21_webhook_paid_ewallet.json", "DANA"),
        ("xendit/22_webhook_paid_qris.json", "QRIS"),
        ("xendit/23_webhook_paid_card.json", "CREDIT_CARD"),
    ],
)
def test_xendit_paid_webhook(sandbox: Sandbox, name: str, method: str) -> None:
    recorded = load(name)["request"]
    given = ("payer_email", "items", "fees", "success_redirect_url", "failure_redirect_url")
    fields = {key: recorded["json"][key] for key in given if key in recorded["json"]}
    invoice = sandbox.invoice(description="Order", **fields)

    sandbox.press(invoice["invoice_url"], method=method)

    (webhook,) = sandbox.webhooks("xendit", 1)
    body = json.loads(webhook.body)
    if method == "QRIS":
        del body["payment_id"]  # which only newer webhooks have
    assert shape(body) == shape(recorded["json"])
    for header in ("x-callback-token", "Content-Type"):
        assert webhook.headers[header] == recorded["headers"][header]
    assert len(webhook.headers["webhook-id"]) == 36


def test_xendit_expired_webhook(sandbox: Sandbox) -> None:
    invoice = sandbox.invoice(description="Order")

    sandbox.press(invoice["invoice_url"], "expire")

    (webhook,) = sandbox.webhooks("xendit", 1)
    recorded = load("xendit/25_webhook_expired.json")["request"]["json"]
    assert shape(json.loads(webhook.body)) == shape(recorded)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("xendit/29_webhook_refund_succeeded.json", "refund"),
        ("xendit/30_webhook_refund_failed.json", "refund_fail"),
    ],
)
def test_xendit_refund_webhook(
    sandbox: Sandbox, myr_invoice: dict[str, Any], name: str, action: str
) -> None:
    sandbox.press(myr_invoice["invoice_url"], action, amount="20.55")

    recorded = load(name)["request"]["json"]
    _paid, webhook = sandbox.webhooks("xendit", 2)
    body = json.loads(webhook.body)
    assert body["event"] == recorded["event"]
    assert body["data"].pop("metadata") is None
    recorded["data"].pop("metadata")
    assert shape(body) == shape(recorded)


@pytest.mark.parametrize(
    "name",
    [
        "midtrans/05_charge_gopay.json",
        "midtrans/06_charge_qris.json",
        "midtrans/07_charge_shopeepay.json",
        "midtrans/08_charge_bca_va.json",
        "midtrans/09_charge_permata_va.json",
        "midtrans/10_charge_mandiri_bill.json",
        "midtrans/11_charge_indomaret.json",
        "midtrans/12_charge_card_3ds.json",
        "midtrans/14_charge_validation_400.json",
    ],
)
def test_midtrans_charge(sandbox: Sandbox, name: str) -> None:
    exchange = load(name)

    answer = sandbox.midtrans("POST", "/v2/charge", json=exchange["request"]["json"])

    recorded = exchange["response"]
    assert answer.status_code == recorded["status"]
    assert shape(answer.json()) == shape(recorded["json"])
    for constant in ("status_code", "status_message", "payment_type", "gross_amount"):
        assert answer.json().get(constant) == recorded["json"].get(constant)
    names = [action["name"] for action in answer.json().get("actions", [])]
    assert names == [action["name"] for action in recorded["json"].get("actions", [])]


class TestSnap:
    def test_create(self, sandbox: Sandbox) -> None:
        body = sent("midtrans/01_snap_create.json")
        del body["expiry"]  # it lies in the past

        answer = sandbox.midtrans("POST", "/snap/v1/transactions", json=body)

        assert answer.status_code == 201
        assert shape(answer.json()) == shape(said("midtrans/01_snap_create.json"))
        assert len(answer.json()["token"]) == 36

    def test_sum_mismatch(self, sandbox: Sandbox) -> None:
        body = sent("midtrans/02_snap_error_sum_400.json")

        answer = sandbox.midtrans("POST", "/snap/v1/transactions", json=body)

        assert answer.status_code == 400
        assert answer.json() == said("midtrans/02_snap_error_sum_400.json")

    def test_order_taken(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page)
        details = {"order_id": order_id, "gross_amount": 150_000}

        answer = sandbox.midtrans(
            "POST", "/snap/v1/transactions", json={"transaction_details": details}
        )

        assert answer.status_code == 400
        assert answer.json() == said("midtrans/03_snap_error_duplicate_400.json")

    def test_wrong_key(self, sandbox: Sandbox) -> None:
        answer = sandbox.midtrans("POST", "/snap/v1/transactions", json={}, auth=("wrong", ""))

        assert answer.status_code == 401
        assert answer.json() == said("midtrans/04_snap_error_auth_401.json")


class TestMidtransLater:
    BCA = {"bank_transfer": {"bank": "bca"}}

    def test_duplicate_order(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge()["order_id"]

        answer = sandbox.charge(order_id=order_id)

        recorded = said("midtrans/13_charge_duplicate_406.json")
        assert answer | {"id": ""} == recorded | {"id": ""}

    def test_status_pending_then_settled(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge("bank_transfer", **self.BCA)["order_id"]
        assert shape(sandbox.status(order_id)) == shape(said("midtrans/16_status_pending.json"))

        sandbox.control("pay", id=order_id, action="pay")

        settled = sandbox.status(order_id)
        assert shape(settled) == shape(said("midtrans/17_status_settlement.json"))
        assert settled["status_code"] == "200"

    def test_expire_and_status_407(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge()["order_id"]

        expired = sandbox.midtrans("POST", f"/v2/{order_id}/expire").json()

        recorded = said("midtrans/21_expire_ok_407.json")
        assert shape(expired) == shape(recorded)
        assert expired["status_message"] == recorded["status_message"]
        status = sandbox.status(order_id)
        assert shape(status) == shape(said("midtrans/18_status_expired_407.json"))
        assert status["status_code"] == "407"

    def test_cancel(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge("bank_transfer", **self.BCA)["order_id"]

        cancelled = sandbox.midtrans("POST", f"/v2/{order_id}/cancel").json()

        recorded = said("midtrans/20_cancel_ok.json")
        assert shape(cancelled) == shape(recorded)
        assert cancelled["status_code"] == "200"

    def test_cancel_after_settlement(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge("bank_transfer", **self.BCA)["order_id"]
        sandbox.control("pay", id=order_id, action="pay")

        refused = sandbox.midtrans("POST", f"/v2/{order_id}/cancel").json()

        recorded = said("midtrans/22_cancel_not_allowed_412.json")
        assert refused | {"id": ""} == recorded | {"id": ""}

    def test_refund_twice_with_one_key(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge()["order_id"]
        sandbox.control("pay", id=order_id, action="pay")
        body = sent("midtrans/23_refund_partial_ok.json")

        first, second = (
            sandbox.midtrans("POST", f"/v2/{order_id}/refund", json=body).json() for _ in range(2)
        )

        recorded = said("midtrans/23_refund_partial_ok.json")
        assert shape(first) == shape(recorded)
        assert first["refund_amount"] == recorded["refund_amount"]
        assert second == said("midtrans/24_refund_duplicate_406.json")

    def test_unknown_order(self, sandbox: Sandbox) -> None:
        recorded = said("midtrans/19_status_not_found_404.json")

        assert sandbox.status("PT-UNKNOWN") | {"id": ""} == recorded | {"id": ""}

    @pytest.mark.parametrize(("mode", "status"), [("current", 401), ("legacy", 200)])
    def test_wrong_key(self, sandbox: Sandbox, mode: str, status: int) -> None:
        sandbox.control("config", midtrans={"http_status_mode": mode})

        answer = sandbox.midtrans("GET", "/v2/any/status", auth=("wrong", ""))

        recorded = said("midtrans/15_error_auth_401.json")
        assert answer.status_code == status
        assert answer.json() | {"id": ""} == recorded | {"id": ""}


def optional(recorded: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in recorded.items() if key not in names}


class TestNotifications:
    """`midtrans/30` to `44`: what each event says."""

    def last(self, sandbox: Sandbox, count: int) -> dict[str, Any]:
        received = sandbox.webhooks("midtrans", count)[-1]
        assert received.headers["User-Agent"] == "Veritrans"
        return json.loads(received.body)

    def recorded(self, name: str) -> dict[str, Any]:
        return load(f"midtrans/{name}.json")["request"]["json"]

    def test_virtual_account(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge("bank_transfer", bank_transfer={"bank": "bca"})["order_id"]
        assert shape(self.last(sandbox, 1)) == shape(self.recorded("30_notif_pending_va"))

        sandbox.control("pay", id=order_id, action="pay")

        assert shape(self.last(sandbox, 2)) == shape(self.recorded("31_notif_settlement_va"))

    def test_qris_settled_and_refunded(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge()["order_id"]
        sandbox.control("pay", id=order_id, action="pay")
        assert shape(self.last(sandbox, 2)) == shape(self.recorded("32_notif_settlement_qris"))

        sandbox.control("pay", id=order_id, action="refund", amount=50_000)

        first, second = (json.loads(one.body) for one in sandbox.webhooks("midtrans", 4)[2:])
        more = {"transaction_type", "merchant_cross_reference_id"}  # kept from the settlement
        assert shape(optional(first, *more)) == shape(self.recorded("38_notif_partial_refund"))
        assert shape(optional(second, *more)) == shape(
            self.recorded("39_notif_partial_refund_confirmed")
        )
        assert second["refund_amount"] == "50000.00"

    @pytest.mark.parametrize(
        ("action", "name", "code"),
        [
            ("pay", "33_notif_capture_accept", "200"),
            ("challenge", "34_notif_capture_challenge", "201"),
            ("fail", "35_notif_deny", "202"),
        ],
    )
    def test_card(self, sandbox: Sandbox, action: str, name: str, code: str) -> None:
        _order_id, page = sandbox.snap()

        sandbox.press(page, action, method="credit_card")

        body, recorded = self.last(sandbox, 2), self.recorded(name)
        body.pop("three_ds_version", None)  # only some samples have it
        recorded.pop("three_ds_version", None)
        assert shape(body) == shape(recorded)
        assert body["status_code"] == code == recorded["status_code"]

    @pytest.mark.parametrize(
        ("call", "name"), [("cancel", "36_notif_cancel"), ("expire", "37_notif_expire")]
    )
    def test_ended_by_the_merchant(self, sandbox: Sandbox, call: str, name: str) -> None:
        bank = {"bank_transfer": {"bank": "bni"}}
        charge = sandbox.charge("bank_transfer", **bank) if call == "cancel" else sandbox.charge()

        sandbox.midtrans("POST", f"/v2/{charge['transaction_id']}/{call}")

        body = self.last(sandbox, 2)
        assert shape(body) == shape(self.recorded(name))
        assert body["status_code"] == "202"

    def test_shop_settled_then_reversed(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge("cstore", cstore={"store": "indomaret"})["order_id"]
        sandbox.control("pay", id=order_id, action="pay")
        assert shape(self.last(sandbox, 2)) == shape(self.recorded("44_notif_settlement_indomaret"))

        sandbox.control("pay", id=order_id, action="reverse")

        body = optional(self.last(sandbox, 3), "approval_code")  # kept from the settlement
        assert shape(body) == shape(self.recorded("43_notif_deny_after_settlement"))

    def test_dashboard_test(self, sandbox: Sandbox) -> None:
        sandbox.control("test-notification", gateway="midtrans")

        body = self.last(sandbox, 1)
        assert shape(body) == shape(self.recorded("45_notif_dashboard_test"))
        assert body["order_id"].startswith("payment_notif_test_G123456789_")

    def test_imposed_fee(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge()["order_id"]
        sandbox.fault("midtrans", "fee_imposed")

        sandbox.control("pay", id=order_id, action="pay")

        body = optional(self.last(sandbox, 2), "merchant_cross_reference_id")
        recorded = self.recorded("46_notif_settlement_fee_imposed")
        assert shape(body) == shape(recorded)
        assert body["metadata"] == recorded["metadata"]
        assert body["gross_amount"] == "152000.00"
