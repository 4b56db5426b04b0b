"""The control API."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.gateways.sandbox.conftest import (
    SERVER_KEY,
    XENDIT_KEY,
    Receiver,
    Sandbox,
    running,
)

NOTHING_MORE: dict[str, Any] = {"external_id": None, "lines": [], "refunds": []}


class TestCharges:
    def test_lists_both_gateways_oldest_first(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice(amount=120.55, currency="MYR")
        order_id, page = sandbox.snap()
        charge = sandbox.charge()

        assert sandbox.shown("charges") == [
            {
                "gateway": "xendit",
                "id": invoice["id"],
                "reference": invoice["external_id"],
                "amount": 120.55,
                "currency": "MYR",
                "status": "PENDING",
                "payment_url": invoice["invoice_url"],
                **NOTHING_MORE,
            },
            {
                "gateway": "midtrans",
                "id": None,
                "reference": order_id,
                "amount": 150_000,
                "currency": "IDR",
                "status": "pending",
                "payment_url": page,
                **NOTHING_MORE,
            },
            {
                "gateway": "midtrans",
                "id": charge["transaction_id"],
                "reference": charge["order_id"],
                "amount": 150_000,
                "currency": "IDR",
                "status": "pending",
                "payment_url": f"{sandbox.url}/pay/midtrans/{charge['transaction_id']}",
                **NOTHING_MORE,
            },
        ]

    def test_tell_the_order_number_the_lines_and_what_went_back(self, sandbox: Sandbox) -> None:
        items = [{"name": "Kopi", "price": 50_000, "quantity": 3}]
        fees = [{"type": "Tax", "value": 16_500}, {"type": "Service fee", "value": -1_500}]
        invoice = sandbox.invoice(
            description="INV-7: coffee", amount=165_000, items=items, fees=fees
        )
        sandbox.press(invoice["invoice_url"], method="DANA")
        sandbox.press(invoice["invoice_url"], "refund", amount="15000")
        order_id, page = sandbox.snap(item_details=items, custom_field1="INV-8")
        sandbox.press(page, method="gopay")
        sandbox.press(page, "refund", amount="50000")

        first, second = sandbox.shown("charges")

        assert first["external_id"] == "INV-7"
        assert first["lines"] == [
            {"name": "Kopi", "quantity": 3, "price": 50_000},
            {"name": "Tax", "quantity": 1, "price": 16_500},
            {"name": "Service fee", "quantity": 1, "price": -1_500},
        ]
        assert [one["amount"] for one in first["refunds"]] == [15_000]
        assert (second["reference"], second["external_id"]) == (order_id, "INV-8")
        assert second["lines"] == [{"name": "Kopi", "quantity": 3, "price": 50_000}]
        assert [(one["amount"], one["status"]) for one in second["refunds"]] == [
            (50_000, "SUCCEEDED")
        ]

    def test_lists_them_as_they_came_whatever_the_clock_said(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", advance="1h")
        first = sandbox.invoice()["id"]
        sandbox.control("clock", set="2026-01-01T00:00:00Z")
        second = sandbox.charge()["transaction_id"]

        assert [charge["id"] for charge in sandbox.shown("charges")] == [first, second]

    def test_a_snap_order_posted_again_is_one_charge(self, sandbox: Sandbox) -> None:
        order_id, _first = sandbox.snap()
        _order_id, second = sandbox.snap(order_id=order_id)

        (charge,) = sandbox.shown("charges")

        assert (charge["reference"], charge["payment_url"]) == (order_id, second)

    def test_an_external_id_posted_again_is_two_charges(self, sandbox: Sandbox) -> None:
        ids = [sandbox.invoice(external_id="same")["id"] for _ in range(2)]

        assert [charge["id"] for charge in sandbox.shown("charges")] == ids


class TestLatency:
    def timed(self, sandbox: Sandbox, calls: int) -> list[float]:
        def call(_number: int) -> float:
            began = time.monotonic()
            sandbox.xendit("GET", "/v2/invoices")
            return (time.monotonic() - began) * 1000

        with ThreadPoolExecutor(10) as pool:
            return list(pool.map(call, range(calls)))

    def test_delays_every_answer(self, sandbox: Sandbox) -> None:
        sandbox.control("latency", gateway="xendit", p50_ms=120, p99_ms=380)

        times = self.timed(sandbox, 60)

        assert 100 < statistics.median(times) < 500
        assert min(times) > 20

    def test_p50_of_zero_ends_it(self, sandbox: Sandbox) -> None:
        sandbox.control("latency", gateway="xendit", p50_ms=500, p99_ms=600)

        sandbox.control("latency", p50_ms=0)

        assert min(self.timed(sandbox, 5)) < 400

    def test_leaves_the_other_gateway_alone(self, sandbox: Sandbox) -> None:
        sandbox.control("latency", gateway="midtrans", p50_ms=500, p99_ms=600)

        assert min(self.timed(sandbox, 3)) < 400
        assert sandbox.shown("latency")["midtrans"]["p50_ms"] == 500

    def test_fault_rate(self, sandbox: Sandbox) -> None:
        sandbox.control("latency", gateway="xendit", p50_ms=0.1, p99_ms=0.2, fault_rate=1)

        assert sandbox.xendit("GET", "/v2/invoices").status_code == 503

    @pytest.mark.parametrize(
        "body", [{"gateway": "paypal", "p50_ms": 1}, {"p50_ms": "fast"}, {"p51_ms": 1}]
    )
    def test_refuses_nonsense(self, sandbox: Sandbox, body: dict[str, Any]) -> None:
        answer = requests.post(f"{sandbox.url}/control/latency", json=body, timeout=5)

        assert answer.status_code == 400


class TestConfig:
    @pytest.mark.parametrize(
        "changes",
        [
            {"xendit": {"secret_key": "xnd_production_x"}},
            {"midtrans": {"server_key": "Mid-server-x"}},
            {"speed": 0},
            {"speed": True},
            {"colour": "red"},
            {"xendit": {"colour": "red"}},
            {"xendit": {"rate_limit_per_minute": "many"}},
            {"speed": 7, "xendit": {"merchant_name": 7}},
        ],
    )
    def test_refuses_and_changes_nothing(self, sandbox: Sandbox, changes: dict[str, Any]) -> None:
        before = sandbox.shown("config")

        answer = requests.post(f"{sandbox.url}/control/config", json=changes, timeout=5)

        assert answer.status_code == 400
        assert sandbox.shown("config") == before
        assert sandbox.xendit("GET", "/v2/invoices").status_code == 200

    def test_takes_back_what_it_shows(self, sandbox: Sandbox) -> None:
        shown = sandbox.shown("config")

        assert sandbox.control("config", **shown) == shown
        assert sandbox.control("config", speed=2.5)["speed"] == 2.5

    def test_shows_no_secret(self, sandbox: Sandbox) -> None:
        state = requests.get(f"{sandbox.url}/control/state", timeout=5).text

        assert "TESTKEY" not in state
        assert "TESTCALLBACKTOKEN" not in state

    def test_rate_limit(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", set="2026-01-15T03:20:01Z")
        sandbox.control("config", xendit={"rate_limit_per_minute": 3})
        sandbox.control("reset")
        sandbox.control("clock", set="2026-01-15T03:20:01Z")

        answers = [sandbox.xendit("GET", "/v2/invoices") for _ in range(4)]

        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert [one.headers["Rate-Limit-Remaining"] for one in answers] == ["2", "1", "0", "0"]
        assert answers[3].json()["error_code"] == "RATE_LIMIT_EXCEEDED"
        sandbox.control("clock", set="2026-01-15T03:21:30Z")
        assert sandbox.xendit("GET", "/v2/invoices").status_code == 200

    def test_webhook_id_can_be_left_out(self, sandbox: Sandbox) -> None:
        sandbox.control("config", xendit={"webhook_id": False})

        sandbox.press(sandbox.invoice()["invoice_url"])

        assert "webhook-id" not in sandbox.webhooks("xendit", 1)[0].headers


class TestReset:
    def test_deletes_charges_faults_and_deliveries(self, sandbox: Sandbox) -> None:
        page = sandbox.invoice()["invoice_url"]
        sandbox.press(page)
        sandbox.fault("xendit", "http_500", times=9)
        sandbox.settled()

        sandbox.control("reset")

        for path in ("charges", "faults", "deliveries"):
            assert sandbox.shown(path) == []
        assert sandbox.press(page).status_code == 404

    def test_ends_retries(self, sandbox: Sandbox) -> None:
        sandbox.receiver.will_answer(f"/{sandbox.name}/xendit", 500)
        sandbox.press(sandbox.invoice()["invoice_url"])
        sandbox.webhooks("xendit", 1)
        sandbox.settled()

        sandbox.control("reset")
        sandbox.control("clock", advance="30d")

        sandbox.no_more_webhooks("xendit", 1)

    def test_waits_for_the_webhook_under_way(self, sandbox: Sandbox) -> None:
        sandbox.receiver.will_answer(f"/{sandbox.name}/xendit", 200, after=0.5)
        sandbox.press(sandbox.invoice()["invoice_url"])
        (arrived,) = sandbox.webhooks("xendit", 1)

        sandbox.control("reset")

        assert time.monotonic() - arrived.at >= 0.5

    def test_seed_repeats_the_ids(self, sandbox: Sandbox) -> None:
        stories = []
        for _ in range(2):
            sandbox.control("reset", seed=7)
            invoice = sandbox.invoice()
            order_id, page = sandbox.snap()
            sandbox.press(page, "choose", method="bca")
            number = sandbox.status(order_id)["va_numbers"][0]["va_number"]
            stories.append((invoice["id"], page, number))

        assert stories[0] == stories[1]

    def test_without_a_seed_no_id_comes_again(self, sandbox: Sandbox) -> None:
        first = sandbox.invoice()["id"]

        sandbox.control("reset")

        assert sandbox.invoice()["id"] != first


class TestPay:
    @pytest.mark.parametrize("name", ["id", "external_id"])
    def test_by_any_name(self, sandbox: Sandbox, name: str) -> None:
        invoice = sandbox.invoice()

        answer = sandbox.control("pay", id=invoice[name], action="pay")

        assert answer["status"] == "PAID"

    def test_snap_by_order_and_by_token(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        token = page.rsplit("/", 1)[1]

        assert sandbox.control("pay", id=order_id, action="choose")["status"] == "pending"
        assert sandbox.control("pay", id=token, action="pay")["status"] == "settlement"

    def test_unknown_payment(self, sandbox: Sandbox) -> None:
        body = {"id": "nothing", "action": "pay"}
        answer = requests.post(f"{sandbox.url}/control/pay", json=body, timeout=5)

        assert answer.status_code == 400

    def test_concurrent_payments_take_the_money_once(self, sandbox: Sandbox) -> None:
        page = sandbox.invoice()["invoice_url"]

        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _number: sandbox.press(page).status_code, range(12)))

        assert sorted(answers) == [200] + [409] * 11
        sandbox.no_more_webhooks("xendit", 1)


class TestTestButtons:
    def test_xendit_names_an_invoice_that_nobody_knows(self, sandbox: Sandbox) -> None:
        sandbox.control("test-notification", gateway="xendit")

        assert b"invoice_123124123" in sandbox.webhooks("xendit", 1)[0].body

    def test_unknown_gateway(self, sandbox: Sandbox) -> None:
        url = f"{sandbox.url}/control/test-notification"

        assert requests.post(url, json={"gateway": "paypal"}, timeout=5).status_code == 400


class TestShape:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/nothing", 404),
            ("GET", "/xendit/nothing", 404),
            ("PUT", "/control/faults", 405),
            ("DELETE", "/xendit/v2/invoices", 405),
            ("GET", "/xendit/invoices/unknown/expire!", 405),
            ("DELETE", "/xendit/v2/invoices/unknown", 405),
            ("GET", "/midtrans/v2/unknown/cancel", 405),
            ("POST", "/midtrans/v2/unknown/status", 405),
            ("PUT", "/pay/xendit/unknown", 404),
            ("GET", "/control/reset", 405),
            ("GET", "/control/pay", 405),
        ],
    )
    def test_wrong_addresses_and_methods(
        self, sandbox: Sandbox, method: str, path: str, status: int
    ) -> None:
        assert requests.request(method, sandbox.url + path, timeout=5).status_code == status

    def test_wrong_methods_change_nothing(self, sandbox: Sandbox) -> None:
        invoice_id, charge_id = sandbox.invoice()["id"], sandbox.charge()["transaction_id"]

        sandbox.xendit("GET", f"/invoices/{invoice_id}/expire!")
        sandbox.midtrans("GET", f"/v2/{charge_id}/cancel")

        statuses = [charge["status"] for charge in sandbox.shown("charges")]
        assert statuses == ["PENDING", "pending"]

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/control/latency", {"gateway": []}),
            ("/control/faults", {"gateway": [], "fault": "timeout"}),
            (
                "/control/faults",
                {"gateway": "xendit", "fault": "timeout", "match": {"reference": 5}},
            ),
            ("/xendit/v2/invoices", {"external_id": "x", "amount": 1, "currency": []}),
            ("/xendit/refunds", {"invoice_id": "x", "reason": []}),
            ("/midtrans/snap/v1/transactions", {"page_expiry": {"duration": 10**9, "unit": "day"}}),
            ("/midtrans/v2/charge", {"custom_expiry": {"expiry_duration": 10**8, "unit": "day"}}),
        ],
    )
    def test_bad_values_are_refused_in_json(
        self, sandbox: Sandbox, path: str, body: dict[str, Any]
    ) -> None:
        key = XENDIT_KEY if path.startswith("/xendit") else SERVER_KEY
        details = {"order_id": sandbox.reference(), "gross_amount": 1}
        sent = {"transaction_details": details, "payment_type": "qris", **body}

        answer = requests.post(
            sandbox.url + path,
            json=sent if path.startswith("/midtrans") else body,
            auth=(key, ""),
            timeout=5,
        )

        in_body = answer.json().get("status_code")  # where Midtrans's Core API says it
        assert in_body == "400" or answer.status_code == 400
        assert sandbox.shown("charges") == sandbox.shown("faults") == []

    def test_home_leads_to_the_console(self, sandbox: Sandbox) -> None:
        answer = requests.get(sandbox.url, headers={"Accept": "text/html"}, timeout=5)

        assert "Sandbox console" in answer.text

    def test_console_forms_come_back_to_the_console(self, sandbox: Sandbox) -> None:
        answer = requests.post(
            f"{sandbox.url}/control/clock",
            data={"advance": "1h"},
            headers={"Accept": "text/html"},
            allow_redirects=False,
            timeout=5,
        )

        assert (answer.status_code, answer.headers["Location"]) == (302, "/control/")


def test_two_sandboxes_run_side_by_side(sandbox: Sandbox, receiver: Receiver) -> None:
    with running("--webhook-base-url", receiver.url) as other:
        sandbox.invoice()

        assert requests.get(f"{other}/control/charges", timeout=5).json() == []
