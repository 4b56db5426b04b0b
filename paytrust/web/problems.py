"""The one shape of every error answer, from all parts of PayTrust. Codes: `docs/problems.md`."""

import functools
import math
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import structlog
from django.conf import settings
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response

from paytrust.errors import PayTrustError
from paytrust.web import strict_json
from paytrust.web.request_id import request_id_of

if TYPE_CHECKING:  # DRF imports this module while it is being loaded
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)

SAFE_METHODS = ("GET", "HEAD")
MOST_ERRORS = 100  # of one answer
RETRY_AFTER_SECONDS = 5  # how long a caller should wait while the database does not answer
CODING_LENGTH = 40  # how much of a foreign Content-Encoding the answer repeats


class NotFound(PayTrustError):
    """There is nothing here. Check the path and the id."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class Forbidden(PayTrustError):
    """You may not do this."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class Unauthenticated(PayTrustError):
    """This call needs a key."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"


class InvalidRequest(PayTrustError):
    """The request is not valid. `details` names each field that is wrong."""


class MethodNotAllowed(PayTrustError):
    """This path does not take this method. The Allow header lists those that it takes."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"


class UnsupportedMediaType(PayTrustError):
    """The body's type is not supported. Send Content-Type: application/json."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class PayloadTooLarge(PayTrustError):
    """The body is too large."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "payload_too_large"


class RateLimited(PayTrustError):
    """Too many requests. Wait as long as the Retry-After header says."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "rate_limited"


class ServiceUnavailable(PayTrustError):
    """PayTrust cannot reach its database just now. Send the same request again in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "service_unavailable"
    resumable = True


class InternalError(PayTrustError):
    """Something went wrong on our side. Report the request_id if it happens again."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"


def error_response(exc: Exception, context: dict[str, Any]) -> Response:
    """Answer an exception that a REST view raised; DRF's EXCEPTION_HANDLER.

    It also logs and answers bugs, so that no setting (DEBUG) can turn them into HTML.
    """
    request = _django_request(context)
    problem = problem_of(exc)
    headers = {**_headers_of(exc, context), **_headers_for(problem)}
    if isinstance(problem, InternalError):
        log.error("unexpected exception in a view", exc_info=exc)
        got_request_exception.send(sender=None, request=request)
    elif isinstance(problem, ServiceUnavailable):
        log.error("database not available", reason=str(exc), cause=type(exc.__cause__).__name__)
    return Response(_body(problem, request), status=problem.status, headers=headers)


def problem_of(exc: BaseException) -> PayTrustError:
    """Return the problem of an exception for the caller; a bug is an InternalError."""
    if isinstance(exc, PayTrustError):
        return exc
    if isinstance(exc, exceptions.ValidationError):
        return InvalidRequest(details=_details(exc.detail))
    if isinstance(exc, RequestDataTooBig):  # a kind of SuspiciousOperation
        return PayloadTooLarge()
    if isinstance(exc, DisallowedHost):  # the same
        return InvalidRequest("The Host header names no host that is served here.")
    if isinstance(exc, SuspiciousOperation | exceptions.ParseError):
        return InvalidRequest("The request cannot be read.")
    return next((kind() for causes, kind in _MEANINGS if isinstance(exc, causes)), InternalError())


def read_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer a writing method with 405 in this shape, before the view sees it."""

    @csrf_exempt  # the view changes nothing
    @functools.wraps(view)
    def guarded(request: HttpRequest, **path: str) -> HttpResponseBase:
        if request.method in SAFE_METHODS:
            return view(request, **path)
        refusal = answer(MethodNotAllowed(), request)
        refusal.headers["Allow"] = ", ".join(SAFE_METHODS)
        return refusal

    return guarded


@csrf_exempt  # so that a POST to no path is a 404, not a CSRF error
def not_found(
    request: HttpRequest,
    exception: Exception | None = None,  # noqa: ARG001  # handler404's signature
) -> HttpResponse:
    """Answer a path that does not exist; as the last URL pattern it also works with DEBUG."""
    return answer(NotFound(f"There is nothing at {request.path}."), request)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what Django itself refuses: a bad Host header, a body that is too large."""
    return answer(problem_of(exception or SuspiciousOperation()), request)


def permission_denied(
    request: HttpRequest,
    exception: Exception | None = None,  # noqa: ARG001  # handler403's signature
) -> HttpResponse:
    """Answer a call that is not allowed."""
    return answer(Forbidden(), request)


def csrf_failure(
    request: HttpRequest,
    reason: str = "",  # noqa: ARG001  # Django's signature
) -> HttpResponse:
    """Answer a form that was sent without its CSRF token (CSRF_FAILURE_VIEW)."""
    return answer(Forbidden("The form has expired. Load the page again and repeat."), request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an exception that no view answered. Django has logged it."""
    exception = sys.exc_info()[1]
    problem = problem_of(exception) if exception else InternalError()
    return answer(problem, request)


def answer(problem: PayTrustError, request: HttpRequest) -> HttpResponse:
    """Answer with a problem outside REST views: from middleware, plain views and handlers."""
    return HttpResponse(
        strict_json.encode(_body(problem, request)),
        status=problem.status,
        content_type="application/json",
        headers=_headers_for(problem),
    )


class BodyLimitMiddleware:
    """Refuses large bodies before they are read, and bodies whose type or length is not declared.

    Django takes a body without Content-Length (chunked) for an empty one. If the server says that
    it ends the stream itself, the middleware reads such a body, up to the limit. A view may have a
    lower limit (`body_limit_setting` names it).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._limit_bytes: int = settings.REQUEST_BODY_LIMIT_BYTES

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            if "HTTP_TRANSFER_ENCODING" in request.META:
                self._read_chunks(cast("WSGIRequest", request))
            if self._body_length(request) > self._limit_bytes:
                raise _too_large(self._limit_bytes)
        except PayTrustError as problem:
            return answer(problem, request)
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], *_arguments: object
    ) -> HttpResponse | None:
        """Refuse a body that is too large for its view, compressed, or not declared."""
        kind = getattr(view, "cls", None)
        limit_setting: str | None = getattr(kind, "body_limit_setting", None)
        length = self._body_length(request)
        if limit_setting and length > (limit_bytes := getattr(settings, limit_setting)):
            return answer(_too_large(limit_bytes), request)
        if getattr(kind, "takes_any_body", False) or not length:
            return None
        if coding := _coding_of(request):
            refusal = answer(
                UnsupportedMediaType(
                    f"A body with Content-Encoding: {coding} is not taken. Send it as it is.",
                    details={"content_encoding": [f"{coding} is not supported"]},
                ),
                request,
            )
            refusal.headers["Accept-Encoding"] = "identity"
            return refusal
        if request.META.get("CONTENT_TYPE"):
            return None
        return answer(UnsupportedMediaType(), request)

    def _body_length(self, request: HttpRequest) -> int:
        length: str = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()):
            raise InvalidRequest("The Content-Length header is not a number.")
        return int(length[:20])

    def _read_chunks(self, request: WSGIRequest) -> None:
        if not request.environ.get("wsgi.input_terminated"):
            raise InvalidRequest("This server takes no chunked bodies. Send Content-Length.")
        body = request.environ["wsgi.input"].read(self._limit_bytes + 1)
        if len(body) > self._limit_bytes:
            raise _too_large(self._limit_bytes)
        request._stream = BytesIO(body)  # noqa: SLF001  # no public way
        request.META["CONTENT_LENGTH"] = str(len(body))


def _too_large(limit_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {limit_bytes} bytes.")


_MEANINGS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[PayTrustError]], ...] = (
    ((Http404, exceptions.NotFound), NotFound),
    ((PermissionDenied, exceptions.PermissionDenied), Forbidden),
    ((exceptions.NotAuthenticated, exceptions.AuthenticationFailed), Unauthenticated),
    (exceptions.MethodNotAllowed, MethodNotAllowed),
    (exceptions.UnsupportedMediaType, UnsupportedMediaType),
    (exceptions.Throttled, RateLimited),
    ((OperationalError, InterfaceError), ServiceUnavailable),
)


def _coding_of(request: HttpRequest) -> str:
    """Return how the body is compressed, such as `gzip`; empty if it is not."""
    named: str = request.META.get("HTTP_CONTENT_ENCODING", "")
    coding = named.strip().lower()
    return "" if coding == "identity" else coding[:CODING_LENGTH]


def _body(problem: PayTrustError, request: HttpRequest | None) -> dict[str, Any]:
    return {
        "error": problem.code,
        "message": str(problem),
        "details": problem.details,
        "request_id": request_id_of(request),
    }


def _details(detail: object) -> dict[str, Any]:
    """Return what is wrong, place by place; for many errors, the first ones and a number."""
    named = detail if isinstance(detail, dict) else {"non_field_errors": detail}
    counted = _Counted()
    shown: dict[str, Any] = counted.first_of(named)
    if counted.left_out:
        shown["more"] = [*shown.get("more", []), f"{counted.left_out} more errors are not shown."]
    return shown


class _Counted:
    """Keeps the first errors of a tree and counts the others."""

    def __init__(self) -> None:
        self.shown = self.left_out = 0

    def first_of(self, named: Mapping[Any, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, inner in named.items():
            if isinstance(inner, Mapping):
                if found := self.first_of(inner):
                    kept[name] = found
            elif self.shown < MOST_ERRORS:
                self.shown += 1
                kept[name] = inner
            else:
                self.left_out += 1
        return kept


def _django_request(context: dict[str, Any]) -> HttpRequest | None:
    request = context.get("request")
    return cast("HttpRequest | None", getattr(request, "_request", request))


def _headers_of(exc: Exception, context: dict[str, Any]) -> dict[str, str]:
    """Return the headers that only the raised exception and its view know."""
    view: APIView | None = context.get("view")
    if isinstance(exc, exceptions.Throttled):
        wait_seconds: float | None = getattr(exc, "wait", None)
        return {"Retry-After": str(math.ceil(wait_seconds))} if wait_seconds else {}
    if isinstance(exc, exceptions.MethodNotAllowed) and view:
        return {"Allow": ", ".join(view.allowed_methods)}
    if problem_of(exc).status == HTTPStatus.UNAUTHORIZED and view:
        scheme = view.get_authenticate_header(context["request"])
        return {"WWW-Authenticate": scheme} if scheme else {}
    return {}


def _headers_for(problem: PayTrustError) -> dict[str, str]:
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(problem.retry_after_seconds or RETRY_AFTER_SECONDS)}
    return {}
