"""What the users do, for Locust, which runs this file: `python -m tests.load` starts it.

The arrivals are planned before, at random, and do not wait for answers (an open model): a user
whose last answer came too late acts at once, and its latency counts from the planned time. So a
server that stalls cannot hide how long the others would have waited.

A merchant's call that one of the sandbox's faults breaks is not a failure: its answer is 502 or
504 with a code of the gateway, and the merchant sends the same call again, once.
"""

import json
import os
import random
import time
import uuid
from collections import deque
from pathlib import Path
from typing import Any, ClassVar, Final

from locust import FastHttpUser, LoadTestShape, events, stats
from locust.env import Environment

from tests.load.profiles import Stage, users_at

GIVEN: Final[dict[str, Any]] = json.loads(os.environ["LOAD_GIVEN"])
STAGES: Final = tuple(Stage(**stage) for stage in GIVEN["stages"])
GATEWAY_FAULTS: Final = frozenset({"gateway_unavailable", "gateway_timeout"})
IDLE_SECONDS: Final = 3  # the server closes a connection that is idle for 5: take a new one
WARMING_USERS: Final = 5
KEPT: Final = 2000  # invoices that a later act may read or pay
stats.bucket_response_time = round  # to the millisecond, where Locust takes two digits

CHANCE: Final = random.Random(GIVEN["seed"])  # noqa: S311  # the same acts each time
Invoice = tuple[str, int, str]  # the merchant's key, the id, the page
UNPAID: Final[deque[Invoice]] = deque(maxlen=KEPT)
MADE: Final[deque[Invoice]] = deque(maxlen=KEPT)


class Profile(LoadTestShape):
    """As many users as the profile's stage has, after a few who warm the servers up."""

    is_warm = False

    def tick(self) -> tuple[int, float] | None:
        seconds = self.get_run_time() - GIVEN["warm_up_seconds"]
        if seconds < 0:
            return WARMING_USERS, WARMING_USERS
        if not self.is_warm:
            self.is_warm = True
            self.runner.stats.reset_all()
        users = users_at(STAGES, seconds)
        return None if users is None else (users, max(10.0, users / 2))


class Merchant(FastHttpUser):
    """One of the merchants' programs; it acts at planned times."""

    abstract = True
    connection_timeout, network_timeout = 10.0, 60.0

    def on_start(self) -> None:
        self.key = GIVEN["keys"][CHANCE.randrange(len(GIVEN["keys"]))]
        self.called = self.began = 0.0
        self.planned = time.monotonic() + CHANCE.expovariate(GIVEN["acts_per_second"])

    def wait_time(self) -> float:
        """Wait for the next planned time; not at all if it has passed."""
        wait = self.planned - time.monotonic()
        self.began = self.planned
        self.planned += CHANCE.expovariate(GIVEN["acts_per_second"])
        return max(0.0, wait)

    def call(
        self, name: str, path: str, *, key: str = "", expect: tuple[int, ...] = (200,), **more: Any
    ) -> dict[str, Any] | None:
        """Send one request; return its JSON, or None if it failed or the sandbox broke it."""
        now = time.monotonic()
        if now - self.called > IDLE_SECONDS:
            self.client.client.clientpool.close()
        began, self.began = self.began or now, 0.0  # the act's next call counts from its own time
        headers = {"X-API-Key": key or self.key, **more.pop("headers", {})}
        method = "POST" if "json" in more else "GET"
        with self.client.request(
            method, path, name=name, headers=headers, catch_response=True, **more
        ) as answer:
            self.called = time.monotonic()
            answer.request_meta["response_time"] = (self.called - began) * 1000
            if answer.status_code in expect:
                answer.success()
                return as_object(answer.text)
            if as_object(answer.text).get("error") in GATEWAY_FAULTS:
                answer.request_meta["name"] = f"{name}, broken by the sandbox"
                answer.success()
            else:
                why = repr(answer.error) if answer.status_code == 0 else (answer.text or "")[:200]
                answer.failure(f"{answer.status_code} {why}")
        return None

    # Acts

    def make_invoice(self) -> None:
        """Create an invoice; the same call again if a fault of the sandbox broke it."""
        name = "POST /invoices"
        body = invoice_body()
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        for again in ("", ", again"):
            made = self.call(
                name + again, "/invoices", json=body, headers=headers, expect=(200, 201)
            )
            if made is not None:
                MADE.append((self.key, made["id"], made["payment_url"]))
                UNPAID.append(MADE[-1])
                return

    def read_invoice(self) -> None:
        """Read an invoice of this merchant or another one's, with the key that may."""
        if MADE:
            key, number, _ = MADE[CHANCE.randrange(len(MADE))]
            self.call("GET /invoices/{id}", f"/invoices/{number}", key=key)
        else:
            self.make_invoice()

    def pay(self) -> None:
        """Press the button of the oldest unpaid page: the sandbox sends the webhook."""
        if not UNPAID:
            self.make_invoice()
            return
        _, _, page = UNPAID.popleft()
        self.client.post(page, name="pay at the sandbox", data={"action": "pay"})

    def list_invoices(self) -> None:
        self.call("GET /invoices", "/invoices?limit=20")

    def list_transactions(self) -> None:
        self.call("GET /transactions", "/transactions?limit=20")

    def read_report(self) -> None:
        self.call("GET /reports/financial", f"/reports/financial?{GIVEN['interval']}")

    def read_discrepancies(self) -> None:
        self.call("GET /reports/discrepancies", "/reports/discrepancies")

    def take_statement(self) -> None:
        path = f"/reports/statement.csv?month={GIVEN['month']}&currency=MYR"
        self.call("GET /reports/statement.csv", path)

    def quote(self) -> None:
        self.call("POST /quotes", "/quotes", json=invoice_body())


class Invoices(Merchant):
    """Invoices are made, and each is read once or twice."""

    tasks: ClassVar = {Merchant.make_invoice: 5, Merchant.read_invoice: 5}


class Webhooks(Merchant):
    """Each invoice is paid, so that as many webhooks come as invoices are made."""

    tasks: ClassVar = {Merchant.make_invoice: 5, Merchant.pay: 5}


class Reports(Merchant):
    """Finance looks at its figures, while a few invoices are made and paid."""

    tasks: ClassVar = {
        Merchant.read_report: 6,
        Merchant.list_transactions: 4,
        Merchant.read_discrepancies: 2,
        Merchant.take_statement: 2,
        Merchant.make_invoice: 3,
        Merchant.pay: 3,
    }


class Mixed(Merchant):
    """A merchant's day: invoices, quotes, customers who pay, reading, and a few reports."""

    tasks: ClassVar = {
        Merchant.make_invoice: 30,
        Merchant.read_invoice: 35,
        Merchant.pay: 20,
        Merchant.quote: 5,
        Merchant.list_invoices: 5,
        Merchant.list_transactions: 3,
        Merchant.read_report: 2,
    }


def invoice_body() -> dict[str, Any]:
    """Return three lines at Xendit, or one at Midtrans."""
    if CHANCE.random() < 0.7:
        lines = [
            ("Phone", 2, "999.99", "0.06"),
            ("Case", 1, "49.90", "0.06"),
            ("Van", 1, "12", "0"),
        ]
        gateway, currency = 1, "MYR"
    else:
        lines, gateway, currency = [("Kopi Gayo", 2, "70000", "0.11")], 2, "IDR"
    return {
        "gateway_id": gateway,
        "currency_code": currency,
        "line_items": [
            {"product_name": name, "quantity": quantity, "unit_price": price, "tax_rate": rate}
            for name, quantity, price, rate in lines
        ],
    }


def as_object(text: str | None) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one if it is something else."""
    try:
        read = json.loads(text or "")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # Locust is not here
def write_figures(environment: Environment, **_: object) -> None:
    """Write the figures of each case for `python -m tests.load`."""
    cases = {
        entry.name: {
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            **{
                f"p{percent}_ms": entry.get_response_time_percentile(percent / 100) or 0
                for percent in (50, 95, 99)
            },
        }
        for entry in environment.stats.entries.values()
    }
    why = [str(error.error) for error in environment.stats.errors.values()]
    Path(GIVEN["figures"]).write_text(json.dumps({"cases": cases, "why": why}))
