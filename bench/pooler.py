"""The same calls with PgBouncer between web and PostgreSQL, and without.

PgBouncer before 1.21 knows no prepared statements, so web does not prepare through it. A second
web process does not either, without PgBouncer: it shows what of the difference comes from that.
The one behind PgBouncer is compared with the one that prepares as it does.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import psutil

from bench import figures
from bench.figures import Round
from bench.invoices import creations, readings
from bench.rounds import Bench, Subject
from bench.stack import CannotMeasure
from bench.table import Row, Target
from paytrust.localstack import cluster, embedded, processes, stack
from paytrust.localstack.ports import free_port

LIMIT: Final = 1.05  # times the CPU without it, that of PgBouncer included
SIZE: Final = 120  # per round
PLAIN, UNPREPARED, POOLED = "", ", nothing prepared", ", PgBouncer"


def run(bench: Bench) -> list[Row]:
    """Measure POST and GET of an invoice by three web processes, one of them behind PgBouncer."""
    key, reads = bench.stack.api_key, readings(bench)
    with _other_ways(bench) as others:
        ways = {PLAIN: bench, **others}
        return [
            *_rows(Subject("POST /invoices", lambda n: creations(key, n), 201), ways),
            *_rows(Subject("GET /invoices/{id}", reads), ways),
        ]


def _rows(subject: Subject, ways: Mapping[str, Bench]) -> list[Row]:
    for way in ways.values():
        way.measured(subject, size=SIZE // 4)  # warms up
    taken: dict[str, list[Round]] = {name: [] for name in ways}
    names = list(ways)
    for turn in range(ways[PLAIN].rounds):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            taken[name].append(ways[name].measured(subject, size=SIZE))
    behind = ways[POOLED].stack.servers["web"].environ()
    same = PLAIN if behind["DATABASE_PREPARED_STATEMENTS"] == "true" else UNPREPARED
    target = Target(f"x CPU{same}", LIMIT, figures.cpu_ratio(taken[POOLED], taken[same]))
    return [
        Row(f"{subject.name}{name}", figures.summary(rounds), target if name == POOLED else None)
        for name, rounds in taken.items()
    ]


@contextmanager
def _other_ways(bench: Bench) -> Iterator[dict[str, Bench]]:
    """Run two more web processes with the first one's settings, one of them behind PgBouncer.

    Raises:
        CannotMeasure: PgBouncer is not installed.
    """
    try:
        cluster.require_programs()
    except cluster.ProgramMissing as missing:
        raise CannotMeasure(str(missing)) from None
    state = bench.stack.state
    environment = bench.stack.servers["web"].environ()
    home = embedded.postgres_home(state) / "pooler"
    home.mkdir(mode=0o700, exist_ok=True)
    pgbouncer, through = cluster.start_pgbouncer(home, environment, free_port(), state / "logs")
    unprepared = {"DATABASE_PREPARED_STATEMENTS": "false"}
    running = {"pgbouncer": pgbouncer}
    ways = {}
    try:
        for name, changed in ((UNPREPARED, unprepared), (POOLED, through)):
            port = free_port()
            web = running[name] = processes.spawn(
                ["-m", *stack.WEB, "--bind", f"127.0.0.1:{port}"],
                log=state / "logs" / f"web-{port}.log",
                environment=environment | changed,
            )
            wait_for(web, f"http://127.0.0.1:{port}/readyz")
            servers = bench.stack.servers | {"web": web}
            if name == POOLED:
                servers["pgbouncer"] = pgbouncer
            ways[name] = replace(bench, stack=replace(bench.stack, port=port, servers=servers))
        yield ways
    finally:
        processes.stop(running)


def wait_for(web: psutil.Process, url: str) -> None:
    """Return once a web process answers.

    Raises:
        CannotMeasure: it ended.
    """
    while not processes.answers(url):
        if processes.exit_code(web) is not None:
            raise CannotMeasure("A second web process ended; its log is in the state's logs.")
        time.sleep(0.2)
