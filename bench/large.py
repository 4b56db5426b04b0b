"""Invoices made and read where there are ten million already, beside a database with few.

The first run writes these rows into a stack of its own, and later runs find them again.
"""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import figures, past, stack
from bench.figures import Round
from bench.invoices import creations, made
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.stack import made_key
from bench.table import Row, Target

INVOICES = int(os.environ.get("BENCH_INVOICES") or 10_000_000)
LIMIT = 1.2  # times the CPU where there are few
TENANT = 7  # the one of the past whose invoices are made and read
POSTS, GETS = 120, 400  # per round


@dataclass(frozen=True, slots=True)
class Place:
    """A stack, a merchant's key, and invoices of that merchant."""

    bench: Bench
    api_key: str
    ids: Sequence[int]

    def subjects(self) -> Iterator[tuple[Subject, int]]:
        """Yield what is measured, and the requests of a round."""
        yield Subject("POST /invoices", lambda n: creations(self.api_key, n), 201), POSTS
        yield Subject("GET /invoices/{id}", self._reads), GETS

    def _reads(self, count: int) -> list[Request]:
        header = {"X-API-Key": self.api_key}
        return [
            Request("GET", f"/invoices/{pk}", "", header)
            for pk in random.choices(self.ids, k=count)  # noqa: S311  # nosec B311  # no secret
        ]


def run(bench: Bench) -> list[Row]:
    """Measure both stacks in turns; the first run writes the past, which takes some minutes."""
    with stack.running(bench.stack.state.with_name(f"bench-large-{INVOICES}")) as large:
        past.write(large.database_url, invoices=INVOICES, after="")
        among_many = Place(
            Bench(large, bench.generator, bench.rounds),
            made_key(large, f"Merchant {TENANT}"),
            range(past.FIRST + past.TENANTS + TENANT, past.FIRST + INVOICES, past.TENANTS),
        )
        among_few = Place(bench, bench.stack.api_key, made(bench))
        pairs = zip(among_few.subjects(), among_many.subjects(), strict=True)
        return [
            row
            for (few, size), (many, _) in pairs
            for row in _compared((among_few.bench, few), (among_many.bench, many), size)
        ]


def _compared(few: tuple[Bench, Subject], many: tuple[Bench, Subject], size: int) -> list[Row]:
    taken: tuple[list[Round], list[Round]] = ([], [])
    places = (few, many)
    for turn in range(-1, few[0].rounds):  # the first turn only warms up
        for at in (0, 1) if turn % 2 else (1, 0):
            bench, subject = places[at]
            measured = bench.measured(subject, size=size)
            if turn >= 0:
                taken[at].append(measured)
    ratio = figures.cpu_ratio(taken[1], taken[0])
    name = few[1].name
    return [
        Row(f"{name}, few rows", figures.summary(taken[0])),
        Row(
            f"{name}, {INVOICES:,} invoices",
            figures.summary(taken[1]),
            Target("x CPU with few", LIMIT, ratio),
        ),
    ]
