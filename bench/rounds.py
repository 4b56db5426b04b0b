"""Rounds of several subjects, taken in turns so that they share the machine's noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.cpu import Meter
from bench.figures import Round
from bench.load import Generator, Request
from bench.stack import Stack

SERVING = ("web", "postgres", "valkey", "pgbouncer")  # those that work for an answer


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to measure: a name and a maker of as many requests as are asked for."""

    name: str
    requests: Callable[[int], list[Request]]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Bench:
    """What benchmarks work with."""

    stack: Stack
    generator: Generator
    rounds: int
    is_long: bool = False

    def interleaved(self, subjects: Sequence[Subject], *, size: int) -> dict[str, list[Round]]:
        """Measure each subject once per round, by turns; the first, shorter round only warms up.

        Returns the rounds of each subject by its name, in the same order.
        """
        for subject in subjects:
            self.measured(subject, size=size // 4)
        taken: dict[str, list[Round]] = {subject.name: [] for subject in subjects}
        for turn in range(self.rounds):
            first = turn % len(subjects)
            for subject in (*subjects[first:], *subjects[:first]):
                taken[subject.name].append(self.measured(subject, size=size))
        return taken

    def measured(self, subject: Subject, *, size: int, per_second: float | None = None) -> Round:
        """Send one round of requests and read what they cost the servers that answer."""
        requests = subject.requests(size)
        servers = self.stack.servers
        meter = Meter({name: servers[name] for name in SERVING if name in servers})
        answered = self.generator.send(
            self.stack.port, requests, expect=subject.status, per_second=per_second
        )
        return Round(
            requests=len(requests),
            seconds=answered.seconds,
            latencies_ms=answered.latencies_ms,
            cpu_ms=meter.milliseconds_since_start(per=len(requests)),
        )
