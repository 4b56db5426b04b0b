"""`python -m tests.faults [--seconds 600]`: kill and cut a stack under load, and check it.

It starts its own stack, with empty data, in $PAYTRUST_STATE/faults and on free ports. Its
merchants, their customers and a receiver of events continue while one part after another is killed
or cut off. At the end nothing may be lost, doubled, unbooked or undelivered.
"""

import argparse
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Final

import requests

from events.outbox.types import TYPES
from paytrust.localstack import embedded
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port
from paytrust.localstack.stack import Stack, StackFailed
from tests.faults import judging
from tests.faults.harming import Scene, do_harm, let_sandbox_run_free, sandbox_faults, say
from tests.faults.judging import Known, Verdict
from tests.faults.load import Load, Shop, Tally
from tests.faults.receiver import Receiver
from tests.faults.targets import Targets, started

RESULTS: Final = PROJECT / "faults-results.json"
RECOVERY_LIMIT_SECONDS: Final = 60
SETTLING_SECONDS: Final = 420
# One endpoint for each kind of events, because one worker at a time delivers to an endpoint.
_NAMED: Final = {
    "/made": ["invoice.created", "invoice.payment_ready"],
    "/money": ["payment.succeeded", "installment.paid"],
    "/paid": ["invoice.paid", "invoice.partially_paid", "invoice.overpaid"],
    "/back": ["refund.created", "refund.succeeded", "refund.failed"],
}
ENDPOINTS: Final = {
    **_NAMED,
    "/rest": [name for name in TYPES if not any(name in named for named in _NAMED.values())],
}
# What due times wait for: retries of events (1, 6, 36 minutes), questions to the gateway (10
# minutes, 1 hour), deliveries (5 and 30 minutes, 2 hours). Invoices live for 24 hours.
OUTSTANDING: Final = ("unbooked", "unfinished", "undelivered")  # what time can cure
LEAPS: Final = ("2m", "7m", "12m", "40m", "70m", "130m", "180m", "240m")


def main() -> int:
    """Run, print a table, write faults-results.json; exit 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=main.__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long harm is done (600)")
    parser.add_argument("--rate", type=float, default=3.0, help="orders a second (3)")
    parser.add_argument("--seed", type=int, default=20_261_128, help="of orders and harms")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file of figures")
    given = parser.parse_args()
    for end in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(end, lambda number, _: sys.exit(128 + number))  # leaves through `finally`
    state = PROJECT / (os.environ.get("PAYTRUST_STATE") or ".paytrust") / "faults"
    here = Stack(state.resolve(), free_port(), free_port())
    say(f"Seed {given.seed}: {given.seconds} s, {given.rate:g} orders a second, in {state}.")
    try:
        with alone(state), started(here) as targets, Receiver(given.seed) as receiver:
            scene = prepared(targets, receiver, rate=given.rate, seed=given.seed)
            with sandbox_faults(scene):
                do_harm(scene, seconds=given.seconds)
                say("No more orders; those under way end ...")
                scene.load.stop()
            verdict = settled(scene)
            audit = audited(targets.environment)
            return report(scene, verdict, audit, given.results)
    except (StackFailed, embedded.ServerFailed) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Let no second run use the same folder.

    Raises:
        StackFailed: one does.
    """
    state.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    with state.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackFailed(f"Another run works in {state}.") from None
        yield


def prepared(targets: Targets, receiver: Receiver, *, rate: float, seed: int) -> Scene:
    """Make the endpoints and start the load."""
    known = json.loads(targets.stack.description.read_text())
    session = requests.Session()
    session.headers["X-API-Key"] = known["api_key"]
    for path, types in ENDPOINTS.items():
        made = session.post(
            f"{known['base_url']}/webhook-endpoints",
            json={"url": receiver.url + path, "event_types": types},
            timeout=30,
        )
        made.raise_for_status()
        receiver.trust(path, made.json()["secret"])
    shop = Shop(known["base_url"], known["api_key"], Tally())
    load = Load(shop, rate=rate, seed=seed)
    scene = Scene(targets, shop, load, receiver, random.Random(seed))  # noqa: S311  # repeatable
    let_sandbox_run_free(scene)
    load.start()
    return scene


# Judging


def settled(scene: Scene) -> Verdict:
    """Move the clocks on until nothing is outstanding any more, or nothing more can come."""
    leaps, last, moved_at = list(LEAPS), -1, time.monotonic()
    deadline = moved_at + SETTLING_SECONDS
    while True:
        scene.targets.tend()
        verdict = verdict_of(scene)
        left = sum(len(getattr(verdict, name)) for name in OUTSTANDING)
        now = time.monotonic()
        if not left or now > deadline:
            return verdict
        if left != last:
            last, moved_at = left, now
        elif now - moved_at > 10 and leaps:
            leap, moved_at = leaps.pop(0), now
            counted = ", ".join(f"{len(getattr(verdict, name))} {name}" for name in OUTSTANDING)
            say(f"{counted}: the clocks move on by {leap} ...")
            requests.post(
                f"{scene.sandbox}/clock", json={"advance": leap, "everyone": True}, timeout=120
            )
        elif not leaps and now - moved_at > 60:
            return verdict
        time.sleep(1)


def verdict_of(scene: Scene) -> Verdict:
    charges = requests.get(f"{scene.sandbox}/charges", timeout=60).json()
    known = Known(
        made=dict(scene.shop.tally.made),
        taken=judging.taken_of(charges),
        heard=set(scene.receiver.events),
        refunded=dict(scene.shop.tally.refunded),
        given_back=judging.given_back_of(charges),
    )
    return judging.judge(judging.books_of(scene.targets.database_url), known)


def audited(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the audit of the books with the environment of a stack's processes."""
    return subprocess.run(
        [sys.executable, "manage.py", "audit_books"],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def report(
    scene: Scene, verdict: Verdict, audit: subprocess.CompletedProcess[str], results_file: Path
) -> int:
    """Print what came of it and write the results; return the exit code."""
    tally, receiver = scene.shop.tally, scene.receiver
    worst: dict[str, float] = {}
    for harm in scene.harms:
        worst[harm.target] = max(harm.recovered_s, worst.get(harm.target, 0))
    faults = {kind.name: len(getattr(verdict, kind.name)) for kind in fields(Verdict)}
    results = {
        "invoices": len(tally.made),
        "refunds": len(tally.refunded),
        "kills": len(scene.harms),
        **faults,
        "worst_recovery_s": round(max(worst.values(), default=0), 1),
        "audit_clean": audit.returncode == 0,
    }
    results_file.write_text(json.dumps(results, indent=2) + "\n")
    say(f"\n{'harmed':<18}{'times':>6}{'slowest recovery, s':>21}")
    for target, seconds in sorted(worst.items()):
        times = sum(harm.target == target for harm in scene.harms)
        say(f"{target:<18}{times:>6}{seconds:>21.1f}")
    say("")
    for name, value in results.items():
        say(f"{name:<18}{value!s:>12}")
    say(f"\nEvents told: {len(receiver.events)}; wrongly signed: {receiver.forged}.")
    say(f"Answers to POST /invoices and .../refunds: {dict(sorted(tally.answers.items()))};")
    say(f"slowest order {tally.slowest_s:.0f} s; given up: {len(tally.given_up)}.")
    if scene.targets.ended_by_themselves:
        say(f"Ended by themselves and were started again: {scene.targets.ended_by_themselves}.")
    for name in faults:
        if found := getattr(verdict, name):
            say(f"{name}: {', '.join(map(str, found[:20]))}")
    for surprise in tally.surprises[:5]:
        say(f"unexpected answer: {surprise}")
    if audit.returncode:
        say(audit.stdout[-2000:] + audit.stderr[-2000:])
    say(f"{results_file}")
    whole = results["worst_recovery_s"] <= RECOVERY_LIMIT_SECONDS
    broken = any(faults.values()) or tally.surprises or receiver.forged or audit.returncode
    return 1 if broken or not whole else 0


if __name__ == "__main__":
    sys.exit(main())
