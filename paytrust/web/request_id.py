"""Every request has an id, which is in its answer, in its errors and on each of its log lines."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from structlog import contextvars

HEADER = "X-Request-Id"
WELL_FORMED = re.compile(r"[\x21-\x7e]{1,128}")  # visible ASCII, no spaces


class RequestIdMiddleware:
    """Keeps the caller's X-Request-Id if it is well formed, else makes one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]  # read by request_id_of
        contextvars.clear_contextvars()
        contextvars.bind_contextvars(request_id=request_id)
        response = self._get_response(request)
        response.headers[HEADER] = request_id
        return response


def request_id_of(request: HttpRequest | None) -> str | None:
    """Return the id of a request, or None if it did not pass the middleware."""
    return getattr(request, "request_id", None)


def current_request_id() -> str | None:
    """Return the id of the request that this thread answers; None in jobs."""
    request_id: str | None = contextvars.get_contextvars().get("request_id")
    return request_id
