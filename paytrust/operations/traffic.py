"""How many requests were served, how fast and how they ended, for all web processes together.

A process counts in its memory and adds that to Redis once a second, so that a request waits for
nothing. While Redis is away the counts wait too.
"""

import atexit
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import accumulate
from typing import Any, Final

import redis
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from paytrust.operations import pools, shared_state
from paytrust.operations.metrics import Metric

KEY: Final = "paytrust:traffic"  # a hash: fields are those of `_requests_field` and `_time_field`
FLUSH_SECONDS: Final = 1.0
# Upper bounds in seconds: a read takes some ms, a payment page waits for a gateway for up to 10 s.
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
NO_ROUTE: Final = "none"  # no path of ours; the path itself could be anything
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SUM: Final = "us"  # of all times, in microseconds
_REQUESTS_HELP: Final = "requests answered"
_SECONDS_HELP: Final = "seconds from a request that has arrived to its answer"


class _Traffic:
    """What this process has counted and not yet added to the others' counts."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def add(self, counts: Mapping[str, int]) -> None:
        with self._lock:
            self._counts.update(counts)
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        with self._lock:
            counts, self._counts, self._timer = self._counts, Counter(), None
        if counts and not shared_state.with_redis(
            lambda client: _added(client, counts), otherwise=False
        ):
            with self._lock:
                self._counts.update(counts)  # the next request's timer tries again


_traffic = _Traffic()
flush = _traffic.flush
atexit.register(flush)


class TrafficMiddleware:
    """Counts each request, and says from time to time how the process's connections are used."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response = self._get_response(request)
        record(
            method=request.method or "",
            route=request.resolver_match.route if request.resolver_match else None,
            status=response.status_code,
            seconds=time.perf_counter() - started,
        )
        pools.report()
        return response


def record(*, method: str, route: str | None, status: int, seconds: float) -> None:
    """Count one request; `route` is its URL pattern, not its path."""
    method, route = method if method in METHODS else "other", route or NO_ROUTE
    _traffic.add(
        {
            f"requests|{method}|{route}|{status}": 1,
            f"seconds|{method}|{route}|{bisect_left(BUCKETS, seconds)}": 1,
            f"seconds|{method}|{route}|{_SUM}": round(seconds * 1_000_000),
        }
    )


def collect(_now: datetime) -> Iterator[Metric]:
    """Yield the requests by method, route and status, and their times as a histogram."""
    flush()
    nothing: dict[Any, Any] = {}
    times: dict[tuple[str, str], dict[str, int]] = {}
    kept = shared_state.with_redis(lambda client: client.hgetall(KEY), otherwise=nothing)
    for field, value in sorted(kept.items()):
        what, method, *inside, last = field.split("|")
        route = "|".join(inside)  # a pattern may have the sign that parts the fields
        if what == "requests":
            labels = {"method": method, "route": route, "status": last}
            yield Metric("http_requests", float(value), labels, _REQUESTS_HELP, "counter")
        else:
            times.setdefault((method, route), {})[last] = int(value)
    for (method, route), counts in times.items():
        yield from _histogram({"method": method, "route": route}, counts)


def _histogram(labels: Mapping[str, str], counts: Mapping[str, int]) -> Iterator[Metric]:
    """Yield the samples of one histogram: each bucket counts those below it too."""
    up_to = accumulate(counts.get(str(place), 0) for place in range(len(BUCKETS) + 1))
    samples: Iterable[tuple[str, float, dict[str, str]]] = [
        *(
            ("_bucket", number, {"le": bound})
            for bound, number in zip([*map(str, BUCKETS), "+Inf"], up_to, strict=True)
        ),
        ("_count", sum(number for place, number in counts.items() if place != _SUM), {}),
        ("_sum", counts.get(_SUM, 0) / 1_000_000, {}),
    ]
    for suffix, value, more in samples:
        yield Metric(
            "http_request_seconds",
            float(value),
            {**labels, **more},
            _SECONDS_HELP,
            "histogram",
            suffix=suffix,
        )


def _added(client: redis.Redis, counts: Mapping[str, int]) -> bool:
    with client.pipeline(transaction=True) as together:
        for field, number in counts.items():
            together.hincrby(KEY, field, number)
        together.execute()
    return True
