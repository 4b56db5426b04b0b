"""A flash sale on one account while other tenants sell as well (spec 12, issue 16).

Customers pay 3 000 invoices within a minute, at a gateway that accepts 600 calls of each kind a
minute and sends a notification for each payment. Meanwhile other tenants make five invoices a
second with the same account. No call may be refused, and no notification may lose an attempt to the
gateway's limit.
"""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
import redis

from bench import figures, load, sandbox
from bench.cpu import Meter
from bench.figures import Figures, Round
from bench.invoices import BODY, creations
from bench.load import Answered, Request
from bench.rounds import Bench
from bench.stack import CannotMeasure, Stack, made_key
from bench.table import Row, Target

SALE: Final = {"xendit": 3_000, "midtrans": 1_000}
LONG_SALE: Final = 3_000
SENT_WITHIN_SECONDS: Final = 60
CALLS_PER_MINUTE: Final = 600
CONFIRMING: Final = {"get", "list", "get_refund", "status"}  # kinds of calls
CALLS_LIMIT: Final = 200  # if the gateway has a list
CALLS_A_PAYMENT: Final = 2  # without a list: two notifications, chosen and paid
DRAINED_LIMIT_SECONDS: Final = 90
PACE_LIMIT: Final = 1.25  # of the time that so many calls take with the confirmations' share
CONFIRMATIONS_SHARE: Final = 0.75
OTHERS: Final = 3  # tenants
OTHERS_PER_SECOND: Final = 5
PATIENCE_SECONDS: Final = 900
AT_ONCE: Final = 200  # invoices made before the budget is deleted, so that none is refused
IN_RUPIAH: Final = json.dumps(
    json.loads(BODY)
    | {
        "gateway_id": 2,
        "currency_code": "IDR",
        "line_items": [
            {"product_name": "Phone", "quantity": 1, "unit_price": "150000", "tax_rate": "0"}
        ],
    }
)
BODIES: Final = {"xendit": BODY, "midtrans": IN_RUPIAH}


@dataclass(frozen=True, slots=True)
class Arrived:
    """The results of a sale's notifications."""

    waiting: int
    booked: int
    tried: int  # those with a used attempt
    first_at: datetime | None
    last_at: datetime | None
    booked_at: datetime | None  # the last one


def run(bench: Bench) -> list[Row]:
    """Measure a flash sale at each gateway."""
    others = [made_key(bench.stack, f"Flood {number}") for number in range(1, OTHERS + 1)]
    rows: list[Row] = []
    for gateway, usual in SALE.items():
        rows += _sale(bench, others, gateway, LONG_SALE if bench.is_long else usual)
    return rows


def _sale(bench: Bench, others: Sequence[str], gateway: str, count: int) -> list[Row]:
    stack = bench.stack
    pages = _open_pages(bench, gateway, count)
    inbox = _Inbox(stack.database_url)
    with _limited(stack, gateway), load.generator() as second, ThreadPoolExecutor(1) as pool:
        meter = Meter(stack.servers)
        selling = pool.submit(_sell, second, stack.port, others, gateway)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        bench.generator.send(
            stack.sandbox_port,
            [Request("POST", path, "action=pay", form) for path in pages],
            expect=200,
            per_second=count / SENT_WITHIN_SECONDS,
        )
        arrived = inbox.wait_until_processed(count)
        cpu_ms = meter.milliseconds_since_start(per=count)
        made = selling.result()
        calls = sandbox.command(stack.sandbox_port, "limits")["calls"]
    return _rows(gateway, count, arrived, made, calls, cpu_ms)


def _rows(  # noqa: PLR0917  # the six things that were measured
    gateway: str,
    count: int,
    arrived: Arrived,
    made: Answered,
    calls: list[dict[str, int | str]],
    cpu_ms: dict[str, float],
) -> list[Row]:
    assert arrived.first_at
    assert arrived.last_at
    assert arrived.booked_at
    sending = (arrived.last_at - arrived.first_at).total_seconds()
    drained = (arrived.booked_at - arrived.last_at).total_seconds()
    whole = (arrived.booked_at - arrived.first_at).total_seconds()
    of_gateway = [one for one in calls if str(one["gateway"]).startswith(gateway)]
    asked = sum(int(one["taken"]) for one in of_gateway if one["route"] in CONFIRMING)
    sold = Round(requests=count, seconds=whole, latencies_ms=[], cpu_ms=cpu_ms)
    refused = sum(number for status, number in made.statuses.items() if status != "201")
    selling = Round(len(made.latencies_ms), made.seconds, made.latencies_ms, {})
    if gateway == "xendit":
        in_time = Target("s from the last webhook", DRAINED_LIMIT_SECONDS, drained)
        few_calls = Target("confirming calls", CALLS_LIMIT, asked)
    else:
        by_budget = asked / (CALLS_PER_MINUTE / 60 * CONFIRMATIONS_SHARE)
        in_time = Target("x the budget's pace", PACE_LIMIT, whole / max(by_budget, sending))
        few_calls = Target("confirming calls a payment", CALLS_A_PAYMENT, asked / count)
    over = sum(int(one["refused"]) for one in of_gateway)
    lost = count - arrived.booked + arrived.tried
    return [
        Row(
            f"flood at {gateway}: {count} told in {sending:.0f} s", figures.summary([sold]), in_time
        ),
        _only(f"  {asked} calls", few_calls),
        _only("  events failed, or with a used-up try", Target("events", 0, lost)),
        _only("  calls over the gateway's limit", Target("calls", 5, over)),
        Row(
            f"  {OTHERS_PER_SECOND} invoices/s by {OTHERS} other tenants",
            figures.summary([selling]),
            Target("refused", 0, refused),
        ),
    ]


def _only(name: str, target: Target) -> Row:
    return Row(name, Figures(0, None, None, None, {}), target)


class _Inbox:
    """The notifications that arrive from now on."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(database_url, autocommit=True)
        row = self._connection.execute(
            "SELECT coalesce(max(id), 0) FROM payments_webhookevent"
        ).fetchone()
        assert row is not None
        self._last_id = int(row[0])

    def wait_until_processed(self, count: int) -> Arrived:
        """Wait for the outcome of so many notifications.

        Raises:
            CannotMeasure: it takes too long.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (arrived := self._arrived()).waiting or arrived.booked < count:
            if time.monotonic() > deadline:
                raise CannotMeasure(f"The sale is not booked in {PATIENCE_SECONDS} s: {arrived}")
            time.sleep(0.5)
        return arrived

    def _arrived(self) -> Arrived:
        row = self._connection.execute(
            "SELECT count(*) FILTER (WHERE status = 'received'),"
            " count(*) FILTER (WHERE outcome = 'booked'),"
            " count(*) FILTER (WHERE attempts > 0),"
            " min(received_at), max(received_at), max(processed_at)"
            " FROM payments_webhookevent WHERE id > %s",
            (self._last_id,),
        ).fetchone()
        assert row is not None
        return Arrived(*row)


@contextmanager
def _limited(stack: Stack, gateway: str) -> Iterator[None]:
    """Let a gateway accept as many calls as the real one does, counted from now."""
    _delete_budgets(stack)
    for per_minute in (CALLS_PER_MINUTE, 0):
        sandbox.command(
            stack.sandbox_port, "limits", {"gateway": gateway, "per_minute": per_minute}
        )
        if per_minute:
            yield


def _open_pages(bench: Bench, gateway: str, count: int) -> list[str]:
    """Make the invoices that will be paid, and return the paths of their pages."""
    stack, paths = bench.stack, list[str]()
    while len(paths) < count:
        _delete_budgets(stack)
        wanted = min(AT_ONCE, count - len(paths))
        made = bench.generator.send(
            stack.port,
            creations(stack.api_key, wanted, body=BODIES[gateway]),
            expect=201,
            keep_bodies=True,
        )
        pages = [json.loads(body)["payment_url"] for body in made.bodies]
        paths += ["/" + page.split("/", 3)[3] for page in pages]
    return paths


def _sell(generator: load.Generator, port: int, keys: Sequence[str], gateway: str) -> Answered:
    each = OTHERS_PER_SECOND * (SENT_WITHIN_SECONDS + 30) // len(keys)
    by_tenant = [creations(key, each, body=BODIES[gateway]) for key in keys]
    requests = [one for turn in zip(*by_tenant, strict=True) for one in turn]
    return generator.send(port, requests, expect=None, per_second=OTHERS_PER_SECOND)


def _delete_budgets(stack: Stack) -> None:
    with redis.Redis.from_url(stack.redis_url) as server:
        for key in server.scan_iter("paytrust:budget:*", count=1000):
            server.delete(key)
