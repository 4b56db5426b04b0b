"""Invoices made and read, beside lean views that write and read the same rows."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice
from typing import Final

from bench import figures
from bench.figures import Round
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.table import DRF, SQL, Row, Target

POST_LIMIT, GET_LIMIT = 0.65, 0.4  # times the CPU of the lean DRF view
LEAN: Final = {DRF: "  lean DRF view", SQL: "  lean SQL view"}
TWELVE_LIMIT = 1.3  # times the CPU of an invoice with one instalment
POSTS, GETS = 160, 480  # per round
BODY = json.dumps(
    {
        "gateway_id": 1,
        "currency_code": "MYR",
        "line_items": [
            {"product_name": "Phone", "quantity": 2, "unit_price": "999.99", "tax_rate": "0.06"},
            {"product_name": "Case", "quantity": 1, "unit_price": "49.90", "tax_rate": "0.06"},
            {"product_name": "Delivery", "quantity": 1, "unit_price": "12", "tax_rate": "0"},
        ],
    }
)
TWELVE = "POST /invoices, 12 instalments"
PLAIN: Final = {"Content-Type": "application/json"}
BY_SQL: Final = Subject(LEAN[SQL], lambda n: [Request("POST", "/lean/sql", BODY, PLAIN)] * n, 201)
IN_TWELVE = json.dumps(json.loads(BODY) | {"installments": {"count": 12}})


def run(bench: Bench) -> list[Row]:
    """Measure POST /invoices and GET /invoices/{id}."""
    return [*_posts(bench), *_gets(bench)]


def creations(
    api_key: str, count: int, *, idempotent: bool = True, body: str = BODY
) -> list[Request]:
    """Return requests that each make an invoice of three lines."""
    headers = {"Content-Type": "application/json", "X-API-Key": api_key}
    return [
        Request(
            "POST",
            "/invoices",
            body,
            headers | ({"Idempotency-Key": uuid.uuid4().hex} if idempotent else {}),
        )
        for _ in range(count)
    ]


def _posts(bench: Bench) -> list[Row]:
    key = bench.stack.api_key
    taken = bench.interleaved(
        [
            Subject("POST /invoices", lambda n: creations(key, n), 201),
            Subject(TWELVE, lambda n: creations(key, n, body=IN_TWELVE), 201),
            Subject("POST /invoices, no key", lambda n: creations(key, n, idempotent=False), 201),
            Subject(LEAN[DRF], lambda n: [Request("POST", "/lean/drf", BODY, PLAIN)] * n, 201),
            BY_SQL,
        ],
        size=POSTS,
    )
    ratio = figures.cpu_ratio(taken[TWELVE], taken["POST /invoices"])
    twelve = Target("x CPU of one instalment", TWELVE_LIMIT, ratio)
    return [
        replace(row, target=twelve) if row.name == TWELVE else row
        for row in _rows(taken, limit=POST_LIMIT, judged="POST /invoices")
    ]


def made(bench: Bench) -> list[int]:
    """Make invoices; return their ids."""
    requests = creations(bench.stack.api_key, 50)
    answered = bench.generator.send(bench.stack.port, requests, expect=201, keep_bodies=True)
    return [json.loads(body)["id"] for body in answered.bodies]


def readings(bench: Bench) -> Callable[..., list[Request]]:
    """Make invoices; return a maker of requests that read them."""
    ids = made(bench)

    def reads(count: int, path: str = "/invoices") -> list[Request]:
        key = {"X-API-Key": bench.stack.api_key} if path == "/invoices" else {}
        return [Request("GET", f"{path}/{pk}", "", key) for pk in islice(cycle(ids), count)]

    return reads


def _gets(bench: Bench) -> list[Row]:
    reads = readings(bench)
    taken = bench.interleaved(
        [
            Subject("GET /invoices/{id}", reads),
            Subject(LEAN[DRF], lambda n: reads(n, "/lean/drf")),
            Subject(LEAN[SQL], lambda n: reads(n, "/lean/sql")),
        ],
        size=GETS,
    )
    return _rows(taken, limit=GET_LIMIT, judged="GET /invoices/{id}")


def _rows(taken: dict[str, list[Round]], *, limit: float, judged: str) -> list[Row]:
    return [
        Row(
            name,
            figures.summary(rounds),
            Target("x lean DRF CPU", limit, _ratios(taken, name)[DRF]) if name == judged else None,
            _ratios(taken, name) if name not in LEAN.values() else {},
        )
        for name, rounds in taken.items()
    ]


def _ratios(taken: dict[str, list[Round]], name: str) -> dict[str, float]:
    return {
        reference: figures.cpu_ratio(taken[name], taken[lean]) for reference, lean in LEAN.items()
    }
