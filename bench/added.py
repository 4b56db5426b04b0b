"""What PayTrust adds to the gateway's own time: new invoices at a quiet pace.

The sandbox takes the same time for each answer, so all above it is what PayTrust added. The
sandbox's own work is counted as PayTrust's.
"""

from typing import Final

from bench import figures, sandbox
from bench.invoices import creations
from bench.rounds import Bench, Subject
from bench.table import Row, Target

GATEWAY_MS: Final = 120
PER_SECOND, SECONDS = 10, 60
MOST_MS: Final = 40  # p95


def run(bench: Bench) -> list[Row]:
    """Measure new invoices, ten a second, while the gateway takes 120 ms."""
    key = bench.stack.api_key
    creating = Subject("POST /invoices", lambda count: creations(key, count), status=201)
    bench.measured(creating, size=PER_SECOND)  # warms up
    sandbox.command(bench.stack.sandbox_port, "latency", _latency(GATEWAY_MS))
    try:
        taken = bench.measured(creating, size=PER_SECOND * SECONDS, per_second=PER_SECOND)
    finally:
        sandbox.command(bench.stack.sandbox_port, "latency", _latency(0))
    added = [latency - GATEWAY_MS for latency in taken.latencies_ms]
    return [
        Row(
            f"POST /invoices at {PER_SECOND}/s, gateway {GATEWAY_MS} ms",
            figures.summary([taken]),
            Target("ms added, p95", MOST_MS, figures.percentile(added, 95)),
        )
    ]


def _latency(milliseconds: int) -> dict[str, float]:
    return {"p50_ms": milliseconds, "p99_ms": milliseconds}
