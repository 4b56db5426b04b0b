"""Reports, exports and the audit over a year of a million paid instalments.

The first run writes these rows into its own stack, and later runs find them again.
"""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import psutil

from bench import figures, inside, settled, stack
from bench.cpu import Meter
from bench.figures import Figures, Round
from bench.load import Request
from bench.rounds import SERVING, Bench, Subject
from bench.stack import CannotMeasure, Stack
from bench.table import Row, Target
from paytrust.localstack.embedded import PROJECT

INSTALLMENTS = int(os.environ.get("BENCH_INSTALLMENTS") or 1_000_000)
BUSY = 10_000  # paid on one day
MONTH_MS, YEAR_MS = 150.0, 300.0  # p95
HARDLY_GROWS = 0.7  # at least, of the time, with a tenth of the rows
PER_ROUND, PER_SECOND = 20, 4.0
ROLLUP_MS = 2000.0
AUDIT_SECONDS, AUDIT_MB = 180.0, 500.0
ROWS_PER_SECOND, STREAM_MB = 20_000.0, 50.0
PIECE = 1 << 16  # bytes
MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Interval:
    """What a report is asked for: its two ends, and the time zone."""

    name: str
    start: str
    end: str
    tz: str
    limit_ms: float

    def path(self, report: str) -> str:
        asked = {"start_date": self.start, "end_date": self.end, "tz": self.tz}
        return f"/reports/{report}?{urlencode(asked)}"


def run(bench: Bench) -> list[Row]:
    """Measure all of it; the first run writes the past, which takes some minutes."""
    with stack.running(bench.stack.state.with_name(f"bench-reports-{INSTALLMENTS}")) as large:
        settled.write(large.database_url, installments=INSTALLMENTS, busy=BUSY)
        there = Bench(large, bench.generator, bench.rounds)
        day = settled.busy_day(large.database_url)
        inside.ran(large, "bench.closing")
        intervals = _intervals(datetime.fromisoformat(day).replace(tzinfo=UTC))
        keys = [_key(large, tenant) for tenant in (settled.LARGE, settled.SMALL)]
        return [
            *(row for interval in intervals for row in _reports(there, interval, keys)),
            _closing(there, day),
            *_audit(large),
            *_stream(large, intervals[1], keys[0]),
        ]


def _intervals(year_end: datetime) -> list[Interval]:
    year, month = year_end - timedelta(days=365), year_end - timedelta(days=31)
    ragged = (year + timedelta(hours=7, minutes=13, seconds=29), year_end - timedelta(hours=5.3))
    whole = [(moment.date().isoformat()) for moment in (year, month, year_end)]
    return [
        Interval("a month", whole[1], whole[2], "UTC", MONTH_MS),
        Interval("a year", whole[0], whole[2], "UTC", YEAR_MS),
        Interval("a year in Jakarta", whole[0], whole[2], "Asia/Jakarta", YEAR_MS),
        Interval("a ragged year", ragged[0].isoformat(), ragged[1].isoformat(), "UTC", YEAR_MS),
    ]


def _key(large: Stack, tenant: int) -> str:
    described = json.loads(Path(large.state, "stack.json").read_text())
    connection = http.client.HTTPConnection("127.0.0.1", large.port, timeout=30)
    connection.request(
        "POST",
        "/api-keys",
        json.dumps({"description": "reports", "tenant_id": tenant}),
        {"Content-Type": "application/json", "X-Admin-Key": described["admin_key"]},
    )
    answer = connection.getresponse()
    made = json.loads(answer.read())
    connection.close()
    if answer.status != http.client.CREATED:
        raise CannotMeasure(f"No key for tenant {tenant}: {made}")
    return str(made["api_key"])


def _reports(bench: Bench, interval: Interval, keys: Sequence[str]) -> Iterator[Row]:
    """Ask for one interval of both merchants in turns, at a fixed rate."""
    path = interval.path("financial")

    def subject(name: str, key: str) -> Subject:
        return Subject(name, lambda n: list(repeat(Request("GET", path, "", _with(key)), n)))

    subjects = [subject(*of) for of in zip(("large", "small"), keys, strict=True)]
    taken: dict[str, list[Round]] = {one.name: [] for one in subjects}
    for one in subjects * (bench.rounds + 1):
        measured = bench.measured(one, size=PER_ROUND, per_second=PER_SECOND)
        taken[one.name].append(measured)
    large, small = (figures.summary(rounds[1:]) for rounds in taken.values())  # the first warms up
    name = f"report of {interval.name}"
    yield Row(
        f"{name}, {INSTALLMENTS:,}", large, Target("ms p95", interval.limit_ms, large.p95_ms or 0)
    )
    pairs = zip(taken["small"][1:], taken["large"][1:], strict=True)
    ratio = median(median(few.latencies_ms) / median(many.latencies_ms) for few, many in pairs)
    yield Row(
        f"{name}, {INSTALLMENTS // 10:,}",
        small,
        Target("of the large one's time", HARDLY_GROWS, ratio, at_least=True),
    )


def _closing(bench: Bench, day: str) -> Row:
    taken = Figures(**inside.ran(bench.stack, "bench.reports_process", day, bench.rounds))
    return Row(
        f"closing a day, {BUSY:,} payments",
        taken,
        Target("ms p95", ROLLUP_MS, taken.p95_ms or 0),
    )


def _audit(large: Stack) -> Iterator[Row]:
    """Audit all books, and read from the kernel how much memory the process took at most."""
    meter = Meter({name: large.servers[name] for name in SERVING})
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "audit_books"], cwd=PROJECT, env=inside.environment(large)
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CannotMeasure("The books of the past do not add up.")
    seconds = time.perf_counter() - began
    cpu_ms = meter.milliseconds_since_start(per=1)
    cpu_ms["worker"] = (used.ru_utime + used.ru_stime) * 1000
    taken = Figures(1 / seconds, None, None, None, cpu_ms)
    yield Row("audit_books", taken, Target("seconds", AUDIT_SECONDS, seconds))
    yield Row("  its memory", taken, Target("MB", AUDIT_MB, used.ru_maxrss * 1024 / MB))


def _stream(large: Stack, interval: Interval, key: str) -> Iterator[Row]:
    """Read a year's transactions as CSV, and watch the memory of the web processes."""
    meter = Meter({name: large.servers[name] for name in SERVING})
    _rows_read(large, interval.path("financial.csv"), key)  # loads what an export needs
    with _memory_watched(large.servers["web"]) as memory:
        began = time.perf_counter()
        rows = _rows_read(large, interval.path("transactions.csv"), key)
        seconds = time.perf_counter() - began
    if rows != INSTALLMENTS:
        raise CannotMeasure(f"The export has {rows} transactions, not {INSTALLMENTS}.")
    taken = Figures(rows / seconds, None, None, None, meter.milliseconds_since_start(per=rows))
    yield Row(
        f"CSV of {rows:,} transactions",
        taken,
        Target("rows/s", ROWS_PER_SECOND, taken.per_second, at_least=True),
    )
    yield Row("  its memory", taken, Target("MB more", STREAM_MB, max(memory) - memory[0]))


def _rows_read(large: Stack, path: str, key: str) -> int:
    """Read an export without keeping it and return its number of rows, without the head."""
    connection = http.client.HTTPConnection("127.0.0.1", large.port, timeout=60)
    connection.request("GET", path, headers=_with(key))
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise CannotMeasure(f"{path}: {answer.status} {answer.read(500)!r}")
    lines = 0
    while piece := answer.read(PIECE):
        lines += piece.count(b"\n")
    connection.close()
    return lines - 1


@contextmanager
def _memory_watched(root: psutil.Process) -> Iterator[list[float]]:
    """Note what a process and its children hold, in MB, five times a second."""
    processes = [root, *root.children(recursive=True)]
    ended = threading.Event()
    held = [_held(processes)]

    def watch() -> None:
        while not ended.wait(0.2):
            held.append(_held(processes))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield held
    finally:
        ended.set()
        watcher.join()


def _held(processes: Sequence[psutil.Process]) -> float:
    return sum(process.memory_info().rss for process in processes) / MB


def _with(key: str) -> dict[str, str]:
    return {"X-API-Key": key}
