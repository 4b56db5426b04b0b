"""How a request uses an API key: collected in steps, written down when the outcome is known."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

import structlog
from django.db import Error
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.audit import recording
from apikeys.keys.known import known_keys
from apikeys.models import ApiKey
from apikeys.tenants import wall
from apikeys.tenants.wall import Door
from paytrust.errors import PayTrustError
from paytrust.operations.trips import Statement, join
from paytrust.web.client_address import client_address_of
from paytrust.web.problems import answer, problem_of
from paytrust.web.request_id import request_id_of

log = structlog.get_logger(__name__)

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


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
    caller: recording.Caller
    door: Door | None = None  # what the first trip asks, if the key was not read for this request
    refusal: str | None = None  # why the key was refused
    standing: Standing | None = None
    entered: int | None = None  # the status in the audit entry that is written
    _at: datetime | None = None  # the time in the entry that was made last

    def entry(
        self,
        status: int,
        *,
        error: str | None = None,
        where: str = "true",
        values: Mapping[str, Any] = NOTHING,
    ) -> Statement:
        """Return what writes the audit entry of this use.

        Args:
            status: what is answered.
            error: the code of a refusal.
            where: SQL of a condition without which nothing is written.
            values: those of `where`.
        """
        self._at = timezone.now()
        return recording.use(
            api_key=self.api_key,
            caller=self.caller,
            status_code=status,
            error=self.refusal or error,
            authenticated=self.refusal is None,
            now=self._at,
            where=where,
            values=values,
        )

    def note_entry(self, status: int) -> None:
        """Take note that a trip with the entry took effect."""
        self.entered = status
        if self.refusal is None and self._at and recording.is_due(self.api_key, self._at):
            known_keys.note_use(digest=self.api_key.key_digest, at=self._at)


def note_use(
    request: Request, api_key: ApiKey, *, door: Door | None = None, refusal: str | None = None
) -> None:
    """Remember which key a request sent."""
    inner = request._request  # noqa: SLF001  # DRF's wrapper hides it
    caller = caller_of(inner, actor=f"{api_key.key_prefix}...")
    inner.api_key_use = Use(api_key, caller, door, refusal)  # type: ignore[attr-defined]


def use_of(request: Request) -> Use:
    """Return how a merchant's request uses its key."""
    use = _use_of(request._request)  # noqa: SLF001  # the same
    assert use is not None, "the view does not use ApiKeyAuthentication"
    return use


@contextmanager
def entered_along(
    request: Request, *, where: str = "true", values: Mapping[str, Any] = NOTHING
) -> Iterator[Statement]:
    """Write the audit entry of an answer 200 along with the trip that reads it.

    The trip gets the statement that is yielded. If the view fails in this context, or answers
    something else in the end, the entry of that is written after it, as for other requests.

    Args:
        request: of a view that only reads.
        where: SQL of a condition without which it will not be 200; %(tenant)s is the key's.
        values: the others of `where`.
    """
    use = use_of(request)
    condition = f"{where} AND {recording.UNHURRIED}"
    yield use.entry(HTTPStatus.OK, where=condition, values=values)
    use.note_entry(HTTPStatus.OK)


def note_standing(request: Request, standing: Standing | None) -> None:
    """Remember how the request's key stands with its limit."""
    use = _use_of(request._request)  # noqa: SLF001  # the same
    if use is not None:
        use.standing = standing


def must_read_key(request: Request) -> bool:
    """Return whether the request's key must be read, because what we remembered was out of date."""
    return getattr(request._request, "must_read_key", False)  # noqa: SLF001  # the same


class AccessMiddleware:
    """Ends each use of a key: adds the headers of its limit and writes the audit entry.

    If the key has changed since this process read it, nothing took effect: the request starts again
    and reads it (ADR 52). If the entry cannot be written, that is logged. The answer is sent all
    the same, because what it says has happened.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            response = self._answer(request)
            if response is None:
                wall.lower()
                request.api_key_use = None  # type: ignore[attr-defined]  # of a key that is no more
                request.must_read_key = True  # type: ignore[attr-defined]
                response = self._answer(request)
                assert response is not None, "a key that was read has no door"
            return response
        finally:
            wall.lower()

    def _answer(self, request: HttpRequest) -> HttpResponseBase | None:
        """Return the answer; None if the key is not any more what it was."""
        response = self._get_response(request)
        use = _use_of(request)
        if use is None:
            return response
        if use.door is not None and use.door.is_closed:
            return None
        if use.standing is not None:
            for name, value in use.standing.headers.items():
                response.headers[name] = value
        if use.entered == response.status_code:
            return response
        return self._entered(request, use, response)

    def _entered(
        self, request: HttpRequest, use: Use, response: HttpResponseBase
    ) -> HttpResponseBase | None:
        """Write the audit entry; if the key was not asked for yet, with that question."""
        asks = use.door is not None and not use.door.is_passed
        if not asks:
            wall.lower()
        status, error = response.status_code, _error_of(response)
        try:
            join(use.entry(status, error=error, where=recording.UNHURRIED))
        except Error as failure:
            if asks:  # the key may have ended
                return answer(problem_of(failure), request)
            log.exception("use of a key not recorded", api_key_id=use.api_key.pk)
        except PayTrustError:
            return None  # the door is closed
        else:
            use.note_entry(status)
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
