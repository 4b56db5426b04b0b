"""Gunicorn's worker: no slow caller holds a thread, and its refusals have our error shape."""

import json
import selectors
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

from paytrust.web.arrivals import Arrival, BodyTooLarge, TooSlow
from paytrust.web.callers import Callers
from paytrust.web.request_id import HEADER
from paytrust.web.turns import TooManyWaiting, Turns

RECEIVE_BYTES: Final = 64 * 1024
WRITE_SECONDS: Final = 30.0  # nothing more is sent after a piece that waits so long
LEAVE_SECONDS: Final = 2.0
CLOCK_SECONDS: Final = 0.5  # between two checks of the deadlines, and two signs of life
MOST_WAITING: Final = 0.9  # of all connections; threads are answering the others

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
    (
        BodyTooLarge,
        (
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "payload_too_large",
            "The body is too large. The connection is closed.",
        ),
    ),
    (
        TooSlow,
        (
            HTTPStatus.REQUEST_TIMEOUT,
            "request_timeout",
            "The request did not arrive in time. Send it again.",
        ),
    ),
    (
        TooManyWaiting,
        (
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate_limited",
            "Too many of your requests are refused. Correct them, and send fewer at once.",
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
    """Serves whole requests with threads; requests that never reach Django get JSON answers too.

    The loop collects a request's bytes, and gives the request to a thread when all of it is here. A
    caller that sends slowly, or not at all, gets an error after a while and keeps no thread waiting
    (ADR 27).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # gunicorn's own
        super().__init__(*args, **kwargs)
        self._waiting: dict[Any, Arrival] = {}  # by connection, the oldest first
        self._leaving: dict[Any, float] = {}  # until when the bytes that they send are thrown away
        self._looked_at_clocks = 0.0
        self._showed_life_at = 0.0
        self._callers = Callers()
        self._turns: Turns[Any] = Turns()
        self._in_thread = threading.local()

    def load_wsgi(self) -> None:
        """Load the application, and note for each thread the status that it answers last."""
        super().load_wsgi()
        application: Wsgi = self.wsgi  # type: ignore[has-type]  # gunicorn has no types
        self.wsgi = _noting_status(application, self._in_thread)

    # In the loop

    def notify(self) -> None:
        """Tell the arbiter that this worker lives; at each turn it would cost a request 2 %."""
        now = time.monotonic()
        if now - self._showed_life_at >= CLOCK_SECONDS:
            self._showed_life_at = now
            super().notify()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for connections, but no longer than until a caller that rested may go on."""
        rest = self._turns.seconds_to_next()
        super().wait_for_and_dispatch_events(timeout if rest is None else min(timeout, rest))
        self._serve_those_whose_turn_it_is()

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection; if there are too many, close the oldest unfinished one."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.served = 0
        self._wait_for_request(conn)
        if len(self._waiting) > self.worker_connections * MOST_WAITING:
            self._drop(next(iter(self._waiting)))

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:  # noqa: ANN401
        """Continue with a connection that was kept alive."""
        self.keepalived_conns.remove(conn)
        self.poller.unregister(client)
        self._wait_for_request(conn)

    def finish_request(self, conn: Any, ended: Any) -> None:  # noqa: ANN401  # a TConn, a Future
        """Keep a connection whose request was answered, or close it."""
        self._turns.ended(
            conn.caller,
            cpu_seconds=conn.cpu_seconds,
            refused=conn.status >= HTTPStatus.BAD_REQUEST,
        )
        self._callers.answered(conn.message.headers, conn.status)
        kept = not ended.cancelled() and ended.exception() is None and ended.result()
        if not kept or not self.alive:
            self._leave(conn)
            return
        conn.sock.setblocking(False)
        if conn.rest:
            self._wait_for_request(conn)
            return
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn)
        )

    def murder_pending(self) -> None:
        """End what has taken too long; a worker that stops also ends what has not begun."""
        now = time.monotonic()
        if now - self._looked_at_clocks < CLOCK_SECONDS:
            return
        self._looked_at_clocks = now
        for conn, arrival in list(self._waiting.items()):
            if not len(arrival) and arrival.message is None:
                if now > arrival.deadline or not self.alive:
                    self._drop(conn)
            elif now > arrival.deadline:
                self._refuse(conn, TooSlow())
        for conn, until in list(self._leaving.items()):
            if now > until:
                self._close(conn)

    def _wait_for_request(self, conn: Any) -> None:  # noqa: ANN401  # a TConn
        conn.served += 1
        self._waiting[conn] = Arrival(
            self.cfg,
            conn.client,
            body_limit_bytes=settings.REQUEST_BODY_LIMIT_BYTES,
            now=time.monotonic(),
            number=conn.served,
        )
        self.poller.register(conn.sock, selectors.EVENT_READ, lambda _socket: self._receive(conn))
        rest, conn.rest = getattr(conn, "rest", b""), b""
        if rest:
            self._feed(conn, rest)

    def _receive(self, conn: Any) -> None:  # noqa: ANN401  # a TConn
        try:
            received = conn.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if received:
            self._feed(conn, received)
        else:
            self._drop(conn)

    def _feed(self, conn: Any, received: bytes) -> None:  # noqa: ANN401  # a TConn
        arrival = self._waiting[conn]
        try:
            rest = arrival.feed(received, now=time.monotonic())
        except Exception as failure:  # noqa: BLE001  # whatever it is, it is this caller's alone
            self._refuse(conn, failure)
            return
        if rest is None:
            if arrival.asks_for_body():
                self._send(conn, b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        del self._waiting[conn]
        self.poller.unregister(conn.sock)
        conn.message, conn.rest = arrival.message, rest
        conn.cpu_seconds, conn.status = 0.0, 0
        connected_from = conn.client[0] if isinstance(conn.client, tuple) else ""
        conn.caller = self._callers.name_of(
            conn.message.headers, connected_from, conn.message.path or ""
        )
        try:
            self._turns.arrived(conn.caller, conn)
        except TooManyWaiting as failure:
            self._answer_and_leave(conn, failure)

    def _serve_those_whose_turn_it_is(self) -> None:
        for conn in self._turns.due(all_of_them=not self.alive):
            self.enqueue_req(conn)

    def _refuse(self, conn: Any, failure: Exception) -> None:  # noqa: ANN401  # a TConn
        del self._waiting[conn]
        self.poller.unregister(conn.sock)
        self._answer_and_leave(conn, failure)

    def _answer_and_leave(self, conn: Any, failure: Exception) -> None:  # noqa: ANN401  # a TConn
        self.handle_error(None, conn.sock, conn.client, failure)
        self._leave(conn)

    def _leave(self, conn: Any) -> None:  # noqa: ANN401  # a TConn
        """End a connection, but read for a moment more, or a reset may arrive before the answer."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            conn.close()
            return
        self._leaving[conn] = time.monotonic() + LEAVE_SECONDS
        self.poller.register(conn.sock, selectors.EVENT_READ, lambda _socket: self._discard(conn))

    def _discard(self, conn: Any) -> None:  # noqa: ANN401  # a TConn
        try:
            received = conn.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._close(conn)

    def _drop(self, conn: Any) -> None:  # noqa: ANN401  # a TConn
        self._waiting.pop(conn, None)
        self._close(conn)

    def _close(self, conn: Any) -> None:  # noqa: ANN401  # a TConn
        self._leaving.pop(conn, None)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    # In a thread

    def handle(self, conn: Any) -> bool:  # noqa: ANN401  # a TConn
        """Answer a request that is whole; return whether its connection may be kept."""
        self._in_thread.status = HTTPStatus.INTERNAL_SERVER_ERROR
        began = time.thread_time()
        try:
            return self._handle(conn)
        finally:
            conn.cpu_seconds = time.thread_time() - began
            conn.status = self._in_thread.status

    def _handle(self, conn: Any) -> bool:  # noqa: ANN401  # a TConn
        try:
            conn.sock.settimeout(WRITE_SECONDS)  # for each piece of the answer
            kept: bool = self.handle_request(conn.message, conn)
        except StopIteration:
            return False
        except OSError as error:
            self.log.debug("nobody reads the answer: %s", error)
            return False
        except Exception as failure:  # noqa: BLE001  # answered as what it is
            self.handle_error(conn.message, conn.sock, conn.client, failure)
            return False
        return kept and not conn.message.should_close()

    def handle_error(
        self,
        req: Request | None,
        client: socket.socket,
        addr: tuple[str, int] | None,
        exc: Exception,
    ) -> None:
        """Answer a request that could not be read, or that failed outside the application."""
        status, code, message = next(refusal for kind, refusal in REFUSALS if isinstance(exc, kind))
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

    def _send(self, conn: Any, text: bytes) -> None:  # noqa: ANN401  # a TConn
        try:
            conn.sock.send(text)
        except OSError:
            self._drop(conn)


Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def _noting_status(application: Wsgi, in_thread: threading.local) -> Wsgi:
    def noting(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, *arguments: Any) -> Any:  # noqa: ANN401  # WSGI's own
            in_thread.status = int(status[:3])
            return start_response(status, *arguments)

        return application(environ, start)

    return noting


def _answer(status: HTTPStatus, body: bytes, request_id: str) -> bytes:
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"{HEADER}: {request_id}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
