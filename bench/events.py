"""What it costs to write events: the CPU that they add to a new invoice and to a booking."""

from bench import inside
from bench.figures import Figures
from bench.rounds import Bench
from bench.table import Row, Target

LIMIT_MS = 0.6  # of the application and PostgreSQL together
TURNS_PER_ROUND = 2
NAMES = ("POST /invoices", "a booking")


def run(bench: Bench) -> list[Row]:
    """Measure both with events and without, by turns, in a process of their own."""
    measured = inside.ran(
        bench.stack, "bench.events_process", "bench events", bench.rounds * TURNS_PER_ROUND
    )
    return [
        Row(
            f"events of {name}, alone",
            Figures(1000 / each["with_ms"], None, None, None, {"web": each["with_ms"]}),
            Target("ms CPU more", LIMIT_MS, each["more_ms"]),
        )
        for name, each in zip(NAMES, measured, strict=True)
    ]
