"""From a webhook to the booked payment at a pace, and what it takes to work off a pile."""

import threading
import time
from datetime import UTC, datetime

import psycopg

from bench import figures, servers
from bench.cpu import Meter
from bench.figures import Figures, Round
from bench.load import Request
from bench.rounds import Bench
from bench.stack import CannotMeasure
from bench.table import Row, Target
from bench.webhooks import PATIENCE_SECONDS, Inbox, paid_notifications

PACE, SECONDS, LONG_SECONDS, LIMIT_MS = 30, 10, 120, 2000  # webhooks per second, for so long, p95
PILE, LONG_PILE, TEMPLATES = 1000, 10_000, 50
MEMORY_LIMIT_MB = 20
LOOK_SECONDS = 0.02
LATECOMERS = 100  # ids that others may still be about to commit below the newest one

PILE_UP = """
INSERT INTO payments_webhookevent (gateway_id, tenant_id, event_id, reference, headers, body,
    status, attempts, attempts_before, received_at, next_attempt_at)
SELECT e.gateway_id, e.tenant_id, 'bench:' || e.id || ':' || n, e.reference, e.headers, e.body,
    'received', 0, 0, now(), now()
FROM payments_webhookevent e, generate_series(1, %s) n WHERE e.id = ANY(%s)
"""


def run(bench: Bench) -> list[Row]:
    """Measure bookings at a pace, and 10 000 events (1 000 in a short run) due at once."""
    return [_paced(bench), *_pile(bench)]


def _paced(bench: Bench) -> Row:
    count = PACE * (LONG_SECONDS if bench.is_long else SECONDS)
    warming_up, *requests = paid_notifications(bench, count + 1)
    inbox = Inbox(bench.stack.database_url)
    _send(bench, [warming_up])
    inbox.wait_until_processed()
    watch = Watch(bench.stack.database_url)
    meter, started = Meter(bench.stack.servers), time.perf_counter()
    with watch:
        bench.generator.send(bench.stack.port, requests, expect=200, per_second=PACE)
        inbox.wait_until_processed()
        watch.wait_for(count)
    taken = Round(
        requests=count,
        seconds=time.perf_counter() - started,
        latencies_ms=watch.latencies_ms,
        cpu_ms=meter.milliseconds_since_start(per=count),
    )
    summary = figures.summary([taken])
    assert summary.p95_ms is not None
    name = f"webhook to booked, at {PACE}/s for {count // PACE} s"
    return Row(name, summary, Target("ms, p95", LIMIT_MS, summary.p95_ms))


def _pile(bench: Bench) -> list[Row]:
    """Let the worker work off copies of notifications that were booked before."""
    count = LONG_PILE if bench.is_long else PILE
    stack, inbox = bench.stack, Inbox(bench.stack.database_url)
    _send(bench, paid_notifications(bench, TEMPLATES))
    inbox.wait_until_processed()
    memory_before_mb = servers.private_megabytes(stack.servers["worker"])
    pile = Inbox(stack.database_url)
    meter, started = Meter(stack.servers), time.perf_counter()
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(PILE_UP, (count // TEMPLATES, inbox.ids()))
    pile.wait_until_processed(outcome="already_booked")
    seconds = time.perf_counter() - started
    grown_mb = servers.private_megabytes(stack.servers["worker"]) - memory_before_mb
    worked_off = Figures(
        per_second=count / seconds,
        p50_ms=None,
        p95_ms=None,
        p99_ms=None,
        cpu_ms=meter.milliseconds_since_start(per=count),
    )
    memory = Target("MB more memory", MEMORY_LIMIT_MB, grown_mb)
    return [Row(f"{count} events due at once, worked off", worked_off, memory)]


def _send(bench: Bench, requests: list[Request]) -> None:
    bench.generator.send(bench.stack.port, requests, expect=200)


class Watch:
    """Looks at the events as they are processed, and writes down how long each one took.

    It looks often, so it reads only what may have changed: nothing below the oldest event that
    waits, or far enough below the newest for those that get their ids first and come last.
    """

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg.connect(database_url, autocommit=True)
        row = self._connection.execute("SELECT max(id) FROM payments_webhookevent").fetchone()
        self._below = (row[0] if row else None) or 0
        self._seen: set[int] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.latencies_ms: list[float] = []

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def wait_for(self, count: int) -> None:
        """Wait until so many events have been seen processed.

        Raises:
            CannotMeasure: it takes too long.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.latencies_ms) < count:
            if time.monotonic() > deadline:
                raise CannotMeasure(f"{len(self.latencies_ms)} of {count} events were processed.")
            time.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        while not self._ended.is_set():
            rows = self._connection.execute(
                "SELECT id, received_at, status FROM payments_webhookevent WHERE id > %s",
                (self._below,),
            ).fetchall()
            now = datetime.now(tz=UTC)  # noqa: TID251  # there is no Django in this process
            waiting = [pk for pk, _received_at, status in rows if status != "processed"]
            for pk, received_at, status in rows:
                if status == "processed" and pk not in self._seen:
                    self._seen.add(pk)
                    self.latencies_ms.append((now - received_at).total_seconds() * 1000)
            newest = max((pk for pk, *_ in rows), default=self._below)
            self._below = max(self._below, min([*waiting, newest - LATECOMERS]) - 1)
            time.sleep(LOOK_SECONDS)
