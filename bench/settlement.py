"""A million lines of settlement files, imported and matched with the past of `reports`."""

import os

from bench import inside, settled, stack
from bench.figures import Figures
from bench.rounds import Bench
from bench.stack import CannotMeasure
from bench.table import Row, Target

LINES = int(os.environ.get("BENCH_INSTALLMENTS") or 1_000_000)
SECONDS, MB = 300.0, 300.0


def run(bench: Bench) -> list[Row]:
    """Measure one import a gateway; the first run writes the past, which takes some minutes."""
    with stack.running(bench.stack.state.with_name(f"bench-reports-{LINES}")) as large:
        settled.write(large.database_url, installments=LINES, busy=10_000)
        found = inside.ran(large, "bench.settlement_process")
    if found["lines"] != LINES or found["matched"] != LINES:
        raise CannotMeasure(f"{LINES} lines were to match: {found}")
    cpu_ms = {name: 1000 * seconds / LINES for name, seconds in found["cpu_seconds"].items()}
    taken = Figures(found["lines"] / found["seconds"], None, None, None, cpu_ms)
    return [
        Row(f"settlement: {LINES:,} lines", taken, Target("seconds", SECONDS, found["seconds"])),
        Row("  its memory", taken, Target("MB", MB, found["mb"])),
    ]
