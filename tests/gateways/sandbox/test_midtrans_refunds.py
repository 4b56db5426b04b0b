"""Refunds at Midtrans, and money that banks take back (gateways-2.md C1)."""

import json
from typing import Any

import pytest

from tests.gateways.sandbox.conftest import Sandbox
from tests.gateways.sandbox.test_fixtures import said, sent, shape


def paid(sandbox: Sandbox, method: str) -> str:
    """Pay a new order, and settle it where that takes a day."""
    items = [{"id": "1", "name": "Kopi", "price": 150_000, "quantity": 1}]
    order_id, page = sandbox.snap(item_details=items, customer_details={"first_name": "Siti"})
    sandbox.press(page, method=method)
    if method == "credit_card":
        sandbox.press(page, "settle")
    assert sandbox.status(order_id)["transaction_status"] == "settlement"
    return order_id


def refund(sandbox: Sandbox, order_id: str, path: str = "refund", **fields: Any) -> dict[str, Any]:
    body = {"refund_key": "r-1", "reason": "asked", **fields}
    answer = sandbox.midtrans("POST", f"/v2/{order_id}/{path}", json=body)
    assert answer.status_code == 200
    return answer.json()


def notified(sandbox: Sandbox, count: int) -> dict[str, Any]:
    return json.loads(sandbox.webhooks("midtrans", count)[-1].body)


class TestMethods:
    @pytest.mark.parametrize(
        ("method", "days"),
        [
            ("credit_card", 180),
            ("gopay", 45),
            ("qris", 45),
            ("qris/bca", 7),
            ("dana", 45),
            ("akulaku", 180),
            ("kredivo", 14),
        ],
    )
    def test_several_times_within_the_window(
        self, sandbox: Sandbox, method: str, days: int
    ) -> None:
        order_id = paid(sandbox, method)
        sandbox.control("clock", advance=f"{days - 1}d")

        first = refund(sandbox, order_id, amount=50_000)
        second = refund(sandbox, order_id, refund_key="r-2", path="refund/online/direct")

        assert (first["status_code"], first["transaction_status"]) == ("200", "partial_refund")
        assert (second["refund_amount"], second["transaction_status"]) == ("100000.00", "refund")
        assert refund(sandbox, order_id, refund_key="r-3")["status_code"] == "412"

    @pytest.mark.parametrize(
        ("method", "days"),
        [("credit_card", 180), ("gopay", 45), ("qris/bca", 7), ("ovo", 7), ("kredivo", 14)],
    )
    def test_not_after_the_window(self, sandbox: Sandbox, method: str, days: int) -> None:
        order_id = paid(sandbox, method)
        sandbox.control("clock", advance=f"{days}d")
        sandbox.control("clock", advance="1m")

        assert refund(sandbox, order_id)["status_code"] == "412"
        assert sandbox.status(order_id)["transaction_status"] == "settlement"

    @pytest.mark.parametrize("method", ["bca", "permata", "echannel", "indomaret", "alfamart"])
    def test_not_by_every_method(self, sandbox: Sandbox, method: str) -> None:
        order_id = paid(sandbox, method)

        assert refund(sandbox, order_id)["status_code"] == "412"
        assert "refunds" not in sandbox.status(order_id)

    @pytest.mark.parametrize("method", ["ovo", "shopeepay"])
    def test_only_in_full(self, sandbox: Sandbox, method: str) -> None:
        order_id = paid(sandbox, method)

        assert refund(sandbox, order_id, amount=50_000)["status_code"] == "414"
        assert refund(sandbox, order_id)["transaction_status"] == "refund"

    def test_shopees_code_read_by_another_bank(self, sandbox: Sandbox) -> None:
        acquirer = {"acquirer": "airpay shopee"}
        of_bca, of_dana = (sandbox.charge(qris=acquirer)["order_id"] for _ in range(2))
        sandbox.control("pay", id=of_bca, action="pay", method="qris/bca")
        sandbox.control("pay", id=of_dana, action="pay", method="qris/dana")

        assert sandbox.status(of_bca)["transaction_type"] == "off-us"
        assert refund(sandbox, of_bca, amount=1_000)["status_code"] == "414"
        assert refund(sandbox, of_dana, amount=1_000)["status_code"] == "200"

    def test_shopeepays_hours(self, sandbox: Sandbox) -> None:
        sandbox.control("config", midtrans={"shopeepay_hours": True})
        sandbox.control("clock", set="2026-01-15T16:55:00Z")  # 23:55 in Jakarta
        order_id = paid(sandbox, "shopeepay")
        at_night = refund(sandbox, order_id)
        sandbox.control("clock", set="2026-01-15T23:01:00Z")  # 06:01

        in_the_morning = refund(sandbox, order_id)
        sandbox.control("config", midtrans={"shopeepay_hours": False})

        assert (at_night["status_code"], in_the_morning["status_code"]) == ("503", "200")


class TestStates:
    @pytest.mark.parametrize("action", ["choose", "pay", "challenge", "fail"])
    def test_only_after_settlement(self, sandbox: Sandbox, action: str) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, action, method="credit_card")
        before = sandbox.status(order_id)

        assert refund(sandbox, order_id)["status_code"] == "412"
        assert sandbox.status(order_id) == before

    def test_a_captured_card_is_cancelled_instead(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, method="credit_card")

        answer = sandbox.midtrans("POST", f"/v2/{order_id}/cancel").json()

        assert (answer["status_code"], answer["transaction_status"]) == ("200", "cancel")

    def test_own_key_again(self, sandbox: Sandbox) -> None:
        order_id = paid(sandbox, "gopay")
        refund(sandbox, order_id, amount=50_000)

        assert refund(sandbox, order_id, amount=50_000)["status_code"] == "406"
        assert sandbox.status(order_id)["refund_amount"] == "50000.00"

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"amount": 150_001}, "414"),
            ({"amount": 0}, "414"),
            ({"amount": 1.5}, "400"),
            ({"refund_key": "r 1"}, "400"),
            ({"refund_key": "r.1"}, "400"),
        ],
    )
    def test_refuses_and_changes_nothing(
        self, sandbox: Sandbox, fields: dict[str, Any], code: str
    ) -> None:
        order_id = paid(sandbox, "gopay")

        assert refund(sandbox, order_id, **fields)["status_code"] == code
        assert "refunds" not in sandbox.status(order_id)

    def test_funds_come_days_later(self, sandbox: Sandbox) -> None:
        sandbox.control("config", midtrans={"payable_after_days": 3})
        order_id = paid(sandbox, "gopay")
        early = refund(sandbox, order_id)
        sandbox.control("clock", advance="73h")

        later = refund(sandbox, order_id)
        sandbox.control("config", midtrans={"payable_after_days": 0})

        assert (early["status_code"], later["status_code"]) == ("414", "200")
        assert "insufficient" in early["status_message"]


class TestFaults:
    def test_denied_by_the_bank(self, sandbox: Sandbox) -> None:
        order_id = paid(sandbox, "credit_card")
        sandbox.fault("midtrans", "refund_fails")

        answer = refund(sandbox, order_id, amount=150_000)

        recorded = said("midtrans/54_refund_denied_by_bank_202.json")
        assert shape(answer) == shape(recorded)
        assert (answer["status_code"], answer["refund_amount"]) == ("202", "0.00")
        assert answer["transaction_status"] == "settlement"
        assert "refunds" not in sandbox.status(order_id)
        assert refund(sandbox, order_id, refund_key="r-2")["status_code"] == "200"

    @pytest.mark.parametrize(
        ("fault", "code"), [("refund_no_funds", "414"), ("refund_outside_hours", "503")]
    )
    def test_refused_at_once(self, sandbox: Sandbox, fault: str, code: str) -> None:
        order_id = paid(sandbox, "gopay")
        sandbox.fault("midtrans", fault)

        assert refund(sandbox, order_id)["status_code"] == code
        assert refund(sandbox, order_id)["status_code"] == "200"

    def test_created_but_timeout_is_one_refund(self, sandbox: Sandbox) -> None:
        order_id = paid(sandbox, "gopay")
        sandbox.fault("midtrans", "created_but_timeout", delay_s=0)

        path, body = f"/v2/{order_id}/refund", {"refund_key": "r-1", "amount": 50_000}
        assert sandbox.midtrans("POST", path, json=body).status_code == 504

        assert refund(sandbox, order_id, amount=50_000)["status_code"] == "406"
        assert [one["refund_key"] for one in sandbox.status(order_id)["refunds"]] == ["r-1"]

    @pytest.mark.parametrize("fault", ["refund_channel_down", "refund_stays_pending"])
    def test_xendits_own(self, sandbox: Sandbox, fault: str) -> None:
        with pytest.raises(AssertionError, match="has no fault"):
            sandbox.fault("midtrans", fault)


class TestChargebacks:
    def test_of_the_whole(self, sandbox: Sandbox) -> None:
        order_id = paid(sandbox, "credit_card")

        sandbox.control("pay", id=order_id, action="chargeback")

        body = notified(sandbox, 4)
        recorded = sent("midtrans/53_notif_chargeback_SYNTHETIC.json")
        assert shape({name: body[name] for name in recorded}) == shape(recorded)
        assert (body["transaction_status"], body["refund_amount"]) == ("chargeback", "150000.00")
        assert refund(sandbox, order_id)["status_code"] == "412"

    def test_of_some_and_then_the_rest(self, sandbox: Sandbox) -> None:
        order_id = paid(sandbox, "credit_card")

        sandbox.control("pay", id=order_id, action="chargeback", amount=60_000)
        first = notified(sandbox, 4)
        sandbox.control("pay", id=order_id, action="chargeback")

        assert (first["transaction_status"], first["status_code"]) == ("partial_chargeback", "200")
        assert [one["refund_amount"] for one in first["refunds"]] == ["60000.00"]
        assert notified(sandbox, 5)["transaction_status"] == "chargeback"

    def test_without_a_list_until_it_is_known(self, sandbox: Sandbox) -> None:
        order_id = paid(sandbox, "credit_card")
        sandbox.fault("midtrans", "chargeback_unlisted")
        sandbox.control("pay", id=order_id, action="chargeback", amount=60_000)

        body = notified(sandbox, 4)
        asked = sandbox.status(order_id)
        sandbox.control("pay", id=order_id, action="chargeback_listed")

        assert body["transaction_status"] == asked["transaction_status"] == "partial_chargeback"
        assert not {"refunds", "refund_amount"} & (body.keys() | asked.keys())
        assert notified(sandbox, 5)["refund_amount"] == "60000.00"
        assert sandbox.status(order_id)["refund_amount"] == "60000.00"
