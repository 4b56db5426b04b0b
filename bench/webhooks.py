"""Xendit's webhooks: accepted, processed, both at once, at a fixed rate, and without Valkey."""

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg

from bench import cpu, figures, sandbox, servers
from bench.cpu import Meter
from bench.figures import Round
from bench.invoices import BY_SQL, creations
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.stack import CannotMeasure
from bench.table import SQL, Row, Target

ACCEPTED, PROCESSED = "POST /webhooks/xendit", "webhooks processed by the worker"
PER_ROUND = 80
PAID_AT_ONCE = 8  # customers
PATIENCE_SECONDS = 600  # 10 000 events take some minutes
AT_LEAST_PER_SECOND = 250
PACE, PACED_SECONDS, PACED_LIMIT_MS = 50, 8, 100  # webhooks per second, for so long, p99


class Inbox:
    """The events that arrive from now on, without those that earlier runs have left."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(database_url, autocommit=True)
        self._last_id = self._one("SELECT coalesce(max(id), 0) FROM payments_webhookevent")

    def wait_until_processed(self, *, outcome: str = "booked") -> None:
        """Wait for the last event.

        Raises:
            CannotMeasure: it takes too long, or an event had another outcome.
        """
        events = f"SELECT count(*) FROM payments_webhookevent WHERE id > {self._last_id}"  # noqa: S608  # a number
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._one(f"{events} AND status = 'received'"):
            if time.monotonic() > deadline:
                raise CannotMeasure(f"Webhooks are not processed within {PATIENCE_SECONDS} s.")
            time.sleep(0.05)
        if odd := self._one(f"{events} AND outcome IS DISTINCT FROM '{outcome}'"):
            raise CannotMeasure(f"{odd} webhooks were not {outcome}; see the worker's log.")

    def ids(self) -> list[int]:
        """Return those that have arrived so far."""
        events = "SELECT id FROM payments_webhookevent WHERE id > %s ORDER BY id"
        return [row[0] for row in self._connection.execute(events, (self._last_id,))]

    def _one(self, query: str) -> int:
        row = self._connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])


def run(bench: Bench) -> list[Row]:
    """Measure webhooks for invoices that are paid at the sandbox, one webhook for each.

    They take turns with new invoices of plain SQL, and so does what the worker needs for each.
    """
    notified = iter(
        paid_notifications(bench, PER_ROUND * (bench.rounds + 4) + 2 * PACE * PACED_SECONDS)
    )

    def notifications(count: int) -> list[Request]:
        return [next(notified) for _ in range(count)]

    accepting = Subject(ACCEPTED, notifications)
    inbox = Inbox(bench.stack.database_url)
    bench.measured(accepting, size=PER_ROUND)  # warms web and worker up
    inbox.wait_until_processed()
    with cpu.suspended(bench.stack.servers["worker"]):
        taken = bench.interleaved([accepting, BY_SQL], size=PER_ROUND)
        processing = {name: bench.stack.servers[name] for name in ("worker", "postgres", "valkey")}
        meter = Meter(processing)
    accepted, plain = taken[accepting.name], taken[BY_SQL.name]
    processed = _processed(inbox, meter, count=PER_ROUND * bench.rounds + PER_ROUND // 4)
    both = _both_at_once(bench, inbox, notifications(PER_ROUND * 2))
    paced = bench.measured(accepting, size=PACE * PACED_SECONDS, per_second=PACE)
    inbox.wait_until_processed()
    with servers.valkey_away(bench.stack):
        alone = bench.measured(accepting, size=PACE * PACED_SECONDS, per_second=PACE)
    inbox.wait_until_processed()
    return [
        Row(
            accepting.name,
            figures.summary(accepted),
            _fast_enough(accepted),
            {SQL: figures.cpu_ratio(accepted, plain)},
        ),
        Row(
            PROCESSED,
            figures.summary([processed]),
            ratios={SQL: figures.cpu_ratio([processed] * len(plain), plain)},
        ),
        Row("  both at once", figures.summary([both])),
        _paced_row(f"  at {PACE}/s, worker at work", paced),
        _paced_row(f"  at {PACE}/s, Valkey stopped", alone),
    ]


def _fast_enough(accepted: list[Round]) -> Target:
    per_second = figures.summary(accepted).per_second
    return Target("per s", AT_LEAST_PER_SECOND, per_second, at_least=True)


def _paced_row(name: str, taken: Round) -> Row:
    summary = figures.summary([taken])
    assert summary.p99_ms is not None
    return Row(name, summary, Target("ms, p99", PACED_LIMIT_MS, summary.p99_ms))


def _processed(inbox: Inbox, meter: Meter, *, count: int) -> Round:
    """Return what the worker needs to process the webhooks that wait."""
    started = time.perf_counter()
    inbox.wait_until_processed()
    return Round(
        requests=count,
        seconds=time.perf_counter() - started,
        latencies_ms=[],
        cpu_ms=meter.milliseconds_since_start(per=count),
    )


def _both_at_once(bench: Bench, inbox: Inbox, requests: list[Request]) -> Round:
    """Return the time from the first webhook sent to the last one processed."""
    meter, started = Meter(bench.stack.servers), time.perf_counter()
    answered = bench.generator.send(bench.stack.port, requests, expect=200)
    inbox.wait_until_processed()
    return Round(
        requests=len(requests),
        seconds=time.perf_counter() - started,
        latencies_ms=answered.latencies_ms,
        cpu_ms=meter.milliseconds_since_start(per=len(requests)),
    )


def paid_notifications(bench: Bench, count: int) -> list[Request]:
    """Make invoices, pay them at the sandbox, and return its webhooks, which it does not send."""
    stack = bench.stack
    made = bench.generator.send(
        stack.port, creations(stack.api_key, count), expect=201, keep_bodies=True
    )
    pages = [json.loads(body)["payment_url"] for body in made.bodies]
    sandbox.command(
        stack.sandbox_port,
        "faults",
        {"gateway": "xendit", "fault": "webhook_lost", "times": count},
    )
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    paid_at: dict[str, datetime] = {}  # by page; the gateway's list is asked for this time
    for first in range(0, len(pages), PAID_AT_ONCE):
        batch = pages[first : first + PAID_AT_ONCE]
        paths = ["/" + page.split("/", 3)[3] for page in batch]
        bench.generator.send(
            stack.sandbox_port,
            [Request("POST", path, "action=pay", form) for path in paths],
            expect=200,
        )
        now = datetime.now(tz=UTC)  # noqa: TID251  # there is no Django in this process
        paid_at |= dict.fromkeys(batch, now)
    charges = {
        charge["payment_url"]: charge for charge in sandbox.command(stack.sandbox_port, "charges")
    }
    return [_notification(charges[page], stack.callback_token, paid_at[page]) for page in pages]


def _notification(charge: dict[str, Any], callback_token: str, paid_at: datetime) -> Request:
    body = {
        "id": charge["id"],
        "external_id": charge["reference"],
        "user_id": "64f0c0ffee00000000000001",
        "is_high": False,
        "status": "PAID",
        "merchant_name": "PayTrust Test Shop",
        "amount": charge["amount"],
        "currency": charge["currency"],
        "paid_amount": charge["amount"],
        "paid_at": f"{paid_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "payment_method": "EWALLET",
        "ewallet_type": "TOUCHNGO",
        "payment_channel": "TOUCHNGO",
    }
    headers = {
        "Content-Type": "application/json",
        "X-Callback-Token": callback_token,
        "Webhook-Id": str(uuid.uuid4()),
    }
    return Request("POST", "/webhooks/xendit", json.dumps(body), headers)
