"""Simulated time: expiry, settlement and Midtrans's local time."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.gateways.sandbox.conftest import SERVER_KEY, Sandbox, running


def now(sandbox: Sandbox) -> datetime:
    return datetime.fromisoformat(sandbox.shown("clock")["now"])


class TestControl:
    @pytest.mark.parametrize(
        ("text", "moved"),
        [
            ("25h", timedelta(hours=25)),
            ("90s", timedelta(seconds=90)),
            ("1d2h30m", timedelta(days=1, hours=2, minutes=30)),
        ],
    )
    def test_advances(self, sandbox: Sandbox, text: str, moved: timedelta) -> None:
        before = now(sandbox)

        sandbox.control("clock", advance=text)

        assert timedelta(0) <= now(sandbox) - before - moved < timedelta(seconds=2)

    def test_sets(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", set="2031-05-06T07:08:09Z")

        at = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
        assert timedelta(0) <= now(sandbox) - at < timedelta(seconds=2)

    @pytest.mark.parametrize(
        "body",
        [
            *({}, {"advance": "soon"}, {"advance": ""}, {"advance": "99999999999d"}),
            *({"set": "noon"}, {"set": "2027-13-01T00:00:00Z"}),
        ],
    )
    def test_refuses_what_is_no_time(self, sandbox: Sandbox, body: dict[str, str]) -> None:
        before = now(sandbox)

        answer = requests.post(f"{sandbox.url}/control/clock", json=body, timeout=5)

        assert answer.status_code == 400
        assert answer.json()["error"] == "InvalidCommand"
        assert now(sandbox) - before < timedelta(minutes=1)

    def test_reset_sets_it_right(self, sandbox: Sandbox) -> None:
        sandbox.control("clock", advance="100d")

        sandbox.control("reset")

        assert abs(now(sandbox) - datetime.now(UTC)) < timedelta(seconds=5)  # noqa: TID251  # the real one


class TestXendit:
    def test_pending_lapses_with_a_webhook(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice(invoice_duration=3600)
        sandbox.control("clock", advance="59m")
        assert sandbox.shown("charges")[0]["status"] == "PENDING"

        sandbox.control("clock", advance="2m")

        assert sandbox.shown("charges")[0]["status"] == "EXPIRED"
        body = json.loads(sandbox.webhooks("xendit", 1)[0].body)
        assert (body["id"], body["status"]) == (invoice["id"], "EXPIRED")

    def test_lapses_silently_where_expired_webhooks_are_off(self, sandbox: Sandbox) -> None:
        sandbox.control("config", xendit={"expired_webhook": False})
        sandbox.invoice(invoice_duration=60)

        sandbox.control("clock", advance="2m")

        assert sandbox.shown("charges")[0]["status"] == "EXPIRED"
        sandbox.no_more_webhooks("xendit", 0)

    def test_paid_never_lapses_and_settles_without_a_webhook(self, sandbox: Sandbox) -> None:
        invoice = sandbox.invoice(invoice_duration=3600)
        sandbox.press(invoice["invoice_url"])
        sandbox.webhooks("xendit", 1)

        sandbox.control("clock", advance="23h")
        assert sandbox.shown("charges")[0]["status"] == "PAID"
        sandbox.control("clock", advance="2h")

        assert sandbox.shown("charges")[0]["status"] == "SETTLED"
        sandbox.no_more_webhooks("xendit", 1)


class TestMidtrans:
    @pytest.mark.parametrize(
        ("payment_type", "options", "lifetime"),
        [("qris", {}, "15m"), ("bank_transfer", {"bank": "bca"}, "24h")],
    )
    def test_pending_lapses_at_its_default(
        self, sandbox: Sandbox, payment_type: str, options: dict[str, Any], lifetime: str
    ) -> None:
        order_id = sandbox.charge(payment_type, **{payment_type: options})["order_id"]
        sandbox.control("clock", advance=lifetime)

        assert sandbox.status(order_id)["status_code"] == "407"
        notified = json.loads(sandbox.webhooks("midtrans", 2)[1].body)
        assert (notified["transaction_status"], notified["status_code"]) == ("expire", "202")

    def test_custom_expiry(self, sandbox: Sandbox) -> None:
        expiry = {"expiry_duration": 2, "unit": "hour"}
        charge = sandbox.charge(custom_expiry=expiry)

        lives = times(charge)["expiry_time"] - times(charge)["transaction_time"]
        assert lives == timedelta(hours=2)

    def test_snap_expiry_starts_when_asked(self, sandbox: Sandbox) -> None:
        start = now(sandbox) - timedelta(minutes=10)
        text = start.strftime("%Y-%m-%d %H:%M:%S +0000")
        expiry = {"start_time": text, "unit": "minutes", "duration": 30}
        order_id, page = sandbox.snap(expiry=expiry)

        sandbox.press(page, "choose", method="qris")

        status = sandbox.status(order_id)
        lives = times(status)["expiry_time"] - times(status)["transaction_time"]
        assert timedelta(minutes=19, seconds=50) < lives <= timedelta(minutes=20)

    @pytest.mark.parametrize("name", ["expiry", "custom_expiry"])
    def test_a_merchants_clock_does_not_move_with_it(self, sandbox: Sandbox, name: str) -> None:
        text = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} +0000"  # noqa: TID251  # the real one
        sandbox.control("clock", advance="25h")

        if name == "expiry":
            expiry = {"start_time": text, "unit": "minutes", "duration": 30}
            order_id, page = sandbox.snap(expiry=expiry)
            assert sandbox.press(page, "choose", method="qris").ok
        else:
            expiry = {"order_time": text, "unit": "minute", "expiry_duration": 30}
            order_id = sandbox.charge(custom_expiry=expiry)["order_id"]

        status = sandbox.status(order_id)
        lives = times(status)["expiry_time"] - times(status)["transaction_time"]
        assert status["transaction_status"] == "pending"
        assert timedelta(minutes=29) < lives <= timedelta(minutes=30)

    def test_snap_page_lapses_without_a_webhook(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap(page_expiry={"duration": 1, "unit": "hours"})

        sandbox.control("clock", advance="61m")

        assert sandbox.shown("charges")[0]["status"] == "expire"
        assert sandbox.press(page).status_code == 409
        assert sandbox.status(order_id)["status_code"] == "404"
        sandbox.no_more_webhooks("midtrans", 0)

    def test_captured_card_settles_on_the_next_day(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, method="credit_card")
        assert sandbox.status(order_id)["transaction_status"] == "capture"

        sandbox.control("clock", advance="24h")

        assert sandbox.status(order_id)["transaction_status"] == "settlement"
        events = [
            json.loads(one.body)["transaction_status"] for one in sandbox.webhooks("midtrans", 3)
        ]
        assert events == ["pending", "capture", "settlement"]

    def test_challenged_card_settles_when_approved_however_late(self, sandbox: Sandbox) -> None:
        order_id, page = sandbox.snap()
        sandbox.press(page, "challenge", method="credit_card")
        sandbox.control("clock", advance="48h")
        sandbox.midtrans("POST", f"/v2/{order_id}/approve")
        assert sandbox.status(order_id)["transaction_status"] == "capture"

        sandbox.control("clock", advance="24h")

        assert sandbox.status(order_id)["transaction_status"] == "settlement"


def times(body: dict[str, Any]) -> dict[str, datetime]:
    return {
        name: datetime.strptime(body[name], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  # it has no offset
        for name in ("transaction_time", "expiry_time")
    }


@pytest.mark.parametrize("zone", ["UTC", "Asia/Jakarta", "America/New_York"])
def test_midtrans_times_do_not_depend_on_the_machine(zone: str) -> None:
    body = {
        "payment_type": "qris",
        "transaction_details": {"order_id": "PT-1", "gross_amount": 10_000},
    }
    with running("--webhook-base-url", "http://127.0.0.1:9", TZ=zone) as url:
        moment = {"set": "2026-01-15T03:20:10.500Z"}
        requests.post(f"{url}/control/clock", json=moment, timeout=5).raise_for_status()
        address = f"{url}/midtrans/v2/charge"
        charge = requests.post(address, json=body, auth=(SERVER_KEY, ""), timeout=5).json()

    assert charge["transaction_time"] == "2026-01-15 10:20:10"
    assert charge["expiry_time"] == "2026-01-15 10:35:10"
