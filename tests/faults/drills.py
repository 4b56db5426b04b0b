"""`python -m tests.faults.drills`: lose processes and servers of a cluster under load.

It starts its own cluster, with empty data, in $PAYTRUST_STATE/drills. First callers come at a
steady rate while the web processes are replaced one after the other: no call may fail. Then
invoices are made as fast as they are answered, and halfway both primaries are killed: each that
was answered must be there, and none twice.
"""

import argparse
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
import requests

from paytrust.localstack import embedded, stack
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port
from paytrust.localstack.stack import Stack, StackFailed
from tests.factories import invoice_body
from tests.faults import judging
from tests.faults.__main__ import alone, audited
from tests.faults.harming import lift_limits, say
from tests.faults.judging import Books, Known, Verdict
from tests.faults.load import MERCHANTS, PATIENCE_SECONDS, Order, Shop, Tally

RESULTS: Final = PROJECT / "drills-results.json"
RECOVERY_LIMIT_SECONDS: Final = 30
CALLERS: Final = 64  # threads; calls that wait do not keep the next ones from coming
NONE_MAY_BE: Final = (
    *("restart_failed", "promotion_lost", "promotion_doubled", "promotion_given_up"),
)
READS: Final = 4  # of 5 calls; the fifth makes an invoice


@dataclass
class Calls:
    """What callers got who do not repeat a call."""

    answered: int = 0
    failed: list[str] = field(default_factory=list)
    slowest_s: float = 0.0


def main() -> int:
    """Run both drills, print a table, write drills-results.json; exit 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.drills", description=main.__doc__)
    parser.add_argument("--invoices", type=int, default=5000, help="around the promotion (5000)")
    parser.add_argument("--rate", type=float, default=50, help="calls a second at the restart (50)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file of figures")
    given = parser.parse_args()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))  # leaves through `finally`
    state = PROJECT / (os.environ.get("PAYTRUST_STATE") or ".paytrust") / "drills"
    here = Stack(state.resolve(), free_port(), free_port())
    os.environ["RATE_LIMIT_REQUESTS"] = "1000000000"  # one merchant is all of the load
    try:
        with alone(state), _cluster(here) as described:
            restarted = restart(here, described, rate=given.rate)
            promoted = promotion(here, described, invoices=given.invoices)
            return report(restarted | promoted, given.results)
    except (StackFailed, embedded.ServerFailed) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130


@contextmanager
def _cluster(here: Stack) -> Iterator[dict[str, Any]]:
    here.state.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        stack.cluster_up(here)
        described = json.loads(here.description.read_text())
        lift_limits(described["sandbox"]["control"])  # else it takes 10 calls a second
        yield described
    finally:
        stack.reset(here)


# The web processes are replaced


def restart(here: Stack, described: dict[str, Any], *, rate: float) -> dict[str, Any]:
    """Replace the web processes while calls come at a steady rate."""
    say(f"{rate:g} calls a second, and the web processes are replaced one after the other ...")
    calls, over = Calls(), threading.Event()
    pace = threading.Thread(target=_call_steadily, args=(described, calls, rate, over))
    pace.start()
    began = time.monotonic()
    try:
        time.sleep(3)
        stack.restart(here)
        time.sleep(3)
    finally:
        over.set()
        pace.join()
    took = time.monotonic() - began
    for failure in calls.failed[:5]:
        say(f"failed: {failure}")
    return {
        "restart_calls": calls.answered + len(calls.failed),
        "restart_calls_a_second": round((calls.answered + len(calls.failed)) / took, 1),
        "restart_failed": len(calls.failed),
        "restart_slowest_s": round(calls.slowest_s, 2),
    }


def _call_steadily(
    described: dict[str, Any], calls: Calls, rate: float, over: threading.Event
) -> None:
    number, made = 0, _call(described, calls, None)
    began = time.monotonic()
    with ThreadPoolExecutor(CALLERS) as pool:
        while not over.wait(max(0.0, began + number / rate - time.monotonic())):
            number += 1
            pool.submit(_call, described, calls, made if number % (READS + 1) else None)


def _call(described: dict[str, Any], calls: Calls, invoice: int | None) -> int | None:
    """Read an invoice, or make one and return its id; count what came of it.

    Each call has a connection of its own: HAProxy ends one that is idle for 5 s, and a call that
    leaves at that moment would fail whatever the web processes do.
    """
    base, began = f"{described['base_url']}/invoices", time.monotonic()
    with requests.Session() as session:
        session.trust_env = False  # never by a proxy
        session.headers["X-API-Key"] = described["api_key"]
        try:
            answer = (
                session.get(f"{base}/{invoice}", timeout=30)
                if invoice
                else session.post(base, json=invoice_body(), timeout=30)
            )
        except requests.RequestException as error:
            calls.failed.append(f"{error!r:.300}")
            return None
    calls.slowest_s = max(calls.slowest_s, time.monotonic() - began)
    if not answer.ok:
        calls.failed.append(f"{answer.status_code} {answer.text[:200]}")
        return None
    calls.answered += 1
    return int(answer.json()["id"])


# The primaries are lost


def promotion(here: Stack, described: dict[str, Any], *, invoices: int) -> dict[str, Any]:
    """Make invoices, kill both primaries halfway, and look whether each is there once."""
    say(f"{invoices} invoices are made; halfway both primaries are killed ...")
    shop = Shop(described["base_url"], described["api_key"], Tally())
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    for number in range(invoices):
        orders.put(f"drill-{number}")
    threads = [
        threading.Thread(target=_make, args=(shop, orders), daemon=True) for _ in range(MERCHANTS)
    ]
    for thread in threads:
        thread.start()
    while len(shop.tally.made) < invoices / 2 and any(thread.is_alive() for thread in threads):
        time.sleep(0.05)
    killed_at = time.monotonic()
    stack.promote(here)
    recovered_s = _until_a_new_order(shop) - killed_at
    for thread in threads:
        thread.join()
    verdict = _verdict(described, shop.tally)
    for name in ("lost", "doubled"):
        if found := getattr(verdict, name):
            say(f"{name}: {', '.join(found[:20])}")
    for surprise in shop.tally.surprises[:5]:
        say(f"unexpected answer: {surprise}")
    tally = shop.tally
    given_up = [number for number in tally.given_up if number.startswith("drill-")]
    say(f"Answers: {dict(sorted(tally.answers.items()))}; slowest {tally.slowest_s:.1f} s.")
    return {
        "promotion_acknowledged": len(tally.made),
        "promotion_given_up": len(given_up) + len(tally.surprises),
        "promotion_lost": len(verdict.lost),
        "promotion_doubled": len(verdict.doubled),
        "promotion_recovered_s": round(recovered_s, 1),
        "promotion_slowest_order_s": round(tally.slowest_s, 1),
        "audit_clean": _audit_is_clean(described),
    }


def _make(shop: Shop, orders: "queue.SimpleQueue[str]") -> None:
    while True:
        try:
            number = orders.get_nowait()
        except queue.Empty:
            return
        order = Order(number, invoice_body(external_id=number), is_paid=False)
        shop.create(order, until=time.monotonic() + PATIENCE_SECONDS)


def _until_a_new_order(shop: Shop) -> float:
    """Return when a new order was answered.

    Those that were cut off wait until the leases of their first calls have ended.
    """
    for number in count():
        order = Order(f"new-{number}", invoice_body(external_id=f"new-{number}"), is_paid=False)
        if shop.create(order, until=time.monotonic()):
            break
        time.sleep(0.2)
    return time.monotonic()


def _verdict(described: dict[str, Any], tally: Tally) -> Verdict:
    """Compare the books of the new primary with what the callers were answered."""
    with psycopg.connect(described["database_url"], prepare_threshold=None) as own:
        made = own.execute(
            "SELECT external_id, id FROM invoices_invoice WHERE external_id IS NOT NULL"
        ).fetchall()
    books = Books(invoices=made, payments=(), events=())
    return judging.judge(books, Known(made=tally.made, taken={}, heard=()))


def _audit_is_clean(described: dict[str, Any]) -> bool:
    audit = audited(psutil.Process(described["processes"]["worker-1"]).environ())
    if audit.returncode:
        say(audit.stdout[-2000:] + audit.stderr[-2000:])
    return audit.returncode == 0


def report(figures: dict[str, Any], results_file: Path) -> int:
    """Print the figures and write them; return the exit code."""
    say("")
    for name, value in figures.items():
        say(f"{name:<24}{value!s:>10}")
    results_file.write_text(json.dumps(figures, indent=2) + "\n")
    say(f"{results_file}")
    broken = [name for name in NONE_MAY_BE if figures[name]]
    slow = figures["promotion_recovered_s"] > RECOVERY_LIMIT_SECONDS
    return 1 if broken or slow or not figures["audit_clean"] else 0


if __name__ == "__main__":
    sys.exit(main())
