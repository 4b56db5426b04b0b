"""Commands of programs and people: triggers, limits, both clocks, faults by order number."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.gateways.sandbox.conftest import Sandbox, running


def refused(sandbox: Sandbox, path: str, **body: Any) -> tuple[int, str]:
    answer = requests.post(f"{sandbox.url}/control/{path}", json=body, timeout=5)
    return answer.status_code, answer.json()["error"]


class TestTriggers:
    @pytest.mark.parametrize(
        ("event", "status"),
        [("paid", "PAID"), ("denied", "PENDING"), ("expired", "EXPIRED")],
    )
    def test_xendit(self, sandbox: Sandbox, event: str, status: str) -> None:
        sandbox.invoice(external_id="PT-171-1-1-AAAAAA")
        invoice = sandbox.invoice(external_id="PT-17-1-1-AAAAAA")

        deed = sandbox.control("trigger", invoice=17, event=event)

        assert (deed["reference"], deed["status"]) == (invoice["external_id"], status)
        assert [one["status"] for one in sandbox.shown("charges")] == ["PENDING", status]

    @pytest.mark.parametrize(
        ("event", "status"),
        [("paid", "settlement"), ("denied", "deny"), ("expired", "expire")],
    )
    def test_midtrans(self, sandbox: Sandbox, event: str, status: str) -> None:
        sandbox.snap(order_id="PT-17-1-1-AAAAAA")

        assert sandbox.control("trigger", invoice=17, event=event)["status"] == status

    @pytest.mark.parametrize("prefix", ["PT", "TOKO-17", "A-1-1"])
    def test_finds_the_invoice_after_any_prefix(self, sandbox: Sandbox, prefix: str) -> None:
        sandbox.snap(order_id=f"{prefix}-171-1-1-AAAAAA")
        sandbox.snap(order_id=f"{prefix}-23-1-1-AAAAAA")

        deed = sandbox.control("trigger", invoice=23, event="paid")

        assert deed["reference"] == f"{prefix}-23-1-1-AAAAAA"
        assert refused(sandbox, "trigger", invoice=1, event="paid") == (404, "UnknownInvoice")

    def test_pays_the_newest(self, sandbox: Sandbox) -> None:
        for try_number in (1, 2):
            sandbox.snap(order_id=f"PT-17-1-{try_number}-AAAAAA")

        sandbox.control("trigger", invoice=17, event="paid", amount=1_000)

        assert [one["status"] for one in sandbox.shown("charges")] == ["pending", "settlement"]
        assert sandbox.status("PT-17-1-2-AAAAAA")["payment_amounts"][0]["amount"] == "1000.00"

    def test_gives_back_what_was_paid(self, sandbox: Sandbox) -> None:
        sandbox.snap(order_id="PT-17-1-1-AAAAAA")
        sandbox.control("trigger", invoice=17, event="paid", method="qris")
        sandbox.snap(order_id="PT-17-2-1-AAAAAA")

        sandbox.control("trigger", invoice=17, event="refunded", amount=40_000)
        sandbox.control("trigger", invoice=17, event="refunded")

        assert sandbox.status("PT-17-1-1-AAAAAA")["refund_amount"] == "150000.00"
        assert sandbox.status("PT-17-1-1-AAAAAA")["transaction_status"] == "refund"

    def test_charges_back(self, sandbox: Sandbox) -> None:
        sandbox.invoice(external_id="PT-17-1-1-AAAAAA")
        sandbox.snap(order_id="PT-18-1-1-AAAAAA")
        for invoice, method in ((17, "CREDIT_CARD"), (18, "credit_card")):
            sandbox.control("trigger", invoice=invoice, event="paid", method=method)
            sandbox.control("trigger", invoice=invoice, event="charged_back", amount=50_000)

        xendit, midtrans = sandbox.shown("charges")
        assert [(one["status"], one["amount"]) for one in xendit["refunds"]] == [("LOST", 50_000)]
        assert midtrans["status"] == "partial_chargeback"
        assert [one["amount"] for one in midtrans["refunds"]] == [50_000]

    def test_refuses_and_changes_nothing(self, sandbox: Sandbox) -> None:
        sandbox.invoice(external_id="PT-17-1-1-AAAAAA")
        before = sandbox.shown("charges")

        assert refused(sandbox, "trigger", invoice=18, event="paid") == (404, "UnknownInvoice")
        assert refused(sandbox, "trigger", event="paid") == (404, "UnknownInvoice")
        assert refused(sandbox, "trigger", invoice=17, event="lost") == (400, "UnknownEvent")
        assert refused(sandbox, "trigger", invoice=17, event="refunded") == (409, "ActionRefused")
        assert refused(sandbox, "trigger", invoice=17, event="paid", amount="x") == (
            400,
            "InvalidAmount",
        )
        assert sandbox.shown("charges") == before


class TestLimits:
    def test_xendit_by_endpoint(self, sandbox: Sandbox) -> None:
        assert sandbox.control("limits", gateway="xendit", per_minute=2)["xendit"] == 2
        answers = [sandbox.xendit("GET", "/v2/invoices") for _ in range(3)]
        other = sandbox.xendit("GET", "/v2/invoices/unknown")

        assert [one.status_code for one in answers] == [200, 200, 429]
        assert other.status_code == 404
        assert [one.headers["Rate-Limit-Remaining"] for one in answers] == ["1", "0", "0"]
        assert answers[2].json()["error_code"] == "RATE_LIMIT_EXCEEDED"
        assert answers[2].headers["Rate-Limit-Limit"] == "2"
        assert 50 < float(answers[2].headers["Rate-Limit-Reset"]) <= 60
        assert "Retry-After" not in answers[2].headers

    def test_the_minute_slides(self, sandbox: Sandbox) -> None:
        sandbox.control("limits", gateway="xendit", per_minute=1)
        sandbox.xendit("GET", "/v2/invoices")
        sandbox.control("clock", advance="30s")
        early = sandbox.xendit("GET", "/v2/invoices")
        sandbox.control("clock", advance="31s")

        assert early.status_code == 429
        assert sandbox.xendit("GET", "/v2/invoices").status_code == 200

    def test_midtrans_says_so_in_the_body_of_charges_alone(self, sandbox: Sandbox) -> None:
        sandbox.control("limits", gateway="midtrans", per_minute=1)
        sandbox.charge()
        sandbox.snap()
        sandbox.status("PT-1")

        charge = sandbox.midtrans("POST", "/v2/charge", json={})
        page = sandbox.midtrans("POST", "/snap/v1/transactions", json={})
        status = sandbox.midtrans("GET", "/v2/PT-1/status")

        assert (charge.status_code, charge.json()["status_code"]) == (200, "429")
        assert (page.status_code, status.status_code) == (429, 429)
        assert page.headers["Content-Type"] == status.headers["Content-Type"] == "text/html"
        sandbox.control("limits", gateway="midtrans", per_minute=0)
        assert sandbox.status("PT-1")["status_code"] == "404"

    @pytest.mark.parametrize(
        "body",
        [{"gateway": "paypal", "per_minute": 1}, {"gateway": "xendit", "per_minute": -1}, {}],
    )
    def test_refuses_nonsense(self, sandbox: Sandbox, body: dict[str, Any]) -> None:
        before = sandbox.shown("limits")

        assert refused(sandbox, "limits", **body) == (400, "InvalidCommand")
        assert sandbox.shown("limits") == before

    @pytest.mark.parametrize("gateway", ["xendit", "midtrans"])
    def test_as_a_page_of_the_network_in_front(self, sandbox: Sandbox, gateway: str) -> None:
        sandbox.fault(gateway, "html_429")
        call = sandbox.xendit if gateway == "xendit" else sandbox.midtrans

        answer = call("GET", "/v2/invoices" if gateway == "xendit" else "/v2/PT-1/status")

        assert (answer.status_code, answer.headers["Content-Type"]) == (429, "text/html")
        assert "429 Too Many Requests" in answer.text


class TestFaultsByOrderNumber:
    def test_before_the_invoice_has_an_id(self, sandbox: Sandbox) -> None:
        sandbox.fault("xendit", "http_503", external_id="INV-7", match={"route": "create"})
        body = {"external_id": "PT-1-1-1-AAAAAA", "amount": 1_000}

        other = sandbox.xendit("POST", "/v2/invoices", json={**body, "description": "INV-70"})
        hit = sandbox.xendit("POST", "/v2/invoices", json={**body, "description": "INV-7: tea"})
        again = sandbox.xendit("POST", "/v2/invoices", json={**body, "description": "INV-7: tea"})

        assert [one.status_code for one in (other, hit, again)] == [200, 503, 200]

    def test_webhooks_of_that_order(self, sandbox: Sandbox) -> None:
        rule = {"match": {"external_id": "INV-8*"}}
        sandbox.fault("midtrans", "webhook_lost", **rule)
        (_lost, lost_page), (_sent, page_of) = (
            sandbox.snap(custom_field1=number) for number in ("INV-88", "INV-9")
        )

        sandbox.press(page_of, method="gopay")
        sandbox.press(lost_page, method="gopay")

        sandbox.no_more_webhooks("midtrans", 3)


class TestEverybodysClock:
    def test_moves_paytrusts_too(self, tmp_path: Path) -> None:
        file = tmp_path / "clock"
        with running(DEVELOPMENT_CLOCK=str(file)) as url:
            for _ in range(2):
                body = {"advance": "25h", "everyone": True}
                shown = requests.post(f"{url}/control/clock", json=body, timeout=5).json()
            alone = requests.post(f"{url}/control/clock", json={"advance": "1h"}, timeout=5).json()
            requests.post(f"{url}/control/reset", timeout=5)
            after_reset = requests.get(f"{url}/control/clock", timeout=5).json()

        assert float(file.read_text()) == 50 * 3600
        assert ahead(shown["now"]) == ahead(shown["paytrust"]) == 50
        assert (ahead(alone["now"]), ahead(alone["paytrust"])) == (51, 50)
        assert ahead(after_reset["now"]) == 50  # it never falls behind PayTrust's

    def test_is_kept(self, tmp_path: Path) -> None:
        file = tmp_path / "clock"
        file.write_text("7200\n")
        with running(DEVELOPMENT_CLOCK=str(file)) as url:
            shown = requests.get(f"{url}/control/clock", timeout=5).json()

        assert ahead(shown["now"]) == 2

    def test_is_refused_where_nobody_follows(self, sandbox: Sandbox) -> None:
        before = sandbox.shown("clock")["now"]

        assert refused(sandbox, "clock", advance="25h", everyone=True) == (400, "InvalidCommand")
        assert ahead(sandbox.shown("clock")["now"]) == ahead(before) == 0


def ahead(shown: str) -> int:
    """Return how many hours a time is ahead of this machine's."""
    real = datetime.fromtimestamp(time.time(), UTC)
    return round((datetime.fromisoformat(shown) - real) / timedelta(hours=1))
