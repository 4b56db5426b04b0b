"""What a delivery to a merchant's server costs the worker that makes it."""

from bench import inside
from bench.figures import Figures
from bench.rounds import Bench
from bench.table import Row, Target

# 100 events a second to 8 endpoints are 800 deliveries a second, by one process of Python.
LIMIT_MS = 1.0  # of the worker and PostgreSQL together


def run(bench: Bench) -> list[Row]:
    """Measure deliveries in a process of their own, to a server that answers at once."""
    taken_ms = inside.ran(bench.stack, "bench.deliveries_process", "bench deliveries", bench.rounds)
    return [
        Row(
            "a delivery",
            Figures(1000 / taken_ms, None, None, None, {"worker": taken_ms}),
            Target("ms CPU", LIMIT_MS, taken_ms),
        )
    ]
