"""`python -m bench [NAME ...]`: measure, print one table, write bench-results.json."""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import psutil

from bench import (
    access,
    added,
    back_office,
    backups,
    baseline,
    bookings,
    changes,
    deliveries,
    events,
    flood,
    hostile,
    invoices,
    iso20022,
    large,
    load,
    memory,
    pooler,
    refunds,
    reports,
    settlement,
    siege,
    stack,
    table,
    web_processes,
    webhooks,
)
from bench.peers import run as peers
from bench.rounds import Bench
from bench.table import Row
from paytrust.localstack.embedded import PROJECT

BENCHMARKS: dict[str, Callable[[Bench], list[Row]]] = {
    "invoices": invoices.run,
    "webhooks": webhooks.run,
    "access": access.run,
    "added": added.run,
    "bookings": bookings.run,
    "changes": changes.run,
    "events": events.run,
    "deliveries": deliveries.run,
    "flood": flood.run,
    "hostile": hostile.run,
    "siege": siege.run,
    "iso20022": iso20022.run,
    "large": large.run,
    "memory": memory.run,
    "back_office": back_office.run,
    "backups": backups.run,
    "peers": peers.run,
    "pooler": pooler.run,
    "refunds": refunds.run,
    "reports": reports.run,
    "settlement": settlement.run,
    "web_processes": web_processes.run,
}
# A large past; minutes.
ONLY_WHEN_NAMED = {
    *("back_office", "backups", "flood", "large", "memory", "peers", "pooler", "reports"),
    *("settlement", "siege", "web_processes"),
}
ROUNDS, LONG_ROUNDS = 5, 25
RESULTS = PROJECT / "bench-results.json"


def main() -> int:
    """Measure PayTrust beside lean references.

    A missed target is shown, and is no failure. With --strict a ratio that is much worse than the
    one in bench/baseline.json is.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME")
    parser.add_argument("--long", action="store_true", help=f"{LONG_ROUNDS} rounds, full lengths")
    parser.add_argument("--strict", action="store_true", help="fail on a ratio that is worse")
    parser.add_argument(
        "--baseline", action="store_true", help="take the ratios over into bench/baseline.json"
    )
    chosen = parser.parse_args()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))  # leaves through `finally`
    state = PROJECT / (os.environ.get("PAYTRUST_STATE") or ".paytrust") / "bench"
    rows: list[Row] = []
    try:
        _say(f"Starting a stack of its own in {state} ...")
        with stack.running(state.resolve()) as started, load.generator() as generator:
            rounds = LONG_ROUNDS if chosen.long else ROUNDS
            bench = Bench(started, generator, rounds, is_long=chosen.long)
            for name in chosen.names or sorted(BENCHMARKS.keys() - ONLY_WHEN_NAMED):
                _say(f"Measuring {name} ...")
                rows += BENCHMARKS[name](bench)
    except (stack.CannotMeasure, load.UnexpectedAnswer) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    _say(f"\n{table.text_of(rows)}\n")
    _write(rows)
    _say(f"Times are medians of rounds taken by turns; docs/performance.md explains. {RESULTS}")
    return _judged(rows, is_strict=chosen.strict, as_baseline=chosen.baseline)


def _judged(rows: list[Row], *, is_strict: bool, as_baseline: bool) -> int:
    """Return the exit code, after the ratios that are worse than the baseline's were named."""
    worse = list(baseline.worse(rows, baseline.read()))
    for ratio in worse:
        _say(f"Worse: {ratio}")
    if as_baseline:
        baseline.write(rows)
    return 1 if worse and is_strict else 0


def _write(rows: list[Row]) -> None:
    now = datetime.now(tz=UTC)  # noqa: TID251  # there is no Django in this process
    results = {
        "measured_at": now.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": psutil.cpu_count(),
        "rows": table.json_of(rows),
    }
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
