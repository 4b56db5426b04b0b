"""One POST to a merchant, to the address that was checked; it ends within 15 seconds.

No proxy, no redirect, no cookie, no second try, and no connection kept for another delivery.
"""

import functools
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from events.deliveries import addresses
from events.deliveries.addresses import Address, Rules, Target, UrlNotAllowed

CONNECT_SECONDS: Final = 3.0  # with the look-up of the name and the TLS handshake
TOTAL_SECONDS: Final = 15.0  # a body that trickles in is cut off after it
LONGEST_ANSWER: Final = 1024  # bytes; what is kept of an answer
_LATE: Final = f"no whole answer within {TOTAL_SECONDS:.0f} s"

Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a POST: an HTTP status, or why there is none."""

    status: int | None
    error: str | None
    body: bytes = b""
    retry_after: str | None = None
    duration_ms: int = 0


class _Failed(Exception):
    """There is no answer; the message says why."""


def resolve(host: str, port: int) -> list[str]:
    """Ask for a name's addresses once.

    Raises:
        OSError: there is none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def post(
    *,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    rules: Rules,
    resolve: Resolve = resolve,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Send a body and read the answer. Never raises for a fault of the other side.

    Args:
        url: an endpoint's.
        headers: beside Host, Content-Length and Connection.
        body: what is sent.
        rules: where it may go.
        resolve: asks for a name's addresses.
        context: whom TLS trusts; everybody that browsers trust unless given.

    Source: spec 9.5, 9.6.
    """
    started = time.monotonic()
    try:
        target = addresses.target_of(url, rules=rules)
        checked = addresses.require_open(_addresses(target, resolve), target=target)
        with _connected(target, checked, context or _trusted(), started) as connection:
            answer = _exchange(connection, target, headers, body)
    except (UrlNotAllowed, _Failed) as failed:
        answer = Answer(status=None, error=str(failed))
    except (OSError, http.client.HTTPException, ValueError) as error:
        answer = Answer(status=None, error=_in_words(error))
    elapsed = time.monotonic() - started
    if elapsed >= TOTAL_SECONDS:
        answer = Answer(status=None, error=_LATE)
    return replace(answer, duration_ms=round(elapsed * 1000))


def _addresses(target: Target, resolve: Resolve) -> list[str]:
    """Resolve a name in a separate thread: the system's look-up has no time-out."""
    if target.literal is not None:
        return [target.host]
    found: list[str] = []
    failures: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(resolve(target.host, target.port))
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if thread.is_alive():
        raise _Failed(f"the name could not be looked up within {CONNECT_SECONDS:.0f} s")
    if failures:
        raise _Failed(f"the name could not be looked up: {failures[0].strerror or failures[0]}")
    return list(found)


@contextmanager
def _connected(
    target: Target, checked: list[Address], context: ssl.SSLContext, started: float
) -> Iterator[socket.socket]:
    """Connect to the first address that answers, and end everything when the time is over."""
    plain = _dialled(checked, target.port, until=started + CONNECT_SECONDS)
    # A time-out is for each read alone; this ends them all, and a TLS handshake too.
    guard = plain.dup()
    ending = threading.Timer(max(started + TOTAL_SECONDS - time.monotonic(), 0), _end, [guard])
    ending.daemon = True
    ending.start()
    try:
        plain.settimeout(TOTAL_SECONDS)
        connection = plain
        if target.is_tls:
            connection = _secured(plain, target, context, until=started + CONNECT_SECONDS)
        with connection:
            yield connection
    finally:
        ending.cancel()
        guard.close()
        plain.close()


def _dialled(checked: list[Address], port: int, *, until: float) -> socket.socket:
    error: OSError = TimeoutError()
    for address in checked:
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection((str(address), port), timeout=left)
        except OSError as failure:
            error = failure
    if isinstance(error, TimeoutError):
        raise _Failed(f"no connection within {CONNECT_SECONDS:.0f} s")
    raise _Failed(f"no connection: {error.strerror or type(error).__name__}")


def _secured(
    plain: socket.socket, target: Target, context: ssl.SSLContext, *, until: float
) -> ssl.SSLSocket:
    """Start TLS with the host name, not with its address."""
    plain.settimeout(max(until - time.monotonic(), 0.1))
    try:
        secured = context.wrap_socket(plain, server_hostname=target.host)
    except TimeoutError as error:
        raise _Failed(f"no TLS handshake within {CONNECT_SECONDS:.0f} s") from error
    except ssl.SSLCertVerificationError as error:
        raise _Failed(f"the certificate is not valid: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise _Failed(f"no TLS handshake: {error.reason}") from error
    secured.settimeout(TOTAL_SECONDS)
    return secured


def _exchange(
    connection: socket.socket, target: Target, headers: Mapping[str, str], body: bytes
) -> Answer:
    speaker = http.client.HTTPConnection(target.host, target.port)
    speaker.sock = connection
    speaker.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
    for name, value in {
        "Host": target.authority,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }.items():
        speaker.putheader(name, value)
    speaker.endheaders(body)
    with speaker.getresponse() as response:
        return Answer(
            status=response.status,
            error=None,
            body=_beginning(response),
            retry_after=response.getheader("Retry-After"),
        )


def _beginning(response: http.client.HTTPResponse) -> bytes:
    """Read the part of an answer that is kept; one that breaks off after its status counts."""
    with suppress(http.client.HTTPException, ConnectionError):
        return response.read(LONGEST_ANSWER)
    return b""


def _end(guard: socket.socket) -> None:
    with suppress(OSError):
        guard.shutdown(socket.SHUT_RDWR)


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return _LATE
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, OSError):
        return f"the connection broke: {error.strerror or type(error).__name__}"
    return f"the answer is no HTTP: {type(error).__name__}"


@functools.cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
