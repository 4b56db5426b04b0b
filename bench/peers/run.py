"""PayTrust beside a plain FastAPI service with asyncpg, and beside the lean views, in one run."""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import psutil

from bench import figures, servers
from bench.figures import Round
from bench.invoices import BODY, GETS, LEAN, POSTS, creations, readings
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.stack import CannotMeasure
from bench.table import DRF, SQL, Row
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port

PYTHON: Final = PROJECT / "build" / "peer-tools" / "bin" / "python"
PROCESSES: Final = 2  # as many as the stack's web has
PATIENCE_SECONDS: Final = 30
FASTAPI: Final = "  FastAPI and asyncpg"
JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Contender:
    """Something to measure, and the servers that answer it."""

    bench: Bench
    subject: Subject


def run(bench: Bench) -> list[Row]:
    """Measure creations and reads of invoices, by turns; then print the memory of each service.

    Raises:
        CannotMeasure: the service's environment is not there, or it did not start.
    """
    with _peer(bench) as beside:
        rows = [*_posts(bench, beside), *_gets(bench, beside)]
        for name, stack in (("PayTrust and the lean views", bench.stack), (FASTAPI, beside.stack)):
            used_mb = servers.private_megabytes(stack.servers["web"])
            sys.stdout.write(f"Memory of the web processes of {name.strip()}: {used_mb:.0f} MB\n")
    return rows


def _posts(bench: Bench, beside: Bench) -> list[Row]:
    key = bench.stack.api_key
    return _measured(
        [
            Contender(bench, Subject("POST /invoices", lambda n: creations(key, n), 201)),
            *_lean(bench, lambda path, n: [Request("POST", path, BODY, JSON)] * n, 201),
            Contender(
                beside,
                Subject(FASTAPI, lambda n: [Request("POST", "/invoices", BODY, JSON)] * n, 201),
            ),
        ],
        size=POSTS,
    )


def _gets(bench: Bench, beside: Bench) -> list[Row]:
    reads = readings(bench)
    return _measured(
        [
            Contender(bench, Subject("GET /invoices/{id}", reads)),
            *_lean(bench, lambda path, n: reads(n, path), 200),
            Contender(beside, Subject(FASTAPI, reads)),
        ],
        size=GETS,
    )


def _lean(
    bench: Bench, requests: Callable[[str, int], list[Request]], status: int
) -> list[Contender]:
    return [
        Contender(bench, Subject(LEAN[DRF], lambda n: requests("/lean/drf", n), status)),
        Contender(bench, Subject(LEAN[SQL], lambda n: requests("/lean/sql", n), status)),
    ]


def _measured(contenders: list[Contender], *, size: int) -> list[Row]:
    """Measure each once a round, by turns; the first, shorter round only warms up."""
    for one in contenders:
        one.bench.measured(one.subject, size=size // 4)
    taken: dict[str, list[Round]] = {one.subject.name: [] for one in contenders}
    for turn in range(contenders[0].bench.rounds):
        first = turn % len(contenders)
        for one in (*contenders[first:], *contenders[:first]):
            taken[one.subject.name].append(one.bench.measured(one.subject, size=size))
    return [
        Row(
            name,
            figures.summary(rounds),
            ratios={of: figures.cpu_ratio(rounds, taken[LEAN[of]]) for of in (DRF, SQL)},
        )
        for name, rounds in taken.items()
    ]


@contextmanager
def _peer(bench: Bench) -> Iterator[Bench]:
    """Run the FastAPI service on the stack's database; return the bench that measures it."""
    if not PYTHON.exists():
        raise CannotMeasure(f"{PYTHON} is not there. Use `make bench-peers`, which makes it.")
    port = free_port()
    serving = [
        *(str(PYTHON), "-m", "uvicorn", "bench.peers.app:app", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", str(PROCESSES), "--log-level", "warning"),
    ]
    environment = os.environ | {"DATABASE_URL": bench.stack.database_url}
    with subprocess.Popen(serving, cwd=PROJECT, env=environment) as process:
        try:
            _wait_for(port)
            web = psutil.Process(process.pid)
            stack = replace(bench.stack, port=port, servers={**bench.stack.servers, "web": web})
            yield replace(bench, stack=stack)
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by a proxy
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            loopback.open(f"http://127.0.0.1:{port}/openapi.json", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise CannotMeasure(f"FastAPI did not answer within {PATIENCE_SECONDS} s.")
