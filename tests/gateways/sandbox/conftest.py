"""The sandbox as a separate process, and a merchant that only receives."""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from paytrust.localstack.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
XENDIT_KEY = "xnd_development_TESTKEY"
SERVER_KEY = "SB-Mid-server-TESTKEY"
numbers = itertools.count(1)


@dataclass(frozen=True)
class Received:
    path: str
    method: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """A merchant's web server: keeps the requests and answers as the test says."""

    url: str
    answers: dict[str, list[tuple[int, dict[str, str], float]]] = field(default_factory=dict)
    everything: list[Received] = field(default_factory=list)

    def will_answer(
        self, path: str, status: int, *, headers: dict[str, str] | None = None, after: float = 0
    ) -> None:
        """Answer every request to the path so."""
        self.answers[path] = [(status, headers or {}, after)]

    def at(self, path: str) -> list[Received]:
        return [one for one in list(self.everything) if one.path == path]

    def wait_for(self, path: str, count: int, timeout: float = 5) -> list[Received]:
        """Return what came to the path once it is so many; more than that is a failure."""
        deadline = time.monotonic() + timeout
        while len(self.at(path)) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        found = self.at(path)
        assert len(found) == count, f"{len(found)} of {count} came: {found}"
        return found


@dataclass(frozen=True)
class Sandbox:
    """One sandbox process, with webhook addresses of this test's own."""

    url: str
    receiver: Receiver
    name: str

    def xendit(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("auth", (XENDIT_KEY, ""))
        return requests.request(method, f"{self.url}/xendit{path}", timeout=20, **kwargs)

    def midtrans(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("auth", (SERVER_KEY, ""))
        return requests.request(method, f"{self.url}/midtrans{path}", timeout=20, **kwargs)

    def invoice(self, **fields: Any) -> dict[str, Any]:
        body = {"external_id": self.reference(), "amount": 150_000, "currency": "IDR", **fields}
        answer = self.xendit("POST", "/v2/invoices", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def snap(self, **fields: Any) -> tuple[str, str]:
        """Return the order_id and the page of a new Snap order."""
        order_id = fields.pop("order_id", None) or self.reference()
        details = {"order_id": order_id, "gross_amount": 150_000}
        body = {"transaction_details": details, **fields}
        answer = self.midtrans("POST", "/snap/v1/transactions", json=body)
        assert answer.status_code == 201, answer.text
        return order_id, answer.json()["redirect_url"]

    def charge(self, payment_type: str = "qris", **fields: Any) -> dict[str, Any]:
        order_id = fields.pop("order_id", None) or self.reference()
        details = {"order_id": order_id, "gross_amount": 150_000}
        body = {"payment_type": payment_type, "transaction_details": details, **fields}
        return self.midtrans("POST", "/v2/charge", json=body).json()

    def status(self, name: str) -> dict[str, Any]:
        return self.midtrans("GET", f"/v2/{name}/status").json()

    def press(self, page: str, action: str = "pay", **fields: str) -> requests.Response:
        return requests.post(page, data={"action": action, **fields}, timeout=20)

    def control(self, path: str, **body: Any) -> Any:
        answer = requests.post(f"{self.url}/control/{path}", json=body, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def shown(self, path: str) -> Any:
        return requests.get(f"{self.url}/control/{path}", timeout=5).json()

    def fault(self, gateway: str, fault: str, **rule: Any) -> None:
        self.control("faults", gateway=gateway, fault=fault, **rule)

    def webhooks(self, gateway: str, count: int, timeout: float = 5) -> list[Received]:
        return self.receiver.wait_for(f"/{self.name}/{gateway}", count, timeout)

    def no_more_webhooks(self, gateway: str, count: int) -> None:
        """Fail if another webhook comes, once all that were sent have been tried."""
        self.settled()
        time.sleep(0.1)
        self.webhooks(gateway, count)

    def settled(self) -> list[dict[str, Any]]:
        """Return the deliveries once each has been tried."""
        deadline = time.monotonic() + 5
        while True:
            deliveries: list[dict[str, Any]] = self.shown("deliveries")
            if all(one["status"] != "queued" or one["next_attempt_at"] for one in deliveries):
                return deliveries
            assert time.monotonic() < deadline, f"still on the way: {deliveries}"
            time.sleep(0.02)

    def reference(self) -> str:
        return f"PT-{self.name}-{next(numbers)}"


def start_receiver() -> tuple[Receiver, ThreadingHTTPServer]:
    """Listen on a free port, in a thread."""

    class Requests(BaseHTTPRequestHandler):
        def take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            merchant.everything.append(
                Received(self.path, self.command, dict(self.headers), body, time.monotonic())
            )
            status, headers, after = merchant.answers.get(self.path, [(200, {}, 0.0)])[0]
            time.sleep(after)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_POST = take  # noqa: N815  # http.server's name
        do_GET = take  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    merchant = Receiver(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return merchant, server


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    merchant, server = start_receiver()
    yield merchant
    server.shutdown()
    server.server_close()


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[str]:
    """Run a sandbox of its own and yield its address."""
    port = free_port()
    command = (sys.executable, str(ROOT / "manage.py"), "sandbox", "--port", str(port), *arguments)
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, cwd=ROOT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_alive(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def wait_until_alive(url: str, process: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            assert requests.get(f"{url}/healthz", timeout=1).json() == {"status": "ok"}
        except requests.ConnectionError:
            assert process.poll() is None, "the sandbox ended at once"
            assert time.monotonic() < deadline, "the sandbox did not start"
            time.sleep(0.02)
        else:
            return


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[str]:
    with running("--xendit-rate-limit", "0") as url:
        yield url


XENDIT = {
    "webhook_id": True,
    "webhook_timeout_seconds": 30,
    "expired_webhook": True,
    "retry_timeouts": False,
    "rate_limit_per_minute": 0,
    "settle_after_seconds": 86_400,
    "refund_after_seconds": 0,
}
MIDTRANS = {
    "webhook_timeout_seconds": 15,
    "http_status_mode": "current",
    "confirm_refund_after_seconds": 0,
}


@pytest.fixture
def sandbox(sandbox_process: str, receiver: Receiver) -> Iterator[Sandbox]:
    simulator = Sandbox(sandbox_process, receiver, f"t{next(numbers)}")
    simulator.control("reset")
    base = f"{receiver.url}/{simulator.name}"
    simulator.control(
        "config",
        speed=60,
        xendit={**XENDIT, "webhook_url": f"{base}/xendit"},
        midtrans={**MIDTRANS, "notification_url": f"{base}/midtrans"},
    )
    yield simulator
    simulator.control("reset")
