"""gunicorn's worker, which tells what it refuses by itself in the API's one error shape."""

import json
import socket
import uuid
from http import HTTPStatus

from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.workers.gthread import ThreadWorker

from paytrust.web.request_id import HEADER

Failures = type[Exception] | tuple[type[Exception], ...]

OURS = (
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "internal_error",
    "Something went wrong on our side. Report the request_id if it happens again.",
)
REFUSALS: tuple[tuple[Failures, tuple[HTTPStatus, str, str]], ...] = (
    (
        errors.LimitRequestLine,
        (
            HTTPStatus.REQUEST_URI_TOO_LONG,
            "uri_too_long",
            "The address is too long. Ask with fewer or shorter parameters.",
        ),
    ),
    (
        errors.LimitRequestHeaders,
        (
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "The headers are too large. Send fewer, each shorter than 8 KiB.",
        ),
    ),
    ((errors.InvalidResponseHeader, errors.InvalidResponseHeaderName), OURS),
    (
        errors.ParseException,
        (HTTPStatus.BAD_REQUEST, "invalid_request", "This is not a well-formed HTTP request."),
    ),
    (Exception, OURS),
)
"""What is told of a failure: by the first kind that fits."""


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves as gunicorn's own; the errors that never reach Django are JSON too."""

    def handle_error(
        self,
        req: Request | None,
        client: socket.socket,
        addr: tuple[str, int] | None,
        exc: Exception,
    ) -> None:
        """Answer a request that could not be read, or that failed outside the application."""
        status, code, message = next(told for kind, told in REFUSALS if isinstance(exc, kind))
        request_id = uuid.uuid4().hex
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("request %s failed", request_id, exc_info=exc)
        else:
            self.log.warning("request %s refused: %s", request_id, type(exc).__name__)
        body = {"error": code, "message": message, "details": {}, "request_id": request_id}
        try:
            util.write_nonblock(client, _answer(status, json.dumps(body).encode(), request_id))
        except OSError:
            self.log.debug("nobody waits for the answer to request %s", request_id)


def _answer(status: HTTPStatus, body: bytes, request_id: str) -> bytes:
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"{HEADER}: {request_id}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
