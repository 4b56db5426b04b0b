"""What a second web process adds, where each is a small machine: it may use a tenth of a core.

PostgreSQL, Valkey, the sandbox and those who call share what is left, so they are not what a web
process waits for, even on two cores. Each process has its own callers, as behind a proxy that deals
requests out evenly. The kernel's control groups hold the processes to their share.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from bench import figures, load
from bench.cpu import Meter
from bench.figures import Round
from bench.invoices import creations, readings
from bench.load import Generator, Request
from bench.pooler import wait_for
from bench.rounds import Bench
from bench.stack import CannotMeasure
from bench.table import Row, Target
from paytrust.localstack import processes, stack
from paytrust.localstack.ports import free_port

SHARE: Final = 0.1  # of a core, for each web process
LEAST: Final = 1.7  # times the requests a second of one
SATURATED: Final = 0.9  # of its share that one must have used, else something else was slow
GROUPS: Final = Path("/sys/fs/cgroup/cpu")
PERIOD_US: Final = 50_000
MIXED: Final = 4  # readings for each invoice that is made
POSTS, GETS = 50, 150  # per round and process
NAMES: Final = {1: "one web process", 2: "two web processes"}


@dataclass(frozen=True, slots=True)
class _Web:
    process: psutil.Process
    port: int
    generator: Generator


def run(bench: Bench) -> list[Row]:
    """Measure POST and GET of an invoice, and both mixed, by one and by two web processes."""
    reads = readings(bench)
    key = bench.stack.api_key

    def mixed(count: int) -> list[Request]:
        made = iter(creations(key, count))
        return [
            next(made) if number % (MIXED + 1) == 0 else read
            for number, read in enumerate(reads(count))
        ]

    with _webs(bench) as webs:
        return [
            *_rows(bench, webs, "POST /invoices", lambda n: creations(key, n), POSTS),
            *_rows(bench, webs, "GET /invoices/{id}", reads, GETS),
            *_rows(bench, webs, "one POST, four GET", mixed, GETS),
        ]


def _rows(
    bench: Bench,
    webs: Sequence[_Web],
    name: str,
    requests: Callable[[int], list[Request]],
    size: int,
) -> list[Row]:
    _measured(bench, webs, requests, size // 4)  # warms up
    taken: dict[int, list[Round]] = {count: [] for count in NAMES}
    for turn in range(bench.rounds):
        for count in sorted(NAMES, reverse=turn % 2 == 1):
            taken[count].append(_measured(bench, webs[:count], requests, size))
    pairs = zip(taken[1], taken[2], strict=True)
    targets = {
        1: Target("of its share used", SATURATED, median(map(_used, taken[1])), at_least=True),
        2: Target(
            "x requests of one",
            LEAST,
            median(two.requests / two.seconds / (one.requests / one.seconds) for one, two in pairs),
            at_least=True,
        ),
    }
    return [
        Row(f"{name}, {NAMES[count]}", figures.summary(rounds), targets[count])
        for count, rounds in taken.items()
    ]


def _measured(
    bench: Bench, webs: Sequence[_Web], requests: Callable[[int], list[Request]], size: int
) -> Round:
    """Let each process answer as many requests, at the same time."""
    orders = [requests(size) for _ in webs]
    servers = {str(web.port): web.process for web in webs}
    meter = Meter(servers | {name: bench.stack.servers[name] for name in ("postgres", "valkey")})
    began = time.perf_counter()
    with ThreadPoolExecutor(len(webs)) as callers:
        answers = list(
            callers.map(
                lambda web, order: web.generator.send(web.port, order, expect=None), webs, orders
            )
        )
    seconds = time.perf_counter() - began
    used = meter.milliseconds_since_start(per=size * len(webs))
    for answered in answers:
        if answered.statuses.keys() - {"200", "201"}:
            raise load.UnexpectedAnswer(f"Some requests failed: {answered.statuses}")
    return Round(
        requests=size * len(webs),
        seconds=seconds,
        latencies_ms=[latency for answered in answers for latency in answered.latencies_ms],
        cpu_ms={
            "web": sum(used[name] for name in servers),
            "postgres": used["postgres"],
            "valkey": used["valkey"],
        },
    )


def _used(one: Round) -> float:
    return one.cpu_ms["web"] * one.requests / 1000 / one.seconds / SHARE


@contextmanager
def _webs(bench: Bench) -> Iterator[list[_Web]]:
    """Run two web processes of one worker each, beside the stack's own, and callers for each.

    Raises:
        CannotMeasure: this system has no control groups that we may make.
    """
    environment = bench.stack.servers["web"].environ() | {"WEB_CONCURRENCY": "1"}
    with load.generator() as first, load.generator() as second, _groups() as groups:
        running: dict[str, psutil.Process] = {}
        webs = []
        try:
            for generator, group in zip((first, second), groups, strict=True):
                port = free_port()
                web = running[f"web-{port}"] = processes.spawn(
                    ["-m", *stack.WEB, "--bind", f"127.0.0.1:{port}"],
                    log=bench.stack.state / "logs" / f"web-{port}.log",
                    environment=environment,
                )
                wait_for(web, f"http://127.0.0.1:{port}/readyz")
                for process in (web, *web.children(recursive=True)):
                    (group / "cgroup.procs").write_text(str(process.pid))
                webs.append(_Web(web, port, generator))
            yield webs
        finally:
            processes.stop(running)


@contextmanager
def _groups() -> Iterator[list[Path]]:
    """Make a control group for each web process, each with its share; remove them at the end."""
    made: list[Path] = []
    try:
        for number in NAMES:
            group = GROUPS / f"paytrust-bench-{number}-{time.time_ns()}"
            try:
                group.mkdir()
                made.append(group)
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(round(PERIOD_US * SHARE)))
            except OSError as refused:
                raise CannotMeasure(
                    f"web_processes needs root and the cpu controller of cgroup v1: {refused}"
                ) from None
        yield made
    finally:
        for group in made:
            group.rmdir()
