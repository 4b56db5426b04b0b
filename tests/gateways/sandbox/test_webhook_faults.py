"""Each fault of the webhooks, as a merchant sees it."""

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.gateways.sandbox.conftest import SERVER_KEY, Received, Sandbox

TOKEN = "TESTCALLBACKTOKEN0123456789abcdef"


def bodies(received: list[Received]) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in received]


def statuses(received: list[Received]) -> list[str]:
    return [body.get("transaction_status") or body["status"] for body in bodies(received)]


def is_signed(body: dict[str, str], key: str = SERVER_KEY) -> bool:
    text = body["order_id"] + body["status_code"] + body["gross_amount"] + key
    return hashlib.sha512(text.encode()).hexdigest() == body["signature_key"]


def pay_xendit(sandbox: Sandbox, action: str = "pay", **fields: str) -> dict[str, Any]:
    invoice = sandbox.invoice()
    sandbox.press(invoice["invoice_url"], action, **fields)
    return invoice


def pay_midtrans(sandbox: Sandbox, action: str = "pay") -> str:
    order_id, page = sandbox.snap()
    assert sandbox.press(page, action).ok
    return order_id


class TestDeliveryAtBothGateways:
    def test_duplicate_at_xendit_repeats_the_event(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "webhook_duplicate", copies=4)

        pay_xendit(sandbox)

        received = sandbox.webhooks("xendit", 4)
        assert len({(one.body, one.headers["webhook-id"]) for one in received}) == 1

    def test_duplicate_at_midtrans_is_of_the_settlement(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "webhook_duplicate", copies=3)

        pay_midtrans(sandbox)

        received = sandbox.webhooks("midtrans", 4)
        assert sorted(statuses(received)) == ["pending"] + ["settlement"] * 3

    def test_lost_is_never_delivered(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "webhook_lost")
        sandbox.fault("midtrans", "webhook_lost")

        invoice = pay_xendit(sandbox)
        order_id = pay_midtrans(sandbox)

        sandbox.no_more_webhooks("xendit", 0)
        assert statuses(sandbox.webhooks("midtrans", 1)) == ["pending"]
        assert sandbox.xendit("GET", f"/v2/invoices/{invoice['id']}").json()["status"] == "PAID"
        assert sandbox.status(order_id)["transaction_status"] == "settlement"
        lost = [one for one in sandbox.settled() if one["status"] == "lost"]
        assert [one["event"] for one in lost] == ["PAID", "settlement"]

    def test_lost_of_several_takes_what_comes_before_a_settlement_too(
        self, sandbox: Sandbox
    ) -> None:
        sandbox.fault("midtrans", "webhook_lost", times=3)

        pay_midtrans(sandbox)

        sandbox.no_more_webhooks("midtrans", 0)
        assert [one["event"] for one in sandbox.settled()] == ["pending", "settlement"]
        assert [rule["times"] for rule in sandbox.shown("faults")] == [1]

    def test_late_comes_after_simulated_time(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "webhook_late", delay_s=7200)

        pay_xendit(sandbox)
        sandbox.control("clock", advance="119m")
        sandbox.no_more_webhooks("xendit", 0)
        sandbox.control("clock", advance="2m")

        assert statuses(sandbox.webhooks("xendit", 1)) == ["PAID"]

    def test_match_by_event(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "webhook_lost", match={"event": "pending"})

        pay_midtrans(sandbox)

        assert statuses(sandbox.webhooks("midtrans", 1)) == ["settlement"]

    @pytest.mark.parametrize(
        ("marker", "count"), [("~sim.dup", 4), ("~sim.ooo", 2), ("~sim.late", 1)]
    )
    def test_markers(self, sandbox: Sandbox, marker: str, count: int) -> None:
        _order_id, page = sandbox.snap(order_id=f"{sandbox.reference()}{marker}")

        sandbox.press(page)

        received = statuses(sandbox.webhooks("midtrans", count))
        assert (
            received
            == {
                "~sim.dup": ["pending"] + ["settlement"] * 3,
                "~sim.ooo": ["settlement", "pending"],
                "~sim.late": ["pending"],
            }[marker]
        )


class TestOrder:
    def test_settlement_then_pending(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "webhook_out_of_order")

        pay_midtrans(sandbox)

        received = sandbox.webhooks("midtrans", 2)
        assert statuses(received) == ["settlement", "pending"]
        assert all(is_signed(body) for body in bodies(received))

    def test_paid_then_expired(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "webhook_out_of_order")

        invoice = pay_xendit(sandbox)

        received = sandbox.webhooks("xendit", 2)
        assert statuses(received) == ["PAID", "EXPIRED"]
        assert len({one.headers["webhook-id"] for one in received}) == 2
        assert sandbox.xendit("GET", f"/v2/invoices/{invoice['id']}").json()["status"] == "PAID"

    def test_refund_before_settlement(self, sandbox: Sandbox) -> None:
        order_id = pay_midtrans(sandbox)
        sandbox.webhooks("midtrans", 2)
        rule = {"match": {"event": "refunded"}}
        sandbox.fault("midtrans", "webhook_out_of_order", **rule)

        sandbox.control("pay", id=order_id, action="refund")

        received = sandbox.webhooks("midtrans", 5)[2:]
        assert statuses(received) == ["refund", "settlement", "refund"]

    def test_expire_after_paid(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "expire_after_paid")

        order_id = pay_midtrans(sandbox)

        received = sandbox.webhooks("midtrans", 3)
        assert statuses(received) == ["pending", "settlement", "expire"]
        assert bodies(received)[2]["status_code"] == "202"
        assert is_signed(bodies(received)[2])
        assert sandbox.status(order_id)["transaction_status"] == "settlement"

    def test_paid_after_expired(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "paid_after_expired")

        invoice = pay_xendit(sandbox, "expire")

        assert statuses(sandbox.webhooks("xendit", 2)) == ["EXPIRED", "PAID"]
        assert sandbox.xendit("GET", f"/v2/invoices/{invoice['id']}").json()["status"] == "PAID"

    def test_paid_after_expired_while_get_says_expired(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "paid_after_expired", get_stays_expired=True)

        invoice = pay_xendit(sandbox, "expire")

        sandbox.webhooks("xendit", 2)
        shown = sandbox.xendit("GET", f"/v2/invoices/{invoice['id']}").json()
        assert (shown["status"], "paid_amount" in shown) == ("EXPIRED", False)

    def test_paid_after_expired_lets_a_late_customer_pay(self, sandbox: Sandbox) -> None:
        invoice = pay_xendit(sandbox, "expire")
        assert sandbox.press(invoice["invoice_url"]).status_code == 409
        sandbox.fault("xendit", "paid_after_expired")

        assert sandbox.press(invoice["invoice_url"]).json()["status"] == "PAID"

        assert statuses(sandbox.webhooks("xendit", 2)) == ["EXPIRED", "PAID"]


class TestForgeries:
    @pytest.mark.parametrize("fault", ["webhook_bad_signature", "bad_token", "wrong_env_key"])
    def test_wrong_token(self, sandbox: Sandbox, fault: str) -> None:
        sandbox.fault("xendit", fault)

        pay_xendit(sandbox)

        (received,) = sandbox.webhooks("xendit", 1)
        assert received.headers["x-callback-token"] not in {TOKEN, ""}

    def test_no_token(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "webhook_no_token")

        pay_xendit(sandbox)

        assert "x-callback-token" not in sandbox.webhooks("xendit", 1)[0].headers

    @pytest.mark.parametrize("fault", ["webhook_bad_signature", "bad_token", "wrong_env_key"])
    def test_wrong_signature(self, sandbox: Sandbox, fault: str) -> None:
        sandbox.fault("midtrans", fault)

        pay_midtrans(sandbox)

        pending, settlement = bodies(sandbox.webhooks("midtrans", 2))
        assert is_signed(pending)
        assert not is_signed(settlement)
        assert len(settlement["signature_key"]) == 128

    def test_no_signature(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "no_token")

        pay_midtrans(sandbox)

        assert "signature_key" not in bodies(sandbox.webhooks("midtrans", 2))[1]

    def test_tampered_status(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "tampered_status")

        order_id = sandbox.charge()["order_id"]

        (body,) = bodies(sandbox.webhooks("midtrans", 1))
        assert (body["status_code"], body["transaction_status"]) == ("201", "settlement")
        assert is_signed(body)
        assert sandbox.status(order_id)["transaction_status"] == "pending"

    def test_replay_as_settlement(self, sandbox: Sandbox) -> None:
        order_id = pay_midtrans(sandbox)
        sandbox.webhooks("midtrans", 2)
        sandbox.fault("midtrans", "replay_as_settlement")

        sandbox.control("pay", id=order_id, action="refund")

        received = sandbox.webhooks("midtrans", 5)[2:]
        assert statuses(received) == ["refund", "settlement", "refund"]
        assert is_signed(bodies(received)[1])

    def test_unknown_order(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "unknown_order")
        sandbox.fault("midtrans", "unknown_order")

        pay_xendit(sandbox)
        pay_midtrans(sandbox)

        assert bodies(sandbox.webhooks("xendit", 2))[1]["external_id"] == "invoice_123124123"
        test = bodies(sandbox.webhooks("midtrans", 3))[2]
        assert test["order_id"].startswith("payment_notif_test_")


class TestAmounts:
    def test_no_decimals(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "amount_no_decimals")

        order_id = pay_midtrans(sandbox)

        body = bodies(sandbox.webhooks("midtrans", 2))[1]
        assert body["gross_amount"] == "150000"
        assert is_signed(body)
        assert sandbox.status(order_id)["gross_amount"] == "150000.00"

    def test_fee_imposed_in_the_notification_and_in_get(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "fee_imposed", fee=4_500)

        order_id = pay_midtrans(sandbox)

        for body in (bodies(sandbox.webhooks("midtrans", 2))[1], sandbox.status(order_id)):
            assert body["gross_amount"] == "154500.00"
            assert body["metadata"]["extra_info"]["gross_amount_info"] == {
                "original_amount": "150000",
                "gross_amount": "154500",
                "customer_imposed_payment_fee": "4500",
            }
            assert is_signed(body)


class TestOddDeliveries:
    def test_double_encoded(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "double_encoded")

        pay_midtrans(sandbox)

        outer = json.loads(sandbox.webhooks("midtrans", 2)[1].body)
        assert json.loads(outer)["transaction_status"] == "settlement"

    def test_form_encoded(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "form_encoded")

        invoice = pay_xendit(sandbox)

        (received,) = sandbox.webhooks("xendit", 1)
        assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert parse_qs(received.body.decode())["id"] == [invoice["id"]]

    def test_empty_body(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "empty_body")

        pay_xendit(sandbox)

        (received,) = sandbox.webhooks("xendit", 1)
        assert (received.method, received.body) == ("POST", b"")

    def test_get(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "get")

        pay_xendit(sandbox)

        (received,) = sandbox.webhooks("xendit", 1)
        assert (received.method, received.body) == ("GET", b"")


def test_combined_rules_all_apply(sandbox: Sandbox) -> None:
    sandbox.fault("xendit", "bad_token")
    sandbox.fault("xendit", "webhook_duplicate", copies=2)

    pay_xendit(sandbox)

    received = sandbox.webhooks("xendit", 2)
    assert TOKEN not in {one.headers["x-callback-token"] for one in received}
