"""The sandbox's data stays after its process ends, also after a kill."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from paytrust.localstack.ports import free_port
from tests.gateways.sandbox.conftest import (
    MIDTRANS,
    ROOT,
    XENDIT,
    Receiver,
    Sandbox,
    wait_until_alive,
)


class Life:
    """One sandbox after another, with the same store and port."""

    def __init__(self, store: Path, receiver: Receiver) -> None:
        self.store, self.receiver, self.port = store, receiver, free_port()
        self.name = f"store-{self.port}"

    @contextmanager
    def running(self) -> Iterator[Sandbox]:
        """Run a sandbox that is killed at the end."""
        command = [sys.executable, str(ROOT / "manage.py"), "sandbox", "--port", str(self.port)]
        process = subprocess.Popen(
            [*command, "--store", str(self.store), "--xendit-rate-limit", "0"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{self.port}"
        try:
            wait_until_alive(url, process)
            sandbox = Sandbox(url, self.receiver, self.name)
            base = f"{self.receiver.url}/{self.name}"
            sandbox.control(
                "config",
                xendit={**XENDIT, "webhook_url": f"{base}/xendit", "refund_after_seconds": 6_000},
                midtrans={**MIDTRANS, "notification_url": f"{base}/midtrans"},
            )
            yield sandbox
        finally:
            whole = psutil.Process(process.pid)
            for one in [whole, *whole.children(recursive=True)]:
                one.kill()
            process.wait(timeout=10)


@pytest.fixture
def life(tmp_path: Path, receiver: Receiver) -> Life:
    return Life(tmp_path / "sandbox.sqlite3", receiver)


def test_charges_are_the_same_after_a_kill(life: Life) -> None:
    with life.running() as sandbox:
        paid = sandbox.invoice(description="INV-1: tea")
        sandbox.press(paid["invoice_url"], method="DANA")
        sandbox.invoice(
            amount=0.5, currency="MYR", items=[{"name": "x", "price": 0.5, "quantity": 1}]
        )
        order_id, page = sandbox.snap(custom_field1="INV-2")
        sandbox.press(page, "fail", method="credit_card")
        _other, settled = sandbox.snap()
        sandbox.press(settled, method="gopay")
        sandbox.press(settled, "refund", amount="1000")
        sandbox.control("clock", advance="2h")
        before, deliveries = sandbox.shown("charges"), len(sandbox.settled())
        answers = [
            sandbox.xendit("GET", "/v2/invoices").json(),
            sandbox.status(order_id),
            sandbox.shown("clock")["now"][:13],
        ]

    with life.running() as sandbox:
        assert sandbox.shown("charges") == before
        assert len(sandbox.shown("deliveries")) == deliveries
        assert [
            sandbox.xendit("GET", "/v2/invoices").json(),
            sandbox.status(order_id),
            sandbox.shown("clock")["now"][:13],
        ] == answers
        sandbox.press(page, method="credit_card")
        newest = sandbox.invoice()

        assert sandbox.status(order_id)["transaction_status"] == "capture"
        assert sandbox.shown("charges")[-1]["id"] == newest["id"]


def test_what_was_to_come_still_comes(life: Life) -> None:
    with life.running() as sandbox:
        short = sandbox.invoice(invoice_duration=3600)
        paid = sandbox.invoice()
        sandbox.press(paid["invoice_url"], method="DANA")
        body = {"invoice_id": paid["id"], "reason": "OTHERS"}
        refund = sandbox.xendit("POST", "/refunds", json=body).json()
        card_order, card = sandbox.snap()
        sandbox.press(card, method="credit_card")
        _unused, page = sandbox.snap(page_expiry={"duration": 60, "unit": "minutes"})
        sandbox.settled()

    with life.running() as sandbox:
        sandbox.control("clock", advance="25h")

        statuses = {one["id"]: one["status"] for one in sandbox.shown("charges")}
        assert (statuses[short["id"]], statuses[paid["id"]]) == ("EXPIRED", "SETTLED")
        assert sandbox.xendit("GET", f"/refunds/{refund['id']}").json()["status"] == "SUCCEEDED"
        assert sandbox.status(card_order)["transaction_status"] == "settlement"
        assert sandbox.press(page).status_code == 409


def test_refused_webhooks_are_sent_again(life: Life) -> None:
    path = f"/{life.name}/xendit"
    life.receiver.will_answer(path, 503)
    with life.running() as sandbox:
        invoice = sandbox.invoice()
        sandbox.press(invoice["invoice_url"])
        sandbox.settled()
    life.receiver.will_answer(path, 200)

    with life.running() as sandbox:
        sandbox.control("clock", advance="1h")
        first, again = life.receiver.wait_for(path, 2)
        assert len(sandbox.shown("deliveries")) == 1

    assert first.body == again.body
    assert first.headers["webhook-id"] == again.headers["webhook-id"]


def test_an_idempotency_key_outlives_too(life: Life) -> None:
    def refund(sandbox: Sandbox, invoice_id: str) -> str:
        body = {"invoice_id": invoice_id, "reason": "OTHERS", "amount": 1_000}
        headers = {"idempotency-key": "k-1"}
        return str(sandbox.xendit("POST", "/refunds", json=body, headers=headers).json()["id"])

    with life.running() as sandbox:
        invoice = sandbox.invoice()
        sandbox.press(invoice["invoice_url"], method="DANA")
        first = refund(sandbox, invoice["id"])
    with life.running() as sandbox:
        assert refund(sandbox, invoice["id"]) == first
        assert len(sandbox.shown("charges")[0]["refunds"]) == 1


def test_whatever_was_answered_is_known_after_a_kill_under_load(life: Life) -> None:
    answered: list[str] = []

    def create(sandbox: Sandbox, number: int) -> None:
        with suppress(requests.RequestException):  # killed meanwhile: it may be known or not
            answered.append(sandbox.invoice(external_id=f"PT-{number}")["id"])

    pool = ThreadPoolExecutor(8)
    with life.running() as sandbox:
        work = [pool.submit(create, sandbox, number) for number in range(400)]
        time.sleep(0.7)
    for one in work:
        one.cancel()
    pool.shutdown()

    assert answered
    with life.running() as sandbox:
        known = {one["id"] for one in sandbox.shown("charges")}
    assert set(answered) <= known


def test_reset_empties_the_store(life: Life) -> None:
    with life.running() as sandbox:
        sandbox.press(sandbox.invoice()["invoice_url"])
        sandbox.settled()
        sandbox.control("reset")
    with life.running() as sandbox:
        assert (sandbox.shown("charges"), sandbox.shown("deliveries")) == ([], [])
