"""What other merchants notice of an attack: half-open requests, hostile bodies, sign-in floods.

All of it goes on at once, from a process of its own, while merchants make and read invoices at a
pace that the server can serve (issue 15).
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Final

from bench import figures
from bench.figures import Round
from bench.invoices import creations
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.stack import Stack, made_key
from bench.table import Row, Target
from paytrust.localstack.embedded import PROJECT

LIMIT: Final = 3.0  # times the quiet p95
PER_SECOND: Final = 10
REQUESTS: Final = 120  # per round
READS, CREATIONS = "GET /invoices/{id}", "POST /invoices"


def run(bench: Bench) -> list[Row]:
    """Measure a merchant's reads and creations, quiet and under attack, by turns."""
    key = made_key(bench.stack, "Besieged")
    made = bench.generator.send(bench.stack.port, creations(key, 20), expect=201, keep_bodies=True)
    ids = [json.loads(body)["id"] for body in made.bodies]

    def reads(count: int) -> list[Request]:
        paths = islice(cycle(ids), count)
        return [Request("GET", f"/invoices/{pk}", "", {"X-API-Key": key}) for pk in paths]

    subjects = [Subject(READS, reads), Subject(CREATIONS, lambda n: creations(key, n), 201)]
    quiet: dict[str, list[Round]] = {subject.name: [] for subject in subjects}
    attacked: dict[str, list[Round]] = {subject.name: [] for subject in subjects}
    for subject in subjects:
        bench.measured(subject, size=REQUESTS // 4)
    for _ in range(bench.rounds):
        for subject in subjects:
            quiet[subject.name].append(_paced(bench, subject))
        with _attack(bench.stack):
            for subject in subjects:
                attacked[subject.name].append(_paced(bench, subject))
    return [row for subject in subjects for row in _rows(subject.name, quiet, attacked)]


def _paced(bench: Bench, subject: Subject) -> Round:
    return bench.measured(subject, size=REQUESTS, per_second=PER_SECOND)


def _rows(
    name: str, quiet: dict[str, list[Round]], attacked: dict[str, list[Round]]
) -> Iterator[Row]:
    calm, busy = figures.summary(quiet[name]), figures.summary(attacked[name])
    assert calm.p95_ms is not None
    assert busy.p95_ms is not None
    yield Row(f"{name}, quiet", calm)
    yield Row(
        f"{name}, under attack", busy, Target("x the quiet p95", LIMIT, busy.p95_ms / calm.p95_ms)
    )


@contextmanager
def _attack(stack: Stack) -> Iterator[None]:
    """Attack the web server with another merchant's key for the length of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.siege_process", str(stack.port), stack.api_key],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.kill()
