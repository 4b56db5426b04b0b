"""GET /metrics in Prometheus's text format; all processes share the counters in Redis."""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest, registry
from prometheus_client.metrics_core import Metric as PrometheusMetric

from paytrust.operations import shared_state
from paytrust.web import problems

log = structlog.get_logger(__name__)

PREFIX: Final = "paytrust_"
COUNTERS: Final = "paytrust:metrics"  # a hash: field is name and labels, value the count
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HELP: Mapping[str, str] = {
    "webhooks_refused": "notifications refused because their proof was missing or wrong",
    "rate_limiter_let_through": "requests that passed uncounted while the rate limiter was away",
    "gateway_busy": "calls that were not made because the account's budget was used up",
    "gateway_calls_over_limit": "calls that a gateway answered 429",
    "gateway_calls": "calls to a gateway, by whether it served them",
    "gateway_call_seconds": "seconds spent waiting for a gateway",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. The name of a counter gets the ending `_total` when it is shown."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
    kind: str = "gauge"
    suffix: str = ""  # of a histogram's sample: _bucket, _count or _sum


Collector = Callable[[datetime], Iterable[Metric]]


def count(name: str, *, by: int = 1, **labels: str) -> bool:
    """Count occurrences for all processes together; return whether Redis took the count."""
    total = shared_state.with_redis(
        lambda redis: redis.hincrby(COUNTERS, name + _written(labels), by), otherwise=None
    )
    return total is not None


def exposition(*collectors: Collector) -> Callable[[HttpRequest], HttpResponseBase]:
    """Make the view that shows the counters and the present figures of each collector."""

    @problems.read_only
    def show(request: HttpRequest) -> HttpResponseBase:
        if not _may_read(request):
            return problems.not_found(request)
        now = timezone.now()
        found = [metric for collector in collectors for metric in _collected(collector, now)]
        return HttpResponse(render([*_counters(), *found]), content_type=CONTENT_TYPE)

    return show


def _may_read(request: HttpRequest) -> bool:
    """Return whether the caller has METRICS_TOKEN, or is inside where no token is set.

    Inside means past no proxy: our own adds X-Forwarded-For to what comes from the Internet.
    """
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    return not (settings.TRUSTED_PROXIES and "X-Forwarded-For" in request.headers)


def render(metrics: Iterable[Metric]) -> str:
    """Write metrics in Prometheus's format, those with the same name together."""
    by_name: dict[str, list[Metric]] = {}
    for metric in metrics:
        by_name.setdefault(metric.name, []).append(metric)
    writer = CollectorRegistry(auto_describe=False)
    writer.register(_Found([_family(name, group) for name, group in by_name.items()]))
    return generate_latest(writer).decode()


class _Found(registry.Collector):
    """The figures in the form that the library's writer needs."""

    def __init__(self, families: Iterable[PrometheusMetric]) -> None:
        self._families = families

    def collect(self) -> Iterable[PrometheusMetric]:
        return self._families


def _family(name: str, group: Sequence[Metric]) -> PrometheusMetric:
    kind = group[0].kind
    family = PrometheusMetric(f"{PREFIX}{name}", group[0].help, kind)
    for one in group:
        suffix = "_total" if kind == "counter" else one.suffix
        family.add_sample(f"{PREFIX}{name}{suffix}", dict(one.labels), one.value)
    return family


def _collected(collector: Collector, now: datetime) -> list[Metric]:
    """Return what a collector finds; nothing while the database does not answer."""
    try:
        return list(collector(now))
    except DatabaseError as error:
        log.warning("metrics without the database", reason=str(error))
        return []


def _counters() -> list[Metric]:
    nothing: dict[Any, Any] = {}
    kept = shared_state.with_redis(lambda redis: redis.hgetall(COUNTERS), otherwise=nothing)
    metrics = []
    for key, value in sorted(kept.items()):
        name, brace, labels = key.partition("{")
        metrics.append(
            Metric(
                name,
                float(value),
                labels=_read(brace + labels),
                help=HELP.get(name, ""),
                kind="counter",
            )
        )
    return metrics


def _written(labels: Mapping[str, str]) -> str:
    """Write labels in Prometheus's format; their values are our own and need no escapes."""
    inside = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{{{inside}}}" if inside else ""


def _read(labels: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in labels.strip("{}").split(",") if pair]
    return {name: value.strip('"') for name, _, value in pairs}
