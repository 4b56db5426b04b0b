"""The one table that all benchmarks fill, as text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.figures import Figures

SERVERS = ("web", "postgres", "valkey", "worker")
DRF, SQL = "lean DRF", "plain SQL"
REFERENCES = (DRF, SQL)  # whose CPU a row's is compared with
HEADINGS = (
    *("benchmark", "per s", "p50 ms", "p95 ms", "p99 ms"),
    *(f"{server} ms" for server in SERVERS),
    *("CPU ms", "x DRF", "x SQL"),
    *("target", "measured", ""),
)
NUMBERS = len(HEADINGS) - 3  # columns up to the last number
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that must not be missed; `what` says what it is, with its unit."""

    what: str
    limit: float
    measured: float
    at_least: bool = False  # else at most

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g} {self.what}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    figures: Figures
    target: Target | None = None
    ratios: Mapping[str, float] = field(default_factory=dict)  # of CPU, by one of REFERENCES


def text_of(rows: Sequence[Row]) -> str:
    """Lay the rows out for a terminal."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 0 < column < NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def json_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows for `bench-results.json`, targets with their verdict."""
    return [
        {
            "name": row.name,
            **asdict(row.figures),
            "total_cpu_ms": row.figures.total_cpu_ms,
            "ratios": dict(row.ratios),
            "target": row.target and {**asdict(row.target), "met": row.target.met},
        }
        for row in rows
    ]


def _cells(row: Row) -> tuple[str, ...]:
    figures, target = row.figures, row.target
    numbers = (
        *(figures.per_second, figures.p50_ms, figures.p95_ms, figures.p99_ms),
        *(figures.cpu_ms.get(server) for server in SERVERS),
        figures.total_cpu_ms,
        *(row.ratios.get(reference) for reference in REFERENCES),
    )
    verdict = ("", "", "")
    if target:
        verdict = (str(target), f"{target.measured:.2f}", "met" if target.met else "MISSED")
    return (row.name, *map(_number, numbers), *verdict)


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
