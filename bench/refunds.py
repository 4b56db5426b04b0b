"""Refunds asked for, beside invoices made."""

import json
import uuid
from collections.abc import Iterator

import psycopg

from bench import figures, sandbox
from bench.figures import Round
from bench.invoices import creations
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.table import Row, Target
from bench.webhooks import Inbox, paid_notifications

LIMIT = 1.3  # times the CPU of POST /invoices
SIZE = 120  # per round
NAME = "POST /invoices/{id}/refunds"


def run(bench: Bench) -> list[Row]:
    """Measure POST /invoices/{id}/refunds at Xendit, which answers that it is pending."""
    paid = _paid_invoices(bench, SIZE // 4 + SIZE * bench.rounds)
    key = bench.stack.api_key
    taken = bench.interleaved(
        [
            Subject("POST /invoices", lambda n: creations(key, n), 201),
            Subject(NAME, lambda n: [_refund(key, next(paid)) for _ in range(n)], 201),
        ],
        size=SIZE,
    )
    return [
        Row(name, figures.summary(rounds), _target(name, taken)) for name, rounds in taken.items()
    ]


def _target(name: str, taken: dict[str, list[Round]]) -> Target | None:
    if name != NAME:
        return None
    ratio = figures.cpu_ratio(taken[NAME], taken["POST /invoices"])
    return Target("x CPU of POST /invoices", LIMIT, ratio)


def _refund(api_key: str, invoice_id: int) -> Request:
    headers = {
        "Content-Type": "application/json",
        "X-API-Key": api_key,
        "Idempotency-Key": uuid.uuid4().hex,
    }
    body = json.dumps({"reason": "requested_by_customer", "amount": 1000})
    return Request("POST", f"/invoices/{invoice_id}/refunds", body, headers)


def _paid_invoices(bench: Bench, count: int) -> Iterator[int]:
    """Make invoices, pay them by a wallet that gives money back, and yield their ids."""
    inbox = Inbox(bench.stack.database_url)
    notifications = paid_notifications(bench, count)
    bench.generator.send(bench.stack.port, notifications, expect=200)
    inbox.wait_until_processed()
    later = {"xendit": {"refund_after_seconds": 86_400}}  # not while others are measured
    sandbox.command(bench.stack.sandbox_port, "config", later)
    with psycopg.connect(bench.stack.database_url) as connection:
        rows = connection.execute(
            "SELECT invoice_id FROM invoices_transaction ORDER BY id DESC LIMIT %s", [count]
        ).fetchall()
    return (invoice_id for (invoice_id,) in rows)
