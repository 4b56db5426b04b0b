"""Faults of a caller's connection: it gets no answer, or it breaks."""

import errno
import select
import socket
import struct
import time
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

LOOK_EVERY_SECONDS = 0.25
HANDOVER_SECONDS = 0.05  # so that the first half arrives before the reset discards it


def hang(request: HttpRequest, seconds: float) -> None:
    """Send nothing for so many seconds, or until the caller closes the connection."""
    connection = _socket_of(request)
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        pause = min(left, LOOK_EVERY_SECONDS)
        if connection is None:
            time.sleep(pause)
        elif select.select([connection], [], [], pause)[0]:
            if not connection.recv(1, socket.MSG_PEEK):
                return
            time.sleep(pause)


def reset(request: HttpRequest) -> StreamingHttpResponse:
    """Return a response that is never sent: the connection is reset instead."""
    return StreamingHttpResponse(_broken(request, b""))


def reset_half_way(request: HttpRequest, whole: HttpResponse) -> StreamingHttpResponse:
    """Return a response whose connection breaks after half of the body."""
    half = StreamingHttpResponse(
        _broken(request, whole.content[: len(whole.content) // 2]),
        status=whole.status_code,
        headers=dict(whole.items()),
    )
    half["Content-Length"] = str(len(whole.content))
    return half


def _broken(request: HttpRequest, beginning: bytes) -> Iterator[bytes]:
    if beginning:
        yield beginning
        time.sleep(HANDOVER_SECONDS)
    connection = _socket_of(request)
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    raise ConnectionResetError(errno.ECONNRESET, "reset on request of a fault rule")


def _socket_of(request: HttpRequest) -> socket.socket | None:
    connection = request.META.get("gunicorn.socket")
    return connection if isinstance(connection, socket.socket) else None
