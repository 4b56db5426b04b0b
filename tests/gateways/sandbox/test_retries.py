"""How often, and after what pauses, each gateway sends a webhook again."""

import json
import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import requests

from tests.gateways.sandbox.conftest import Sandbox

XENDIT_MINUTES = [15, 45, 120, 180, 360, 720]
MIDTRANS_MINUTES = [2, 10, 30, 90, 210]
SPEED = 60


def tried_to_the_end(sandbox: Sandbox) -> dict[str, Any]:
    """Let simulated time pass until the only delivery is over, and return it."""
    for _ in range(10):
        sandbox.settled()
        (delivery,) = deliveries(sandbox)
        if delivery["status"] != "retrying":
            return delivery
        sandbox.control("clock", set=delivery["next_attempt_at"])
        attempts = len(delivery["attempts"])
        wait_for_attempt(sandbox, attempts + 1)
    raise AssertionError("it never ends")


def wait_for_attempt(sandbox: Sandbox, number: int) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        (delivery,) = deliveries(sandbox)
        tried = len(delivery["attempts"]) == number
        if tried and (delivery["status"] != "retrying" or delivery["next_attempt_at"]):
            return
        time.sleep(0.01)
    raise AssertionError(f"attempt {number} was not made")


def deliveries(sandbox: Sandbox) -> list[dict[str, Any]]:
    return requests.get(f"{sandbox.url}/control/deliveries", timeout=5).json()


def pauses(delivery: dict[str, Any]) -> list[timedelta]:
    """Return the pauses between attempts, to the nearest second of full length."""
    times = [datetime.fromisoformat(one["at"]) for one in delivery["attempts"]]
    return [
        timedelta(minutes=round((later - sooner) * SPEED / timedelta(minutes=1)))
        for sooner, later in pairwise(times)
    ]


def minutes(numbers: list[int]) -> list[timedelta]:
    return [timedelta(minutes=number) for number in numbers]


@pytest.mark.parametrize(
    ("status", "retries"),
    [(200, 0), (202, 0), (400, 6), (401, 6), (404, 6), (500, 6), (503, 6), (301, 6), (307, 6)],
)
def test_xendit(sandbox: Sandbox, status: int, retries: int) -> None:
    sandbox.receiver.will_answer(f"/{sandbox.name}/xendit", status)
    invoice = sandbox.invoice()

    sandbox.press(invoice["invoice_url"])

    delivery = tried_to_the_end(sandbox)
    assert pauses(delivery) == minutes(XENDIT_MINUTES[:retries])
    assert delivery["status"] == ("gave_up" if retries else "delivered")
    sent = sandbox.webhooks("xendit", retries + 1)
    assert len({(one.headers["webhook-id"], one.body) for one in sent}) == 1


@pytest.mark.parametrize(
    ("status", "retries"),
    [(200, 0), (500, 1), (503, 4), (400, 2), (404, 2), (301, 0), (302, 0), (401, 5), (502, 5)],
)
def test_midtrans(sandbox: Sandbox, status: int, retries: int) -> None:
    sandbox.receiver.will_answer(f"/{sandbox.name}/midtrans", status)

    sandbox.charge()

    delivery = tried_to_the_end(sandbox)
    assert pauses(delivery) == minutes(MIDTRANS_MINUTES[:retries])
    assert delivery["status"] == ("delivered" if status == 200 else "gave_up")
    sandbox.webhooks("midtrans", retries + 1)


@pytest.mark.parametrize("status", [307, 308])
def test_midtrans_follows_temporary_redirects_with_the_body(sandbox: Sandbox, status: int) -> None:
    path = f"/{sandbox.name}/midtrans"
    sandbox.receiver.will_answer(path, status, headers={"Location": f"{path}-new"})

    sandbox.charge()

    (delivery,) = sandbox.settled()
    assert delivery["status"] == "delivered"
    first, second = sandbox.receiver.wait_for(path, 1) + sandbox.receiver.wait_for(f"{path}-new", 1)
    assert first.body == second.body != b""


def test_midtrans_follows_at_most_five_redirects(sandbox: Sandbox) -> None:
    path = f"/{sandbox.name}/midtrans"
    sandbox.receiver.will_answer(path, 307, headers={"Location": path})

    sandbox.charge()

    (delivery,) = sandbox.settled()
    assert delivery["status"] == "retrying"
    assert len(sandbox.receiver.at(path)) == 6


def refuse_connections(sandbox: Sandbox, gateway: str, setting: str) -> None:
    sandbox.control("config", **{gateway: {setting: "http://127.0.0.1:9/"}})


def test_a_clock_that_jumps_skips_none(sandbox: Sandbox) -> None:
    refuse_connections(sandbox, "xendit", "webhook_url")
    invoice = sandbox.invoice()
    sandbox.press(invoice["invoice_url"])
    sandbox.settled()

    sandbox.control("clock", advance="25h")

    wait_for_attempt(sandbox, 1 + len(XENDIT_MINUTES))
    (delivery,) = deliveries(sandbox)
    assert pauses(delivery) == minutes(XENDIT_MINUTES)
    assert delivery["status"] == "gave_up"


def test_connection_refused_is_retried(sandbox: Sandbox) -> None:
    refuse_connections(sandbox, "xendit", "webhook_url")
    invoice = sandbox.invoice()

    sandbox.press(invoice["invoice_url"])

    delivery = tried_to_the_end(sandbox)
    assert pauses(delivery) == minutes(XENDIT_MINUTES)
    assert {one["status_code"] for one in delivery["attempts"]} == {None}
    assert delivery["attempts"][0]["error"] == "ConnectionError"


@pytest.mark.parametrize(
    ("gateway", "config", "retries"),
    [
        ("xendit", {"retry_timeouts": False}, 0),
        ("xendit", {"retry_timeouts": True}, 6),
        ("midtrans", {}, 5),
    ],
)
def test_time_outs(sandbox: Sandbox, gateway: str, config: dict[str, bool], retries: int) -> None:
    sandbox.control("config", **{gateway: {"webhook_timeout_seconds": 1, **config}})
    sandbox.receiver.will_answer(f"/{sandbox.name}/{gateway}", 200, after=1.5)

    if gateway == "xendit":
        sandbox.press(sandbox.invoice()["invoice_url"])
    else:
        sandbox.charge()

    delivery = tried_to_the_end(sandbox)
    assert {one["error"] for one in delivery["attempts"]} == {"ReadTimeout"}
    assert pauses(delivery) == minutes(
        (XENDIT_MINUTES if gateway == "xendit" else MIDTRANS_MINUTES)[:retries]
    )


def test_resend_repeats_the_same_webhook(sandbox: Sandbox) -> None:
    invoice = sandbox.invoice()
    sandbox.press(invoice["invoice_url"])
    (delivery,) = sandbox.settled()

    sandbox.control(f"deliveries/{delivery['id']}/resend")

    first, second = sandbox.webhooks("xendit", 2)
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert json.loads(first.body)["id"] == invoice["id"]


def test_resend_of_an_unknown_delivery_is_404(sandbox: Sandbox) -> None:
    answer = requests.post(f"{sandbox.url}/control/deliveries/999999/resend", timeout=5)

    assert answer.status_code == 404
