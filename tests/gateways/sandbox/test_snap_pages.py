"""The life of a Snap page: denied attempts, retries, and its end (gateways-2.md C4)."""

import json
from typing import Any

import pytest

from tests.gateways.sandbox.conftest import Sandbox
from tests.gateways.sandbox.test_fixtures import said, sent, shape


def cancel(sandbox: Sandbox, page: str) -> Any:
    token = page.rsplit("/", 1)[1]
    return sandbox.midtrans("POST", f"/snap/v1/transactions/{token}/cancel")


def notified(sandbox: Sandbox, count: int) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in sandbox.webhooks("midtrans", count)]


class TestRetries:
    def test_denied_card_then_paid_on_the_same_page(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        assert sandbox.press(page, "fail", method="credit_card").json()["outcome"] == "failed"

        sandbox.press(page, method="credit_card")

        _pending, denied, _again, captured = notified(sandbox, 4)
        assert (denied["transaction_status"], denied["status_code"]) == ("deny", "202")
        assert denied["transaction_id"] != captured["transaction_id"]
        assert {denied["order_id"], captured["order_id"]} == {order_id}
        assert shape(captured) == shape(sent("midtrans/52_notif_capture_after_snap_deny.json"))
        assert sandbox.status(order_id)["transaction_id"] == captured["transaction_id"]
        assert sandbox.status(denied["transaction_id"])["transaction_status"] == "deny"

    def test_late_deny_names_the_older_attempt(self, sandbox: Sandbox) -> None:
        _order_id, page = sandbox.snap()
        sandbox.fault("midtrans", "webhook_late", delay_s=600, match={"event": "deny"})
        sandbox.press(page, "fail", method="credit_card")
        sandbox.press(page, method="credit_card")
        before = notified(sandbox, 3)

        sandbox.control("clock", advance="11m")

        late = notified(sandbox, 4)[-1]
        assert late["transaction_status"] == "deny"
        assert late["transaction_id"] == before[0]["transaction_id"] != before[2]["transaction_id"]

    def test_attempt_given_up_at_the_bank_leaves_the_page(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, "choose", method="credit_card")

        sandbox.press(page, "abandon")

        assert sandbox.status(order_id)["transaction_status"] == "expire"
        assert sandbox.press(page, method="gopay").json()["status"] == "settlement"

    def test_another_method_after_a_refusal(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, "fail", method="credit_card")

        sandbox.press(page, method="bca")

        assert sandbox.status(order_id)["payment_type"] == "bank_transfer"

    @pytest.mark.parametrize("call", ["expire", "cancel"])
    def test_the_merchants_end_closes_the_page(self, sandbox: Sandbox, call: str) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, "choose", method="bca")

        sandbox.midtrans("POST", f"/v2/{order_id}/{call}")

        assert sandbox.press(page, method="bca").status_code == 409
        assert sandbox.status(order_id)["transaction_status"] == call


class TestDeadlines:
    def test_expiry_ends_page_and_payment(self, sandbox: Sandbox) -> None:
        _order_id, page = sandbox.snap(expiry={"duration": 30, "unit": "minutes"})
        sandbox.control("clock", advance="31m")

        assert sandbox.press(page).status_code == 409

    def test_page_expiry_wins_for_the_page(self, sandbox: Sandbox) -> None:
        minutes = {"unit": "minutes"}
        _order_id, page = sandbox.snap(
            expiry={"duration": 10, **minutes}, page_expiry={"duration": 60, **minutes}
        )
        sandbox.press(page, "choose", method="bca")
        sandbox.control("clock", advance="11m")
        assert sandbox.press(page, method="bca").json()["status"] == "settlement"

        _order_id, other = sandbox.snap(page_expiry={"duration": 60, **minutes})
        sandbox.control("clock", advance="61m")
        assert sandbox.press(other).status_code == 409

    def test_account_number_outlives_its_page(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap(page_expiry={"duration": 5, "unit": "minutes"})
        sandbox.press(page, "choose", method="bca")
        sandbox.control("clock", advance="1h")

        sandbox.control("pay", id=order_id, action="pay")

        assert sandbox.status(order_id)["transaction_status"] == "settlement"

    def test_a_denied_page_lapses_too(self, sandbox: Sandbox) -> None:
        _order_id, page = sandbox.snap(page_expiry={"duration": 5, "unit": "minutes"})
        sandbox.press(page, "fail", method="credit_card")
        sandbox.control("clock", advance="6m")

        assert sandbox.press(page, method="credit_card").status_code == 409


class TestCancelByToken:
    def test_closes_a_page_nobody_pays_on(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()

        answer = cancel(sandbox, page)

        recorded = said("midtrans/50_snap_cancel_token_ok.json")
        assert (answer.status_code, shape(answer.json())) == (200, shape(recorded))
        assert answer.json()["canceled_at"].endswith("Z")
        assert sandbox.press(page).status_code == 409
        assert sandbox.status(order_id)["status_code"] == "404"
        assert [charge["status"] for charge in sandbox.shown("charges")] == ["cancel"]
        sandbox.no_more_webhooks("midtrans", 0)

    def test_again(self, sandbox: Sandbox) -> None:
        _order_id, page = sandbox.snap()
        cancel(sandbox, page)

        answer = cancel(sandbox, page)

        assert answer.json() == {"error_messages": ["token already canceled"]}
        assert answer.status_code == 400

    @pytest.mark.parametrize("action", ["choose", "pay", "challenge"])
    def test_refused_while_somebody_pays(self, sandbox: Sandbox, action: str) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, action, method="credit_card")
        before = sandbox.status(order_id)

        answer = cancel(sandbox, page)

        assert answer.status_code == 400
        assert answer.json() == said("midtrans/51_snap_cancel_token_in_progress.json")
        assert sandbox.status(order_id) == before

    def test_after_a_refusal(self, sandbox: Sandbox) -> None:
        _order_id, page = sandbox.snap()
        sandbox.press(page, "fail", method="credit_card")

        assert cancel(sandbox, page).status_code == 200
        assert sandbox.press(page, method="credit_card").status_code == 409

    def test_unknown_token(self, sandbox: Sandbox) -> None:
        answer = cancel(sandbox, "/no-such-token")

        assert answer.json() == {"error_messages": ["token not found"]}

    def test_a_new_token_opens_the_order_again(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        cancel(sandbox, page)

        _order_id, newer = sandbox.snap(order_id=order_id)

        assert sandbox.press(newer).json()["status"] == "settlement"

    def test_wrong_key(self, sandbox: Sandbox) -> None:
        _order_id, page = sandbox.snap()
        token = page.rsplit("/", 1)[1]

        answer = sandbox.midtrans(
            "POST", f"/snap/v1/transactions/{token}/cancel", auth=("wrong", "")
        )

        assert answer.status_code == 401
        assert sandbox.press(page).status_code == 200
