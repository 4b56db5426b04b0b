"""`python -m tests.load [--profile average]`: Locust against a stack of its own.

It starts a stack with empty data in $PAYTRUST_STATE/load, on free ports, whose sandbox answers as
slowly as a gateway and refuses now and then. At the end it prints a table, writes
load-results.json and load-report.html, and stops the stack.

It fails if a request failed for another reason than a fault of the sandbox, or if a payment's
notification was not booked. A fault of the sandbox is an answer 502 or 504 with one of the codes
`gateway_unavailable` and `gateway_timeout`; such answers have a case of their own in the table.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
import requests

from paytrust.localstack import embedded, stack
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port
from paytrust.localstack.stack import Stack, StackFailed
from tests.faults.__main__ import alone
from tests.faults.harming import lift_limits
from tests.load.profiles import ACTS_PER_SECOND, PROFILES, stages_of

LOCUST: Final = PROJECT / "build" / "load-tools" / "bin" / "python"
RESULTS: Final = PROJECT / "load-results.json"
REPORT: Final = PROJECT / "load-report.html"
SCENARIOS: Final = ("mixed", "invoices", "webhooks", "reports")
Connection = psycopg.Connection[Any]
MERCHANTS: Final = 40  # each has a key, which may make 1000 requests a minute
WARM_UP_SECONDS: Final = 10  # not counted
FAULT_RATE: Final = 0.007
BOOKED: Final = "webhook to booked"
BOOKED_WITHIN_SECONDS: Final = 120
LEAPS: Final = ("2m", "7m", "40m")
WAITING: Final = "status = 'received'"
COUNT: Final = "SELECT count(*) FROM payments_webhookevent WHERE "
TIMES: Final = """
SELECT count(*), percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
    ORDER BY extract(epoch FROM processed_at - received_at) * 1000)
FROM payments_webhookevent
"""


def main() -> int:
    """Run, print a table, write both files; return 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=main.__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="smoke")
    parser.add_argument("--scenario", choices=SCENARIOS, default="mixed")
    parser.add_argument("--seconds", type=float, help="in all; the stages keep their shares")
    parser.add_argument("--p50", type=int, default=120, help="ms of the gateways' answers")
    parser.add_argument("--p99", type=int, default=380)
    parser.add_argument("--acts", type=float, default=ACTS_PER_SECOND, help="a second, per user")
    parser.add_argument("--seed", type=int, default=20_261_129)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--report", type=Path, default=REPORT)
    given = parser.parse_args()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))  # leaves through `finally`
    state = PROJECT / (os.environ.get("PAYTRUST_STATE") or ".paytrust") / "load"
    here = Stack(state.resolve(), free_port(), free_port())
    try:
        with alone(state):
            here.state.mkdir(mode=0o711, parents=True, exist_ok=True)
            try:
                stack.up(here)
                return run(here, given)
            finally:
                stack.reset(here)
    except (StackFailed, embedded.ServerFailed) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def run(here: Stack, given: argparse.Namespace) -> int:
    """Put the load on a stack that serves; return the exit code."""
    known = json.loads(here.description.read_text())
    control = known["sandbox"]["control"]
    set_latency(control, p50_ms=given.p50, p99_ms=given.p99, fault_rate=FAULT_RATE)
    stages = stages_of(given.profile, seconds=given.seconds)
    seconds, users = sum(one.seconds for one in stages), max(one.users for one in stages)
    say(
        f"{given.scenario}, up to {users} users for {seconds:g} s; gateways take {given.p50} ms ..."
    )
    figures_file, today = here.state / "figures.json", datetime.fromtimestamp(time.time(), UTC)
    orders = {
        "stages": [asdict(one) for one in stages],
        "acts_per_second": given.acts,
        "warm_up_seconds": WARM_UP_SECONDS,
        "seed": given.seed,
        "keys": made_keys(known),
        "figures": str(figures_file),
        "month": f"{today:%Y-%m}",
        "interval": f"start_date={today:%Y-%m}-01&end_date={today + timedelta(days=1):%Y-%m-%d}",
    }
    drive(known["base_url"], given.scenario, orders, given.report)
    figures = json.loads(figures_file.read_text())
    cases = {name: {**case, "rps": round(case["requests"] / seconds, 2)} for name, case in
             figures["cases"].items()}  # fmt: skip
    set_latency(control, p50_ms=0, p99_ms=0, fault_rate=0)
    cases[BOOKED] = booked(here, control, seconds)
    results = {"profile": given.profile, "users": users, "seconds": seconds, "cases": cases}
    given.results.write_text(json.dumps(results, indent=2) + "\n")
    print_table(cases)
    for reason in figures["why"][:5]:
        say(f"failed: {reason}")
    say(f"{given.results}\n{given.report}")
    return 1 if any(case["failures"] for case in cases.values()) else 0


def set_latency(control: str, *, p50_ms: int, p99_ms: int, fault_rate: float) -> None:
    """Make both gateways answer so slowly, refuse now and then, and take any number of calls.

    A hundred users make more calls than the 600 a minute that an account at Xendit has.
    """
    lift_limits(control)
    for gateway in ("xendit", "midtrans"):
        wanted = {"gateway": gateway, "p50_ms": p50_ms, "p99_ms": p99_ms, "fault_rate": fault_rate}
        requests.post(f"{control}/latency", json=wanted, timeout=30).raise_for_status()


def made_keys(known: dict[str, Any]) -> list[str]:
    """Return the keys of so many merchants, each a tenant of its own."""
    keys = []
    for number in range(MERCHANTS):
        made = requests.post(
            f"{known['base_url']}/api-keys",
            json={"description": "load", "tenant_name": f"Load {number}"},
            headers={"X-Admin-Key": known["admin_key"]},
            timeout=30,
        )
        made.raise_for_status()
        keys.append(made.json()["api_key"])
    return keys


def drive(base_url: str, scenario: str, orders: dict[str, Any], report: Path) -> None:
    """Let Locust send the requests.

    Raises:
        StackFailed: it ended without figures.
    """
    command = [
        *(str(LOCUST), "-m", "locust", "-f", "tests/load/locustfile.py", "--headless"),
        *("--host", base_url, "--html", str(report), "--only-summary", "--loglevel", "WARNING"),
        *("--exit-code-on-error", "0", scenario.capitalize()),
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/tmp"),  # noqa: S108
        "PYTHONPATH": str(PROJECT),
        "LOAD_GIVEN": json.dumps(orders),
    }
    ended = subprocess.run(
        command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        raise StackFailed(f"Locust ended with {ended.returncode}:\n{ended.stdout[-3000:]}")


def booked(here: Stack, control: str, seconds: float) -> dict[str, Any]:
    """Wait until all notifications are booked; return how long each waited, as a case.

    One whose confirmation met a fault of the sandbox is tried again after 1, 6 and 36 minutes, for
    which the clocks move on. The times do not count those.
    """
    owner_url = embedded.start(here.state).database_url  # they run, so this only finds them
    with psycopg.connect(owner_url, autocommit=True) as connection:
        wait_until_none(connection, f"{WAITING} AND first_failed_at IS NULL")
        row = connection.execute(TIMES).fetchone()
        for leap in LEAPS:
            if left(connection, WAITING):
                wanted = {"advance": leap, "everyone": True}
                requests.post(f"{control}/clock", json=wanted, timeout=120).raise_for_status()
                wait_until_none(connection, WAITING)
        failures = left(connection, "status <> 'processed'")
    assert row is not None
    p50, p95, p99 = map(round, row[1] or (0, 0, 0))
    return {
        "requests": row[0],
        "failures": failures,
        "rps": round(row[0] / seconds, 2),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
    }


def wait_until_none(connection: Connection, which: LiteralString) -> None:
    deadline = time.monotonic() + BOOKED_WITHIN_SECONDS
    while left(connection, which) and time.monotonic() < deadline:
        time.sleep(0.5)


def left(connection: Connection, which: LiteralString) -> int:
    row = connection.execute(COUNT + which).fetchone()
    assert row is not None
    return int(row[0])


def print_table(cases: dict[str, dict[str, Any]]) -> None:
    columns = ("requests", "failures", "rps", "p50_ms", "p95_ms", "p99_ms")
    width = max(map(len, cases))
    say(f"\n{'':{width}}" + "".join(f"{column:>10}" for column in columns))
    for name, case in sorted(cases.items()):
        say(f"{name:{width}}" + "".join(f"{case[column]:>10}" for column in columns))
    say("")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
