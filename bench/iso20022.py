"""ISO 20022 messages: built, validated and serialised, in a process of its own."""

import json
from typing import Any

from bench import inside
from bench.figures import Figures
from bench.load import Request
from bench.rounds import Bench
from bench.table import Row, Target

LIMITS_MS = {1: 3.0, 12: 15.0}  # by instalments
BOOKING_LIMIT_MS = 1.5
CALLS_PER_ROUND = 100
LINE = {"product_name": "Phone", "quantity": 2, "unit_price": "999.99", "tax_rate": "0.06"}


def run(bench: Bench) -> list[Row]:
    """Measure the pain.001 of an invoice, and what its pain.002 adds to a booking."""
    rows = []
    for count, limit_ms in LIMITS_MS.items():
        calls = bench.rounds * CALLS_PER_ROUND
        initiation, booking = inside.ran(
            bench.stack, "bench.iso20022_process", _made(bench, count), calls
        )
        rows += [
            _row(f"pain.001, {count} instalments", initiation, limit_ms),
            _row(f"pain.002 of a booking, {count} instalments", booking, BOOKING_LIMIT_MS),
        ]
    return rows


def _made(bench: Bench, count: int) -> int:
    plan = {"installments": {"count": count}} if count > 1 else {}
    body = json.dumps({"gateway_id": 1, "currency_code": "MYR", "line_items": [LINE], **plan})
    headers = {"Content-Type": "application/json", "X-API-Key": bench.stack.api_key}
    answered = bench.generator.send(
        bench.stack.port,
        [Request("POST", "/invoices", body, headers)],
        expect=201,
        keep_bodies=True,
    )
    return int(json.loads(answered.bodies[0])["id"])


def _row(name: str, figures: dict[str, Any], limit_ms: float) -> Row:
    return Row(name, Figures(**figures), Target("ms, median", limit_ms, figures["p50_ms"]))
