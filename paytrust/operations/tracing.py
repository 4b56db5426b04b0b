"""Traces by OpenTelemetry: the parts of one piece of work, in all processes.

A trace begins where a request or a job begins. Celery's messages carry it from the web to the
workers, and an event's row carries it to its deliveries. Without a collector nothing of
OpenTelemetry is imported. Neither gateways nor merchants receive its ids, and none is taken from
a caller.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Attributes = Mapping[str, str | int | None]


class _Tracing:
    """What makes spans in this process, once there is a collector."""

    def __init__(self) -> None:
        self.tracer: Any = None
        self.spread: Any = None  # writes and reads a trace's ids as W3C's traceparent


_on = _Tracing()


def start() -> None:
    """Send this process's spans to the collector that the settings name, if they name one."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT or _on.tracer is not None:
        return
    from opentelemetry import trace  # noqa: PLC0415  # costs memory and time to import
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.instrumentation.celery import CeleryInstrumentor  # noqa: PLC0415
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "paytrust"}))
    endpoint = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]
    _on.tracer, _on.spread = trace.get_tracer(__name__), TraceContextTextMapPropagator()


def is_on() -> bool:
    """Return whether this process traces."""
    return _on.tracer is not None


def span(
    name: str, attributes: Attributes, *, parent: str | None = None
) -> AbstractContextManager[Any]:
    """Return a context in which a part of the work is timed; yields None where nothing traces.

    Args:
        name: what is done; one of few, without ids.
        attributes: ids and counts, never what people wrote or a secret.
        parent: what `current_parent` returned where the work began; by default the span around.
    """
    if _on.tracer is None:
        return nullcontext()
    around = None if parent is None else _on.spread.extract({"traceparent": parent})
    known = {key: value for key, value in attributes.items() if value is not None}
    made: AbstractContextManager[Any] = _on.tracer.start_as_current_span(
        name, context=around, attributes=known
    )
    return made


def current_parent() -> str | None:
    """Return the span around as a W3C traceparent (55 characters), to be kept in a row."""
    if _on.tracer is None:
        return None
    carrier: dict[str, str] = {}
    _on.spread.inject(carrier)
    return carrier.get("traceparent")


def describe(span: Any, request: HttpRequest, response: HttpResponseBase) -> None:  # noqa: ANN401  # OpenTelemetry's, or None
    """Name the span of a request by its route, which has no ids and no query."""
    if span is None:
        return
    route = request.resolver_match.route if request.resolver_match else None
    span.update_name(str(request.method) if route is None else f"{request.method} /{route}")
    span.set_attribute("http.response.status_code", response.status_code)
