"""Harm to a running stack, one part after another, and the time until it works again."""

import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from paytrust.localstack import processes
from tests.faults.load import Load, Shop, order_of
from tests.faults.receiver import Receiver
from tests.faults.targets import HARMS, Targets, wait_until

GIVEN_UP_SECONDS: Final = 150  # then the run goes on with the next harm
# Some need a moment that only comes with certain payments; these may come at any time.
SANDBOX_FAULTS: Final = (
    *("timeout", "created_but_timeout", "connection_reset", "http_500", "http_503", "html_502"),
    *("slow", "webhook_lost", "webhook_late", "webhook_duplicate", "webhook_out_of_order"),
    *("webhook_bad_signature", "double_encoded", "empty_body", "unknown_order"),
)


@dataclass(frozen=True, slots=True)
class Harm:
    """One kill or cut, and when the service was whole again."""

    target: str
    recovered_s: float


@dataclass
class Scene:
    """What a run works with."""

    targets: Targets
    shop: Shop
    load: Load
    receiver: Receiver
    chance: random.Random
    harms: list[Harm] = field(default_factory=list)
    probes: int = 0

    @property
    def sandbox(self) -> str:
        return f"{self.targets.stack.sandbox_url}/control"


def do_harm(scene: Scene, *, seconds: float) -> None:
    """Harm every part in turn, each round in a new random order."""
    say(
        f"\n{'at s':>6}  {'harmed':<18}{'for s':>6}{'whole after s':>15}{'orders':>9}{'waiting':>9}"
    )
    began = time.monotonic()
    turn: list[str] = []
    while time.monotonic() - began < seconds:
        if not turn:
            turn = list(HARMS)
            scene.chance.shuffle(turn)
        name, lasts_s = turn.pop(), scene.chance.uniform(0.5, 8)
        at = time.monotonic()
        scene.targets.harm(name)
        scene.targets.tend_for(lasts_s)
        scene.targets.repair(name)
        if name == "sandbox":
            let_sandbox_run_free(scene)
        scene.harms.append(Harm(name, recovery_s(scene, since=at)))
        say(
            f"{at - began:>6.0f}  {name:<18}{lasts_s:>6.1f}{scene.harms[-1].recovered_s:>15.1f}"
            f"{len(scene.shop.tally.made):>9}{scene.load.waiting:>9}"
        )
        scene.targets.tend_for(scene.chance.uniform(1, 6))


def recovery_s(scene: Scene, *, since: float) -> float:
    """Wait until an order that was made after the harm is created, paid, booked and delivered."""
    whole = threading.Event()
    while not whole.is_set() and time.monotonic() - since < GIVEN_UP_SECONDS:
        scene.targets.tend()
        scene.probes += 1
        number = f"probe-{scene.probes}"
        threading.Thread(target=probe, args=(scene, number, whole), daemon=True).start()
        whole.wait(1.0)
    return time.monotonic() - since


def probe(scene: Scene, number: str, whole: threading.Event) -> None:
    until = time.monotonic() + GIVEN_UP_SECONDS
    order = order_of(number, random.Random(number))  # noqa: S311
    invoice = scene.shop.create(order, until=until)
    if invoice is None or not invoice.get("payment_url"):
        return
    scene.shop.pay(invoice["payment_url"], until=until)
    if wait_until(lambda: scene.receiver.heard_that_paid(invoice["id"]), seconds=120):
        whole.set()


def let_sandbox_run_free(scene: Scene) -> None:
    """Lift the limits of a sandbox that starts; it forgets them with its process."""
    wait_until(lambda: processes.answers(f"{scene.sandbox}/limits"), seconds=60)
    lift_limits(scene.sandbox)


def lift_limits(control: str) -> None:
    """Make both gateways of a sandbox take any number of calls."""
    for gateway in ("xendit", "midtrans"):
        unlimited = {"gateway": gateway, "per_minute": 0}
        requests.post(f"{control}/limits", json=unlimited, timeout=30).raise_for_status()


@contextmanager
def sandbox_faults(scene: Scene) -> Iterator[None]:
    """Let the gateways do wrong now and then, to orders but not to probes, within the block."""
    over = threading.Event()
    chance = random.Random(scene.chance.random())  # noqa: S311  # repeatable

    def go_wrong() -> None:
        while not over.wait(chance.uniform(1, 5)):
            fault = {
                "gateway": chance.choice(["xendit", "midtrans"]),
                "fault": chance.choice(SANDBOX_FAULTS),
                "match": {"external_id": "order-*"},
            }
            try:
                command(scene, "faults", fault)
            except requests.RequestException:
                continue  # it is away itself

    thread = threading.Thread(target=go_wrong)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    requests.delete(f"{scene.sandbox}/faults", timeout=10)


def command(scene: Scene, name: str, body: dict[str, Any]) -> None:
    requests.post(f"{scene.sandbox}/{name}", json=body, timeout=10).raise_for_status()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
