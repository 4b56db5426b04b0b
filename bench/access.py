"""What guards a request costs: key, limit, audit entry, and the database's own wall.

Each figure is a difference between the same view with and without them.
"""

import json
from dataclasses import replace
from itertools import cycle, islice
from statistics import median

from bench import figures
from bench.figures import Round
from bench.invoices import creations
from bench.load import Request
from bench.rounds import Bench, Subject
from bench.table import Row, Target

ALL_LIMIT_MS, LIMITER_LIMIT_MS, WALL_LIMIT_PERCENT = 2.0, 0.4, 10.0
GETS, POSTS = 240, 120  # per round
GUARDED, UNWALLED = "GET with every guard", "  without the database's wall"
UNLIMITED, BARE = "  nor the limiter", "  nor key and audit"
POST, POST_UNWALLED = "POST with every guard", "  without the database's wall, POST"


def run(bench: Bench) -> list[Row]:
    """Measure authentication, throttle, audit and row-level security."""
    return [*_gets(bench), *_posts(bench)]


def _gets(bench: Bench) -> list[Row]:
    key = {"X-API-Key": bench.stack.api_key}
    made = bench.generator.send(
        bench.stack.port, creations(bench.stack.api_key, 50), expect=201, keep_bodies=True
    )
    ids = [json.loads(body)["id"] for body in made.bodies]

    def reads(path: str, count: int) -> list[Request]:
        return [Request("GET", f"{path}/{pk}", "", key) for pk in islice(cycle(ids), count)]

    taken = bench.interleaved(
        [
            Subject(GUARDED, lambda n: reads("/invoices", n)),
            Subject(UNWALLED, lambda n: reads("/bare/unwalled", n)),
            Subject(UNLIMITED, lambda n: reads("/bare/unlimited", n)),
            Subject(BARE, lambda n: reads("/bare/item", n)),
        ],
        size=GETS,
    )
    targets = {
        GUARDED: _share("% CPU for the wall", taken[GUARDED], taken[UNWALLED]),
        UNWALLED: Target(
            "ms CPU for all but the wall", ALL_LIMIT_MS, _more_ms(taken[UNWALLED], taken[BARE])
        ),
        UNLIMITED: Target(
            "ms CPU for the limiter", LIMITER_LIMIT_MS, _more_ms(taken[UNWALLED], taken[UNLIMITED])
        ),
    }
    return [Row(name, figures.summary(rounds), targets.get(name)) for name, rounds in taken.items()]


def _posts(bench: Bench) -> list[Row]:
    def unwalled(count: int) -> list[Request]:
        made = creations(bench.stack.api_key, count)
        return [replace(request, path="/bare/invoices") for request in made]

    taken = bench.interleaved(
        [
            Subject(POST, lambda n: creations(bench.stack.api_key, n), 201),
            Subject(POST_UNWALLED, unwalled, 201),
        ],
        size=POSTS,
    )
    target = _share("% CPU for the wall", taken[POST], taken[POST_UNWALLED])
    return [
        Row(name, figures.summary(rounds), target if name == POST else None)
        for name, rounds in taken.items()
    ]


def _share(what: str, subject: list[Round], reference: list[Round]) -> Target:
    return Target(what, WALL_LIMIT_PERCENT, 100 * (figures.cpu_ratio(subject, reference) - 1))


def _more_ms(subject: list[Round], reference: list[Round]) -> float:
    """Return how much more CPU the subject uses: the median over paired rounds."""
    return median(
        ours.total_cpu_ms - theirs.total_cpu_ms
        for ours, theirs in zip(subject, reference, strict=True)
    )
