"""Invoices whose payment is asked for again, whose instalments change, and that are cancelled."""

import json
import uuid
from collections.abc import Iterator
from typing import Final

from bench import figures
from bench.invoices import BODY, BY_SQL, creations
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.table import SQL, Row

SIZE = 80  # per round
CHANGES = 4  # each of another invoice, because two callers at once refuse each other
IN_THREE: Final = json.dumps(json.loads(BODY) | {"installments": {"count": 3}})


def run(bench: Bench) -> list[Row]:
    """Measure each change of an invoice whose page at Xendit is open."""
    key = bench.stack.api_key
    ids, totals = _made(bench, CHANGES * (SIZE // 4 + SIZE * bench.rounds))

    def patched(*totals: int) -> Request:
        named = [{"number": place, "total": total} for place, total in enumerate(totals, start=1)]
        body = {"installments": named}
        return _request("PATCH", f"/invoices/{next(ids)}/installments", key, body)

    def posted(what: str) -> Request:
        return _request("POST", f"/invoices/{next(ids)}/{what}", key, {})

    subjects = [
        Subject("POST .../payments, open", lambda n: [posted("payments") for _ in range(n)], 201),
        Subject("PATCH .../installments", lambda n: [patched(*totals) for _ in range(n)]),
        Subject("  with a new page", lambda n: [patched(totals[0] + 30) for _ in range(n)]),
        Subject("POST .../cancel", lambda n: [posted("cancel") for _ in range(n)]),
        BY_SQL,
    ]
    taken = bench.interleaved(subjects, size=SIZE)
    plain = taken.pop(BY_SQL.name)
    return [
        Row(name, figures.summary(rounds), ratios={SQL: figures.cpu_ratio(rounds, plain)})
        for name, rounds in taken.items()
    ]


def _made(bench: Bench, count: int) -> tuple[Iterator[int], list[int]]:
    """Make invoices in three instalments; return their ids, and the totals of each."""
    requests = creations(bench.stack.api_key, count, body=IN_THREE)
    answered = bench.generator.send(bench.stack.port, requests, expect=201, keep_bodies=True)
    shown = [json.loads(body) for body in answered.bodies]
    totals = [installment["total"] for installment in shown[0]["installment_schedule"]]
    return (one["id"] for one in shown), totals


def _request(method: str, path: str, key: str, body: object) -> Request:
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    if method == "POST":
        headers["Idempotency-Key"] = uuid.uuid4().hex
    return Request(method, path, json.dumps(body), headers)
