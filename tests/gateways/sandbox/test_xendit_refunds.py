"""Refunds at Xendit: by id, by method, later, and not at all (gateways-2.md C1)."""

import json
from typing import Any

import pytest
import requests

from tests.gateways.sandbox.conftest import Sandbox
from tests.gateways.sandbox.test_fixtures import sent, shape

REASON = {"reason": "REQUESTED_BY_CUSTOMER"}


def paid(sandbox: Sandbox, method: str, currency: str = "IDR", **fields: Any) -> dict[str, Any]:
    invoice = sandbox.invoice(currency=currency, amount=150_000, **fields)
    answer = sandbox.press(invoice["invoice_url"], method=method)
    assert answer.json()["status"] == "PAID", answer.text
    return invoice


def refund(sandbox: Sandbox, invoice: dict[str, Any], **fields: Any) -> requests.Response:
    body = {"invoice_id": invoice["id"], **REASON, **fields}
    return sandbox.xendit("POST", "/refunds", json=body)


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error_code"]


def refunded(sandbox: Sandbox, invoice: dict[str, Any]) -> list[str]:
    listed = sandbox.xendit("GET", "/refunds", params={"invoice_id": invoice["id"]}).json()
    return [one["status"] for one in listed["data"]]


def payment_id(sandbox: Sandbox) -> str:
    return str(json.loads(sandbox.webhooks("xendit", 1)[0].body)["payment_id"])


class TestMethods:
    @pytest.mark.parametrize(
        ("method", "currency", "days"),
        [
            ("CREDIT_CARD", "IDR", 365),
            ("QRIS", "IDR", 7),
            ("QRIS/SHOPEEPAY", "IDR", 7),
            ("DANA", "IDR", 30),
            ("GOPAY", "IDR", 45),
            ("SHOPEEPAY", "IDR", 365),
            ("SHOPEEPAY", "MYR", 365),
            ("GRABPAY", "MYR", 365),
            ("TOUCHNGO", "MYR", 180),
        ],
    )
    def test_several_times_within_the_window(
        self, sandbox: Sandbox, method: str, currency: str, days: int
    ) -> None:
        invoice = paid(sandbox, method, currency)
        sandbox.control("clock", advance=f"{days - 1}d")
        assert refund(sandbox, invoice, amount=50_000).status_code == 200
        sandbox.webhooks("xendit", 2)
        assert refund(sandbox, invoice).json()["amount"] == 100_000
        sandbox.webhooks("xendit", 3)

        assert refunded(sandbox, invoice) == ["SUCCEEDED", "SUCCEEDED"]
        assert refused(refund(sandbox, invoice, amount=1)) == (400, "REFUND_AMOUNT_EXCEEDED")

    @pytest.mark.parametrize(
        ("method", "currency", "days"),
        [("QRIS", "IDR", 7), ("DANA", "IDR", 30), ("TOUCHNGO", "MYR", 180)],
    )
    def test_not_after_the_window(
        self, sandbox: Sandbox, method: str, currency: str, days: int
    ) -> None:
        invoice = paid(sandbox, method, currency)
        sandbox.control("clock", advance=f"{days}d")
        sandbox.control("clock", advance="1m")

        answer = refund(sandbox, invoice)

        assert refused(answer) == (400, "INELIGIBLE_TRANSACTION_STATUS")
        assert refunded(sandbox, invoice) == []

    @pytest.mark.parametrize(
        ("method", "currency"),
        [
            ("BCA", "IDR"),
            ("ALFAMART", "IDR"),
            ("OVO", "IDR"),
            ("ASTRAPAY", "IDR"),
            ("QRIS/LINKAJA", "IDR"),
            ("DD_MAYB2U_FPX", "MYR"),
        ],
    )
    def test_not_by_every_method(self, sandbox: Sandbox, method: str, currency: str) -> None:
        invoice = paid(sandbox, method, currency)

        assert refused(refund(sandbox, invoice)) == (403, "REFUND_NOT_SUPPORTED")
        assert refunded(sandbox, invoice) == []

    @pytest.mark.parametrize(
        ("method", "currency"), [("LINKAJA", "IDR"), ("WECHATPAY", "MYR"), ("DD_BRI", "IDR")]
    )
    def test_only_in_full(self, sandbox: Sandbox, method: str, currency: str) -> None:
        invoice = paid(sandbox, method, currency)

        some = refund(sandbox, invoice, amount=50_000)

        assert refused(some) == (403, "PARTIAL_REFUND_NOT_SUPPORTED")
        assert refund(sandbox, invoice).status_code == 200

    def test_once_only(self, sandbox: Sandbox) -> None:
        items = [{"name": "Kopi", "price": 150_000, "quantity": 1}]
        invoice = paid(sandbox, "AKULAKU", payment_methods=["AKULAKU"], items=items)
        refund(sandbox, invoice, amount=50_000)
        sandbox.webhooks("xendit", 2)

        again = refund(sandbox, invoice, amount=50_000)

        assert refused(again) == (400, "PARTIAL_REFUND_COUNTS_EXCEEDED")
        assert refunded(sandbox, invoice) == ["SUCCEEDED"]

    def test_same_day_only(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", set="2026-01-15T10:00:00Z")  # 17:00 in Jakarta
        invoice = paid(sandbox, "JENIUSPAY")
        sandbox.control("clock", advance="7h")  # the day after, there

        assert refused(refund(sandbox, invoice)) == (400, "INELIGIBLE_TRANSACTION_STATUS")

    def test_cimb_in_full_only_after_a_day(self, sandbox: Sandbox) -> None:
        invoice = paid(sandbox, "QRIS/CIMB")
        early = refund(sandbox, invoice)
        sandbox.control("clock", advance="25h")

        assert refused(early) == (400, "TEMPORARILY_UNAVAILABLE")
        assert refund(sandbox, invoice).status_code == 200


class TestStates:
    @pytest.mark.parametrize("action", ["", "expire"])
    def test_nothing_of_what_was_not_paid(self, sandbox: Sandbox, action: str) -> None:
        invoice = sandbox.invoice()
        if action:
            sandbox.press(invoice["invoice_url"], action)

        assert refused(refund(sandbox, invoice)) == (400, "INELIGIBLE_TRANSACTION_STATUS")

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"amount": 150_001}, (400, "REFUND_AMOUNT_EXCEEDED")),
            ({"amount": 0}, (400, "REFUND_AMOUNT_EXCEEDED")),
            ({"amount": "5"}, (400, "API_VALIDATION_ERROR")),
            ({"currency": "MYR"}, (400, "API_VALIDATION_ERROR")),
            ({"reason": "BORED"}, (400, "API_VALIDATION_ERROR")),
        ],
    )
    def test_refuses_and_changes_nothing(
        self, sandbox: Sandbox, fields: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        invoice = paid(sandbox, "DANA")

        assert refused(refund(sandbox, invoice, **fields)) == expected
        assert refunded(sandbox, invoice) == []

    def test_one_at_a_time(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "refund_stays_pending", delay_s=3600)
        invoice = paid(sandbox, "DANA")
        refund(sandbox, invoice, amount=50_000)

        assert refused(refund(sandbox, invoice, amount=50_000)) == (400, "REFUND_IN_PROGRESS")
        assert refunded(sandbox, invoice) == ["PENDING"]
        sandbox.control("clock", advance="61m")
        assert refunded(sandbox, invoice) == ["SUCCEEDED"]

    def test_cancelled_while_pending(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "refund_stays_pending")
        invoice = paid(sandbox, "DANA")
        made = refund(sandbox, invoice).json()

        answer = sandbox.xendit("POST", f"/refunds/{made['id']}/cancel")

        assert answer.json()["status"] == "CANCELLED"
        assert refund(sandbox, invoice).status_code == 200
        again = sandbox.xendit("POST", f"/refunds/{made['id']}/cancel")
        assert refused(again) == (400, "INELIGIBLE_TRANSACTION_STATUS")

    def test_second_payment_of_an_invoice_goes_back_first(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice()
        sandbox.press(invoice["invoice_url"], "twice", method="DANA")
        refund(sandbox, invoice)
        sandbox.webhooks("xendit", 3)

        assert refund(sandbox, invoice).json()["amount"] == 150_000
        sandbox.webhooks("xendit", 4)
        assert refused(refund(sandbox, invoice)) == (400, "REFUND_AMOUNT_EXCEEDED")


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            ("refund_no_funds", (400, "INSUFFICIENT_BALANCE")),
            ("refund_outside_hours", (400, "TEMPORARILY_UNAVAILABLE")),
            ("refund_channel_down", (503, "CHANNEL_UNAVAILABLE")),
        ],
    )
    def test_refused_at_once(self, sandbox: Sandbox, fault: str, expected: tuple[int, str]) -> None:
        invoice = paid(sandbox, "DANA")
        sandbox.fault("xendit", fault)

        assert refused(refund(sandbox, invoice)) == expected
        assert refunded(sandbox, invoice) == []
        assert refund(sandbox, invoice).status_code == 200

    def test_fails_after_pending(self, sandbox: Sandbox) -> None:
        invoice = paid(sandbox, "DANA")
        sandbox.fault("xendit", "refund_fails")

        made = refund(sandbox, invoice, reference_id="rf-1").json()

        body = json.loads(sandbox.webhooks("xendit", 2)[1].body)
        assert made["status"] == "PENDING"
        assert (body["event"], body["data"]["id"]) == ("refund.failed", made["id"])
        assert body["data"]["failure_code"] == "INSUFFICIENT_BALANCE"
        assert refund(sandbox, invoice).json()["amount"] == 150_000

    def test_created_but_timeout_is_one_refund(self, sandbox: Sandbox) -> None:
        invoice = paid(sandbox, "DANA")
        sandbox.fault("xendit", "created_but_timeout", delay_s=0)
        key = {"headers": {"idempotency-key": "k-1"}}
        body = {"invoice_id": invoice["id"], **REASON}

        first = sandbox.xendit("POST", "/refunds", json=body, **key)
        again = sandbox.xendit("POST", "/refunds", json=body, **key)

        assert (first.status_code, again.status_code) == (504, 200)
        assert len(refunded(sandbox, invoice)) == 1

    def test_lost_webhook_is_found_by_asking(self, sandbox: Sandbox) -> None:
        invoice = paid(sandbox, "DANA")
        sandbox.webhooks("xendit", 1)
        sandbox.fault("xendit", "webhook_lost")

        made = refund(sandbox, invoice).json()
        sandbox.control("clock", advance="1m")

        sandbox.no_more_webhooks("xendit", 1)
        found = sandbox.xendit("GET", f"/refunds/{made['id']}").json()
        assert (found["status"], found["amount"]) == ("SUCCEEDED", 150_000)


class TestIds:
    def test_invoice_id_can_be_given_up(self, sandbox: Sandbox) -> None:
        sandbox.control("config", xendit={"refunds_take_invoice_id": False})
        invoice = paid(sandbox, "DANA")

        answer = refund(sandbox, invoice)
        sandbox.control("config", xendit={"refunds_take_invoice_id": True})

        assert refused(answer) == (400, "API_VALIDATION_ERROR")

    @pytest.mark.parametrize("name", ["payment_request_id", "invoice_id"])
    def test_unknown(self, sandbox: Sandbox, name: str) -> None:
        answer = sandbox.xendit("POST", "/refunds", json={name: "pr-unknown", **REASON})

        assert refused(answer) == (404, "DATA_NOT_FOUND")

    def test_payment_id_names_nothing(self, sandbox: Sandbox) -> None:
        paid(sandbox, "DANA")
        body = {"payment_id": payment_id(sandbox), **REASON}

        answer = sandbox.xendit("POST", "/refunds", json=body)

        assert refused(answer) == (400, "API_VALIDATION_ERROR")

    def test_nested_webhook_with_the_payment_alone(self, sandbox: Sandbox) -> None:
        sandbox.control(
            "config", xendit={"refund_webhook_nested": True, "refunds_name_invoice": False}
        )
        invoice = paid(sandbox, "DANA")
        payment = payment_id(sandbox)
        made = refund(sandbox, invoice, amount=88_000, reference_id="rf-0040").json()
        body = json.loads(sandbox.webhooks("xendit", 2)[1].body)
        found = sandbox.xendit("GET", f"/refunds/{made['id']}").json()
        sandbox.control(
            "config", xendit={"refund_webhook_nested": False, "refunds_name_invoice": True}
        )

        assert shape(body) == shape(sent("xendit/40_webhook_refund_succeeded_nested.json"))
        inner = body["data"]["data"]
        assert (inner["payment_id"], inner["invoice_id"], inner["amount"]) == (
            payment,
            None,
            "88000",
        )
        assert (found["payment_id"], found["invoice_id"]) == (payment, None)


class TestProductCalls:
    def test_wallet(self, sandbox: Sandbox) -> None:
        invoice = paid(sandbox, "DANA")
        charge = payment_id(sandbox)

        path = f"/ewallets/charges/{charge}"
        made = sandbox.xendit("POST", f"{path}/refunds", json={"amount": 88_000}).json()

        body = json.loads(sandbox.webhooks("xendit", 2)[1].body)
        assert made["status"] == "PENDING"
        assert shape(body) == shape(sent("xendit/41_webhook_ewallet_refund.json"))
        assert body["event"] == "ewallet.refund"
        assert (body["data"]["charge_id"], body["data"]["refund_amount"]) == (charge, 88_000)
        assert not {"invoice_id", "external_id"} & body["data"].keys()
        assert sandbox.xendit("GET", path).json()["refunded_amount"] == 88_000
        assert refund(sandbox, invoice).json()["amount"] == 62_000

    def test_void_is_of_the_same_day(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", set="2026-01-15T16:00:00Z")  # 23:00 in Jakarta
        paid(sandbox, "DANA")
        path = f"/ewallets/charges/{payment_id(sandbox)}/void"
        sandbox.control("clock", advance="51m")

        late = sandbox.xendit("POST", path)

        assert refused(late) == (400, "INELIGIBLE_TRANSACTION_STATUS")

    def test_qr_code(self, sandbox: Sandbox) -> None:
        paid(sandbox, "QRIS")
        path = f"/qr_codes/payments/{payment_id(sandbox)}/refunds"

        assert sandbox.xendit("POST", path, json={}).status_code == 200
        body = json.loads(sandbox.webhooks("xendit", 2)[1].body)
        assert (body["event"], body["api-version"]) == ("qr.refund", "2022-07-31")

    def test_unknown(self, sandbox: Sandbox) -> None:
        answer = sandbox.xendit("POST", "/ewallets/charges/ewc_unknown/refunds", json={})

        assert refused(answer) == (404, "DATA_NOT_FOUND")


class TestDisputes:
    def test_from_opening_to_loss(self, sandbox: Sandbox) -> None:
        invoice = paid(sandbox, "CREDIT_CARD")
        page = invoice["invoice_url"]
        steps = ("dispute", "dispute_due", "dispute_reviewed", "dispute_lost")
        for action in steps:
            assert sandbox.press(page, action).status_code == 200

        notified = [json.loads(one.body) for one in sandbox.webhooks("xendit", 5)[1:]]

        assert [one["event"].removeprefix("dispute.") for one in notified] == [
            "action_required",
            "due_date_approaching",
            "under_review",
            "lost",
        ]
        assert shape(notified[-1]) == shape(sent("xendit/44_webhook_dispute_lost.json"))
        assert {one["reference_id"] for one in notified} == {invoice["external_id"]}
        assert notified[-1]["amount"]["initial"] == "150000.00"
        assert sandbox.press(page, "dispute_won").status_code == 409

    @pytest.mark.parametrize("method", ["BCA", "DANA"])
    def test_only_of_cards_and_qr_codes(self, sandbox: Sandbox, method: str) -> None:
        invoice = paid(sandbox, method)

        assert sandbox.press(invoice["invoice_url"], "dispute").status_code == 409
        sandbox.no_more_webhooks("xendit", 1)
