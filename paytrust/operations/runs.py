"""When jobs ran last and what they did, for `/metrics`. Kept in Redis, where it may be lost."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from paytrust.operations import shared_state
from paytrust.operations.metrics import Metric

KEY: Final = "paytrust:runs"  # a hash: field is the job, value its end and its count


def note(job: str, *, now: datetime, count: int) -> None:
    """Record that a job has ended well, and how many things it changed."""
    line = f"{now.timestamp():.0f} {count}"
    shared_state.with_redis(lambda client: client.hset(KEY, job, line), otherwise=0)


def collect(now: datetime) -> Iterator[Metric]:
    """Yield how long ago each job that was noted ran, and how much it changed."""
    nothing: dict[Any, Any] = {}
    kept = shared_state.with_redis(lambda client: client.hgetall(KEY), otherwise=nothing)
    for job, line in sorted(kept.items()):
        at, count = map(int, line.split())
        labels = {"job": job}
        yield Metric("job_age_seconds", now.timestamp() - at, labels, "time since its last run")
        yield Metric("job_changed", count, labels, "rows that its last run changed")
