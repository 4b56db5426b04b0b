"""The memory of the web processes while they answer a hundred thousand requests."""

import os
from itertools import cycle, islice

import psutil

from bench import figures
from bench.invoices import creations, readings
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.stack import made_key
from bench.table import Row, Target

REQUESTS = int(os.environ.get("BENCH_REQUESTS") or 100_000)
PIECES = 20
MB, MORE_MB = 180.0, 10.0  # a process, and what the second half of the requests may add to it
MERCHANTS = 40  # whose keys each process hashes
MADE = 0.1  # of the requests make an invoice; the others read one


def run(bench: Bench) -> list[Row]:
    """Measure the largest web process at the end, and what it grew by since the middle."""
    reads = readings(bench)
    key = bench.stack.api_key
    merchants = [made_key(bench.stack, f"Merchant {number}") for number in range(MERCHANTS)]
    bench.measured(Subject("", lambda n: _lists(merchants, n)), size=MERCHANTS * 20)
    size = REQUESTS // PIECES
    made = round(size * MADE)
    rounds, largest = [], []
    for _ in range(PIECES):
        rounds.append(bench.measured(Subject("", lambda n: creations(key, n), 201), size=made))
        rounds.append(bench.measured(Subject("", reads), size=size - made))
        largest.append(_largest_mb(bench.stack.servers["web"]))
    taken = figures.summary(rounds)
    grown = largest[-1] - largest[PIECES // 2 - 1]
    return [
        Row(f"{REQUESTS:,} requests: a web process", taken, Target("MB", MB, largest[-1])),
        Row("  more since their middle", taken, Target("MB", MORE_MB, grown)),
    ]


def _lists(keys: list[str], count: int) -> list[Request]:
    return [
        Request("GET", "/invoices", "", {"X-API-Key": key}) for key in islice(cycle(keys), count)
    ]


def _largest_mb(master: psutil.Process) -> float:
    """Return the resident memory of the largest process that answers, in MB."""
    return max(worker.memory_info().rss for worker in master.children()) / 1e6
