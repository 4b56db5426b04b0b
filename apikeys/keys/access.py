"""How a request uses an API key: collected in steps, written down when the outcome is known."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.audit import recording
from apikeys.models import ApiKey
from apikeys.tenants import wall
from paytrust.web.client_address import client_address_of
from paytrust.web.request_id import request_id_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a bucket stands after a request."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int  # until the oldest request counted leaves the window

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


@dataclass(slots=True)
class Use:
    """A request's use of a key that we know, whether it was accepted or refused."""

    api_key: ApiKey
    refusal: str | None = None  # why the key was refused
    standing: Standing | None = None


def note_use(request: Request, api_key: ApiKey, *, refusal: str | None = None) -> None:
    """Remember which key a request sent."""
    request._request.api_key_use = Use(api_key, refusal)  # type: ignore[attr-defined]  # noqa: SLF001


def note_standing(request: Request, standing: Standing | None) -> None:
    """Remember how the request's key stands with its limit."""
    use = _use_of(request._request)  # noqa: SLF001  # DRF's wrapper hides it
    if use is not None:
        use.standing = standing


class AccessMiddleware:
    """Ends each use of a key: adds the headers of its limit and writes the audit entry.

    If the entry cannot be written, that is logged. The answer is sent all the same, because what
    it says has happened.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            response = self._get_response(request)
        finally:
            wall.lower()
        use = _use_of(request)
        if use is None:
            return response
        if use.standing is not None:
            for name, value in use.standing.headers.items():
                response.headers[name] = value
        try:
            recording.record_use(
                api_key=use.api_key,
                caller=caller_of(request, actor=f"{use.api_key.key_prefix}..."),
                status_code=response.status_code,
                error=use.refusal or _error_of(response),
                authenticated=use.refusal is None,
                now=timezone.now(),
            )
        except Error:
            log.exception("use of a key not recorded", api_key_id=use.api_key.pk)
        return response


def caller_of(request: HttpRequest, *, actor: str) -> recording.Caller:
    """Return who calls and from where, for the audit log."""
    return recording.Caller(
        actor=actor,
        ip_address=client_address_of(request),
        method=request.method,
        path=request.path,
        request_id=request_id_of(request),
    )


def _use_of(request: HttpRequest) -> Use | None:
    return getattr(request, "api_key_use", None)


def _error_of(response: HttpResponseBase) -> str | None:
    if response.status_code < 400:
        return None
    body = response.data if isinstance(response, Response) else None
    return str(body["error"]) if isinstance(body, dict) and "error" in body else "error"
