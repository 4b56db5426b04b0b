"""Logs: one JSON line per record on standard error, secrets masked, one line per request."""

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import msgspec
import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from paytrust.operations import tracing
from paytrust.web.client_address import client_address_of
from paytrust.web.request_id import request_id_of

log = structlog.get_logger(__name__)

MASK = "[masked]"
SECRET_NAMES = re.compile(
    r"(api|admin|server)[_-]?key$|authorization|token|secret|password|passwd|pepper"
    r"|key_hash|key_digest|signature|cookie",
    re.IGNORECASE,
)
SECRET_VALUES = re.compile(
    r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])"  # our API keys
    r"|ptk_live_[0-9A-Za-z]+"  # in their other form
    r"|xnd_[A-Za-z0-9_]+"
    r"|(?:SB-)?Mid-(?:server|client)-[A-Za-z0-9_-]+"
    r"|\b(?:Basic|Bearer) [A-Za-z0-9+/=._~-]{8,}"
    r"|\$argon2id\$[A-Za-z0-9+/=$,]+"
    r"|(?<=://)[^\s:/@\"]*:[^\s@\"]+(?=@)"  # user:password in a URL
)
QUIET_ROUTES = frozenset({"healthz", "readyz"})  # machines ask these every few seconds
# This task runs each second and mostly finds nothing; it logs itself what it finds.
QUIET_TASKS = frozenset({"events.hand_out_deliveries"})


def configure(*, level: str) -> None:
    """Send structlog's and the standard library's records through one JSON formatter.

    The stream is the process's own standard error, because Celery replaces `sys.stderr` by a
    logger.
    """
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    output = logging.StreamHandler(sys.__stderr__)
    output.addFilter(_is_worth_a_line)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_ANNOTATE,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_secrets,
                _render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level.upper())
    logging.getLogger("django.request").setLevel(logging.ERROR)  # the request log has the 4xx
    for name in ("gunicorn.error", "django.server"):  # set up before, with their own handlers
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.captureWarnings(capture=True)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Return whether a record says more than that Celery sent, took or ended a quiet task."""
    if record.levelno > logging.INFO or not record.name.startswith("celery."):
        return True
    if record.name == "celery.beat":
        return not isinstance(record.args, tuple) or QUIET_TASKS.isdisjoint(record.args)
    return getattr(record, "data", {}).get("name") not in QUIET_TASKS


def mask_secrets(
    logger: object, method_name: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask values that are secret by their name; `_render` masks those secret by form."""
    for name, value in event.items():
        if isinstance(value, Mapping):
            event[name] = mask_secrets(logger, method_name, dict(value))
        elif isinstance(value, str | bytes) and SECRET_NAMES.search(name):
            event[name] = MASK
    return event


def masked(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Return a value with all secrets in it masked, by name and by form, however deep."""
    if isinstance(value, Mapping):
        return {
            name: MASK if SECRET_NAMES.search(str(name)) and inner else masked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(inner) for inner in value]
    if isinstance(value, str):  # halves of surrogate pairs cannot be written
        return SECRET_VALUES.sub(MASK, value.encode(errors="replace").decode())
    return value


def _render(_logger: object, _method_name: str, event: MutableMapping[str, Any]) -> str:
    return SECRET_VALUES.sub(MASK, _ENCODER.encode(event).decode())


class RequestLogMiddleware:
    """Writes one line per request: who (bound by authentication), what, how long, its status.

    The request is also a span of the trace.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        attributes = {
            "http.request.method": request.method,
            "paytrust.request_id": request_id_of(request),
        }
        with tracing.span("request", attributes) as span:
            response = self._get_response(request)
            tracing.describe(span, request, response)
        route = request.resolver_match.route if request.resolver_match else None
        if route not in QUIET_ROUTES or response.status_code >= 400:
            log.info(
                "request",
                method=request.method,
                route=route,
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
                ip=client_address_of(request),
            )
        return response


_ANNOTATE: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_PROCESSORS: list[structlog.typing.Processor] = [  # one list object, because loggers keep it
    structlog.stdlib.filter_by_level,
    *_ANNOTATE,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]
_ENCODER = msgspec.json.Encoder(enc_hook=repr)
