"""The same calls with PgBouncer between web and PostgreSQL, and without."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import psutil

from bench import figures
from bench.invoices import creations, readings
from bench.rounds import Bench, Subject
from bench.stack import CannotMeasure, free_port
from bench.table import Row, Target
from paytrust.localstack import cluster, embedded, processes, stack

LIMIT: Final = 1.05  # times the CPU without it, that of PgBouncer included
SIZE: Final = 120  # per round
WHAT: Final = "x CPU without PgBouncer"


def run(bench: Bench) -> list[Row]:
    """Measure POST and GET of an invoice by two web processes, one of them behind PgBouncer."""
    with _behind_pgbouncer(bench) as pooled:
        return [*_compared(bench, pooled, _post(bench)), *_compared(bench, pooled, _get(bench))]


def _post(bench: Bench) -> Subject:
    return Subject("POST /invoices", lambda n: creations(bench.stack.api_key, n), 201)


def _get(bench: Bench) -> Subject:
    return Subject("GET /invoices/{id}", readings(bench))


def _compared(bench: Bench, pooled: Bench, subject: Subject) -> list[Row]:
    ways = {subject.name: bench, f"{subject.name}, PgBouncer": pooled}
    for way in ways.values():
        way.measured(subject, size=SIZE // 4)  # warms up
    taken: dict[str, list[figures.Round]] = {name: [] for name in ways}
    for turn in range(bench.rounds):
        for name, way in list(ways.items())[:: -1 if turn % 2 else 1]:
            taken[name].append(way.measured(subject, size=SIZE))
    plain, through = taken.values()
    target = Target(WHAT, LIMIT, figures.cpu_ratio(through, plain))
    return [
        Row(name, figures.summary(rounds), target if rounds is through else None)
        for name, rounds in taken.items()
    ]


@contextmanager
def _behind_pgbouncer(bench: Bench) -> Iterator[Bench]:
    """Run a second web process, with the first one's settings, behind PgBouncer.

    Raises:
        CannotMeasure: PgBouncer is not installed.
    """
    try:
        cluster.require_programs()
    except cluster.ProgramMissing as missing:
        raise CannotMeasure(str(missing)) from None
    state, port = bench.stack.state, free_port()
    environment = bench.stack.servers["web"].environ()
    home = embedded.postgres_home(state) / "pooler"
    home.mkdir(mode=0o700, exist_ok=True)
    pgbouncer, through = cluster.start_pgbouncer(home, environment, free_port(), state / "logs")
    running = {"pgbouncer": pgbouncer}
    try:
        running["web"] = processes.spawn(
            ["-m", *stack.WEB, "--bind", f"127.0.0.1:{port}"],
            log=state / "logs" / "web-pooled.log",
            environment=environment | through,
        )
        _wait_for(running["web"], f"http://127.0.0.1:{port}/readyz")
        servers: dict[str, psutil.Process] = bench.stack.servers | running
        yield replace(bench, stack=replace(bench.stack, port=port, servers=servers))
    finally:
        processes.stop(running)


def _wait_for(web: psutil.Process, url: str) -> None:
    while not processes.answers(url):
        if processes.exit_code(web) is not None:
            raise CannotMeasure("The web process behind PgBouncer ended; see logs/web-pooled.log.")
        time.sleep(0.2)
