"""Each fault of the API, as a caller sees it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.gateways.sandbox.conftest import SERVER_KEY, XENDIT_KEY, Sandbox

CREATE = {"xendit": "/xendit/v2/invoices", "midtrans": "/midtrans/snap/v1/transactions"}
AUTH = {"xendit": (XENDIT_KEY, ""), "midtrans": (SERVER_KEY, "")}


def create(sandbox: Sandbox, gateway: str, reference: str, timeout: float = 20) -> Any:
    bodies = {
        "xendit": {"external_id": reference, "amount": 10_000},
        "midtrans": {"transaction_details": {"order_id": reference, "gross_amount": 10_000}},
    }
    url = sandbox.url + CREATE[gateway]
    return requests.post(url, json=bodies[gateway], auth=AUTH[gateway], timeout=timeout)


def references(sandbox: Sandbox) -> list[str]:
    return [charge["reference"] for charge in sandbox.shown("charges")]


gateways = pytest.mark.parametrize("gateway", ["xendit", "midtrans"])


@gateways
class TestOutcomeUnknown:
    def test_timeout_creates_nothing(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "timeout", delay_s=5)

        with pytest.raises(requests.ReadTimeout):
            create(sandbox, gateway, "R1", timeout=0.3)

        assert references(sandbox) == []
        assert create(sandbox, gateway, "R1").ok

    def test_timeout_ends_with_504(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "timeout", delay_s=0.2)

        answer = create(sandbox, gateway, "R1")

        assert answer.status_code == 504
        assert answer.headers["Content-Type"] == "text/html"

    def test_created_but_timeout_creates(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "created_but_timeout", delay_s=5)

        with pytest.raises(requests.ReadTimeout):
            create(sandbox, gateway, "R1", timeout=0.3)

        assert references(sandbox) == ["R1"]

    def test_created_but_timeout_waits_for_a_creation(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "created_but_timeout", delay_s=0.1)

        assert sandbox.xendit("GET", "/v2/invoices?external_id=R1").status_code == 200
        assert sandbox.status("R1")["status_code"] == "404"

        assert create(sandbox, gateway, "R1").status_code == 504

    def test_connection_reset(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "connection_reset")

        with pytest.raises(requests.ConnectionError, match="reset by peer"):
            create(sandbox, gateway, "R1")

        assert references(sandbox) == []
        assert create(sandbox, gateway, "R1").ok

    def test_connection_reset_after_creation(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "connection_reset", created=True)

        with pytest.raises(requests.ConnectionError, match="reset by peer"):
            create(sandbox, gateway, "R1")

        assert references(sandbox) == ["R1"]

    def test_connection_reset_half_way(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "connection_reset", half_way=True)

        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            create(sandbox, gateway, "R1")

        assert references(sandbox) == ["R1"]

    def test_hanging_calls_hold_up_nobody(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "timeout", times=20, delay_s=2)

        with ThreadPoolExecutor(20) as pool:
            hanging = [pool.submit(create, sandbox, gateway, f"H{n}") for n in range(20)]
            while sandbox.shown("faults"):  # until each has its own
                time.sleep(0.05)
            assert create(sandbox, gateway, "R1").ok
            assert not all(one.done() for one in hanging)

        assert {one.result().status_code for one in hanging} == {504}


@gateways
class TestRefusals:
    @pytest.mark.parametrize("status", [500, 503])
    def test_http_5xx_is_the_gateways_own_json(
        self, sandbox: Sandbox, gateway: str, status: int
    ) -> None:
        sandbox.fault(gateway, f"http_{status}")

        answer = create(sandbox, gateway, "R1")

        key = "error_code" if gateway == "xendit" else "error_messages"
        assert (answer.status_code, key in answer.json()) == (status, True)
        assert references(sandbox) == []

    def test_http_500_after_creation(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "http_500", created=True)

        assert create(sandbox, gateway, "R1").status_code == 500

        assert references(sandbox) == ["R1"]

    def test_html_502(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "html_502")

        answer = create(sandbox, gateway, "R1")

        assert answer.status_code == 502
        assert answer.text.startswith("<html>")

    def test_rate_limit(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "rate_limit", delay_s=41.5)

        answer = create(sandbox, gateway, "R1")

        assert answer.status_code == 429
        assert answer.headers["Rate-Limit-Reset"] == "41.5"

    def test_slow_answers_right(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "slow", delay_s=0.4)
        began = time.monotonic()

        answer = create(sandbox, gateway, "R1")

        assert answer.ok
        assert time.monotonic() - began >= 0.4

    def test_times_counts_down(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "http_500", times=2)

        statuses = [create(sandbox, gateway, f"R{n}").status_code for n in range(3)]

        assert statuses[:2] == [500, 500]
        assert statuses[2] in {200, 201}
        assert sandbox.shown("faults") == []

    def test_delete_clears_the_rules(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "http_500", times=5)

        assert requests.delete(f"{sandbox.url}/control/faults", timeout=5).ok

        assert create(sandbox, gateway, "R1").ok

    def test_match_by_reference_and_route(self, sandbox: Sandbox, gateway: str) -> None:
        match = {"reference": "BAD-*", "route": "create"}
        sandbox.fault(gateway, "http_500", match=match)

        assert create(sandbox, gateway, "GOOD-1").ok
        assert create(sandbox, gateway, "BAD-1").status_code == 500

    @pytest.mark.parametrize(
        ("marker", "status"), [("~sim.500", 500), ("", 200)], ids=["marked", "plain"]
    )
    def test_marker_in_the_reference(
        self, sandbox: Sandbox, gateway: str, marker: str, status: int
    ) -> None:
        answer = create(sandbox, gateway, f"R1{marker}")

        assert answer.status_code == (201 if status == 200 and gateway == "midtrans" else status)


class TestMarkers:
    def test_timeout(self, sandbox: Sandbox) -> None:
        with pytest.raises(requests.ReadTimeout):
            create(sandbox, "xendit", "R1~sim.timeout", timeout=0.3)

        assert references(sandbox) == []

    def test_created_but_timeout(self, sandbox: Sandbox) -> None:
        with pytest.raises(requests.ReadTimeout):
            create(sandbox, "midtrans", "R1~sim.created_but_timeout", timeout=0.3)

        assert references(sandbox) == ["R1~sim.created_but_timeout"]


class TestOtherAnswers:
    def test_new_enum_at_xendit(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "new_enum")

        assert sandbox.invoice()["available_banks"][0]["bank_code"] == "BANK_OF_TOMORROW"

    def test_new_enum_at_midtrans(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "new_enum")

        assert sandbox.charge()["payment_type"] == "telepathy"

    def test_missing_field(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "missing_field", field="merchant_name")
        sandbox.fault("midtrans", "missing_field")

        assert "merchant_name" not in sandbox.invoice()
        assert "transaction_status" not in sandbox.charge()

    def test_extra_field(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "extra_field")
        sandbox.fault("midtrans", "extra_field")

        assert "sandbox_extra_field" in sandbox.invoice()
        assert "sandbox_extra_field" in sandbox.charge()

    def test_stale_status_at_xendit(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice()
        sandbox.press(invoice["invoice_url"])
        sandbox.fault("xendit", "stale_status", times=2)

        path = f"/v2/invoices/{invoice['id']}"
        answers = [sandbox.xendit("GET", path).json() for _ in range(3)]

        assert [one["status"] for one in answers] == ["PENDING", "PENDING", "PAID"]
        assert "paid_amount" not in answers[0]

    def test_stale_status_at_midtrans(self, sandbox: Sandbox) -> None:
        order_id = sandbox.charge()["order_id"]
        sandbox.control("pay", id=order_id, action="pay")
        sandbox.fault("midtrans", "stale_status")

        answers = [sandbox.status(order_id)["status_code"] for _ in range(2)]

        assert answers == ["201", "200"]

    def test_id_swap(self, sandbox: Sandbox) -> None:
        charge = sandbox.charge()
        sandbox.fault("midtrans", "id_swap")

        status = sandbox.status(charge["order_id"])

        assert status["order_id"] == status["transaction_id"] == charge["transaction_id"]

    def test_uppercase_status(self, sandbox: Sandbox) -> None:
        charge = sandbox.charge()
        sandbox.fault("midtrans", "uppercase_status")

        status = sandbox.status(charge["order_id"])

        assert (status["transaction_status"], status["status_code"]) == ("PENDING", "200")


class TestRules:
    @pytest.mark.parametrize(
        "rule",
        [
            {"gateway": "paypal", "fault": "timeout"},
            {"gateway": "xendit", "fault": "earthquake"},
            {"gateway": "xendit", "fault": "id_swap"},
            {"gateway": "midtrans", "fault": "paid_after_expired"},
            {"gateway": "xendit", "fault": "timeout", "times": 0},
            {"gateway": "xendit", "fault": "timeout", "times": "many"},
            {"gateway": "xendit", "fault": "timeout", "delay_s": -1},
        ],
    )
    def test_a_rule_that_makes_no_sense_is_refused(
        self, sandbox: Sandbox, rule: dict[str, Any]
    ) -> None:
        answer = requests.post(f"{sandbox.url}/control/faults", json=rule, timeout=5)

        assert answer.status_code == 400
        assert sandbox.shown("faults") == []

    def test_a_rule_can_be_sent_as_a_form(self, sandbox: Sandbox) -> None:
        rule = {"gateway": "xendit", "fault": "http_500", "times": "2", "delay_s": ""}

        answer = requests.post(f"{sandbox.url}/control/faults", data=rule, timeout=5)

        assert answer.status_code == 201
        assert sandbox.shown("faults")[0]["times"] == 2


class TestIdempotencyKey:
    def send(self, sandbox: Sandbox, order_id: str, key: str = "k") -> dict[str, Any]:
        body = {
            "payment_type": "qris",
            "transaction_details": {"order_id": order_id, "gross_amount": 10_000},
        }
        headers = {"Idempotency-Key": f"{sandbox.name}-{key}"}
        return sandbox.midtrans("POST", "/v2/charge", json=body, headers=headers).json()

    def test_replays_whatever_the_body(self, sandbox: Sandbox) -> None:
        assert self.send(sandbox, "R1") == self.send(sandbox, "R2")
        assert references(sandbox) == ["R1"]

    def test_ends_after_five_minutes(self, sandbox: Sandbox) -> None:
        self.send(sandbox, "R1")
        sandbox.control("clock", advance="301s")

        assert self.send(sandbox, "R2")["order_id"] == "R2"

    def test_keeps_no_failure(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "http_500")
        self.send(sandbox, "R1")

        assert self.send(sandbox, "R1")["status_code"] == "201"

    def test_keeps_what_was_made_before_a_timeout(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "created_but_timeout", delay_s=0)
        with pytest.raises(requests.JSONDecodeError):
            self.send(sandbox, "R1")

        assert self.send(sandbox, "R1")["order_id"] == "R1"

    def test_refuses_concurrent_use(self, sandbox: Sandbox) -> None:
        sandbox.fault("midtrans", "slow", delay_s=0.6)

        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(self.send, sandbox, "R1")
            time.sleep(0.2)
            second = self.send(sandbox, "R1")

        assert second["status_code"] == "202"
        assert first.result()["status_code"] == "201"
