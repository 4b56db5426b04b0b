"""From measurements to figures. Pure arithmetic."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Round:
    """One measured round of one subject."""

    requests: int
    seconds: float
    latencies_ms: Sequence[float]
    cpu_ms: Mapping[str, float]  # per request, by server

    @property
    def total_cpu_ms(self) -> float:
        return sum(self.cpu_ms.values())


@dataclass(frozen=True, slots=True)
class Figures:
    """What several rounds of one subject say."""

    per_second: float
    p50_ms: float | None  # None where no caller waits for an answer
    p95_ms: float | None
    p99_ms: float | None
    cpu_ms: Mapping[str, float]  # per request, by server

    @property
    def total_cpu_ms(self) -> float:
        return sum(self.cpu_ms.values())


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of `values` that at least `percent` % of them do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]


def summary(rounds: Sequence[Round]) -> Figures:
    """Return medians over rounds, of speed and CPU, and percentiles over all latencies."""
    latencies = [latency for one in rounds for latency in one.latencies_ms]
    p50, p95, p99 = (percentile(latencies, p) if latencies else None for p in (50, 95, 99))
    return Figures(
        per_second=median(one.requests / one.seconds for one in rounds),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        cpu_ms={name: median(one.cpu_ms[name] for one in rounds) for name in rounds[0].cpu_ms},
    )


def cpu_ratio(subject: Sequence[Round], reference: Sequence[Round]) -> float:
    """Return how many times the reference's CPU the subject uses: the median over paired rounds.

    Rounds that follow each other share whatever else the machine was doing.
    """
    return median(
        ours.total_cpu_ms / theirs.total_cpu_ms
        for ours, theirs in zip(subject, reference, strict=True)
    )
