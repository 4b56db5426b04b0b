"""HTTP to a gateway: one session per account, time-outs, exact numbers, typed failures."""

import codecs
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from json import loads
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

import msgspec
import structlog
import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import exceptions

from gateways.adapter import (
    GatewayBusy,
    GatewayError,
    GatewayRejected,
    GatewayTimeout,
    GatewayUnavailable,
)
from gateways.budgets import pacing
from paytrust.operations import tracing
from paytrust.web import strict_json

log = structlog.get_logger(__name__)

CONNECT_SECONDS, READ_SECONDS = 3, 10  # spec 2.3
LONGEST_SECONDS = CONNECT_SECONDS + READ_SECONDS  # a body that trickles in is cut off after it
LONGEST_BODY = 4 * 1024 * 1024  # bytes; a list of invoices needs a hundredth
LARGEST_DOWNLOAD = 512 * 1024 * 1024  # bytes
LONGEST_DOWNLOAD_SECONDS = 600
POOL_SIZE = 64  # at least as many as threads may wait for one gateway

Params = Mapping[str, str | Sequence[str]]
"""A query; a name with several values is repeated."""

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)
"""What reading a message of another shape than documented raises."""

BYTE_ORDER_MARK = codecs.BOM_UTF8
_JSON_BODY = {"Content-Type": "application/json"}
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=strict_json.exact).decode


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway answered: its HTTP status and its JSON."""

    status: int
    body: Any

    @property
    def fields(self) -> Mapping[str, Any]:
        """The body's fields; none if it is no object."""
        return self.body if isinstance(self.body, dict) else {}


class GatewaySession:
    """Speaks JSON to one gateway account. Never retries by itself: a retry may charge twice."""

    def __init__(
        self,
        *,
        gateway: str,
        user: str,
        is_over_limit: Callable[[Mapping[str, Any]], bool] = lambda _body: False,
    ) -> None:
        """Prepare a session.

        Args:
            gateway: its code.
            user: the key, which Basic authentication takes as a user without a password.
            is_over_limit: returns whether a body means 429.
        """
        self.gateway, self._is_over_limit = gateway, is_over_limit
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Authorization": urllib3.make_headers(basic_auth=f"{user}:")["authorization"],
            "User-Agent": "PayTrust",
        }
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}  # by scheme, host and port

    def send(
        self,
        method: str,
        url: str,
        *,
        endpoint: str,
        json: Mapping[str, Any] | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read its JSON answer: any 2xx but 202, or a 4xx but 429.

        Each request is counted in the account's budget for its `endpoint`. A 429 changes that
        budget; if the caller can wait, the request is sent again, because nothing was made.

        Raises:
            GatewayBusy: the budget is used up, or the gateway says so.
            GatewayTimeout: no answer in time; the outcome is unknown.
            GatewayUnavailable: no connection, a broken one, 5xx, 429, or no JSON. Unless the
                connection was refused the outcome is unknown: search before asking again.
        """
        until = time.monotonic() + pacing.patience()
        attributes = {"server.name": self.gateway, "http.request.method": method}
        while True:
            pacing.take(endpoint, until=until)
            try:
                with tracing.span(f"gateway {endpoint}", attributes):
                    return self._send(
                        method, url, endpoint=endpoint, json=json, params=params, headers=headers
                    )
            except GatewayBusy as busy:
                if time.monotonic() + busy.wait_seconds > until:
                    raise

    def _send(
        self,
        method: str,
        url: str,
        *,
        endpoint: str,
        json: Mapping[str, Any] | None,
        params: Params | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        started = time.monotonic()
        address = urlsplit(url)
        path = address.path or "/"
        if params:
            path = f"{path}?{urlencode(params, doseq=True)}"
        own = {**self._headers, **(_JSON_BODY if json is not None else {}), **(headers or {})}
        try:
            with self._pool(f"{address.scheme}://{address.netloc}").urlopen(
                method,
                path,
                body=None if json is None else _encode(json),
                headers=own,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=False,
                redirect=False,
                preload_content=False,
            ) as response:
                content = self._content(response, until=started + LONGEST_SECONDS)
        except (exceptions.HTTPError, OSError) as error:
            raise self._failure(error) from error
        log.info(
            "gateway call",
            gateway=self.gateway,
            method=method,
            path=path,
            http_status=response.status,
            ms=round((time.monotonic() - started) * 1000, 1),
            gateway_request_id=response.headers.get("Request-Id"),  # for the gateway's support
        )
        return self._answer(response, content, endpoint)

    def download(self, url: str, into: IO[bytes], *, endpoint: str) -> None:
        """Copy a file that the gateway named; its host gets no key, and may not lead elsewhere.

        Raises:
            GatewayBusy: the budget is used up.
            GatewayTimeout, GatewayUnavailable: not all of the file came.
        """
        pacing.take(endpoint, until=time.monotonic())
        address = urlsplit(url)
        path = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
        until = time.monotonic() + LONGEST_DOWNLOAD_SECONDS
        copied = 0
        try:
            with self._pool(f"{address.scheme}://{address.netloc}").urlopen(
                "GET",
                path,
                headers={"User-Agent": self._headers["User-Agent"]},
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=False,
                redirect=False,
                preload_content=False,
            ) as response:
                if response.status != HTTPStatus.OK:
                    raise GatewayUnavailable(
                        self.gateway, f"its host of files answered HTTP {response.status}"
                    )
                while chunk := response.read1(65536, decode_content=True):
                    copied += len(chunk)
                    if copied > LARGEST_DOWNLOAD:
                        raise GatewayUnavailable(self.gateway, "its file is too long")
                    if time.monotonic() > until:
                        raise GatewayTimeout(self.gateway, "its file did not come in time")
                    into.write(chunk)
        except (exceptions.HTTPError, OSError) as error:
            raise self._failure(error) from error
        log.info("gateway file", gateway=self.gateway, host=address.hostname, bytes=copied)

    def _pool(self, origin: str) -> urllib3.HTTPConnectionPool:
        """Return the connections to a host, which are kept; no proxy of the machine's is used."""
        pool = self._pools.get(origin)
        if pool is None:
            checked = {"ca_certs": DEFAULT_CA_BUNDLE_PATH} if origin.startswith("https:") else {}
            made = urllib3.connection_from_url(origin, maxsize=POOL_SIZE, **checked)
            pool = self._pools.setdefault(origin, made)
        return pool

    def _content(self, response: urllib3.BaseHTTPResponse, *, until: float) -> bytes:
        """Read the body within a total time: time-outs of single reads never end a slow trickle."""
        content = bytearray()
        while chunk := response.read1(65536, decode_content=True):
            content += chunk
            if time.monotonic() > until:
                raise GatewayTimeout(self.gateway, f"no whole answer within {LONGEST_SECONDS} s")
            if len(content) > LONGEST_BODY:
                raise GatewayUnavailable(self.gateway, "its answer is too long")
        return bytes(content)

    def _failure(self, error: Exception) -> GatewayError:
        if isinstance(error, exceptions.NewConnectionError):  # refused, unreachable, no such host
            return GatewayUnavailable(self.gateway, "no connection; nothing was made")
        if isinstance(error, exceptions.ConnectTimeoutError):
            return GatewayUnavailable(
                self.gateway, f"no connection within {CONNECT_SECONDS} s; nothing was made"
            )
        if isinstance(error, exceptions.TimeoutError):
            return GatewayTimeout(
                self.gateway, f"no answer within {READ_SECONDS} s; the outcome is unknown"
            )
        kind = type(error).__name__
        return GatewayUnavailable(
            self.gateway, f"the connection broke ({kind}); the outcome is unknown"
        )

    def _answer(self, response: urllib3.BaseHTTPResponse, content: bytes, endpoint: str) -> Answer:
        status = response.status
        if status == HTTPStatus.TOO_MANY_REQUESTS:  # its body may be HTML
            raise pacing.refused(self.gateway, endpoint, response.headers)
        pacing.heed(endpoint, response.headers)
        taken = status < 300 and status != HTTPStatus.ACCEPTED  # 202: an earlier call still runs
        if not taken and not 400 <= status < 500:
            raise GatewayUnavailable(
                self.gateway, f"it answered HTTP {status}; the outcome is unknown"
            )
        try:
            answer = Answer(status, read_json(content))
        except ValueError as error:
            raise GatewayUnavailable(
                self.gateway, f"it answered HTTP {status} without JSON; the outcome is unknown"
            ) from error
        if self._is_over_limit(answer.fields):
            raise pacing.refused(self.gateway, endpoint, response.headers)
        return answer


def read_damaged(content: bytes) -> Mapping[str, Any]:
    """Read what is readable of a damaged JSON object, only to check its signature.

    Accepts half a surrogate, a stray byte and NaN, which exact parsing refuses.
    """
    try:
        message = loads(content.removeprefix(BYTE_ORDER_MARK).decode(errors="replace"))
        if isinstance(message, str):
            message = loads(message)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def read_json(content: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Read JSON as gateways write it; numbers with a fraction become Decimal.

    A byte order mark before it is skipped.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or has a number out of all proportion.
    """
    try:
        return _decode(content.removeprefix(BYTE_ORDER_MARK))
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_text(message: Mapping[str, Any], name: str) -> str:
    """Return a field that must be text which can be stored.

    Raises:
        KeyError: there is no such field.
        ValueError: it is no text, or an impossible one.
    """
    value = message[name]
    if not isinstance(value, str) or not 1 <= len(value) <= 255 or "\x00" in value:
        raise ValueError(f"{name} cannot be read")
    return value


def rejected(gateway: str, *, status: int, code: object, message: object) -> GatewayRejected:
    """Return the refusal to raise; wrong credentials are ours to repair, so they are an error."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        log.error("gateway refuses our credentials", gateway=gateway, http_status=status, code=code)
    return GatewayRejected(gateway, gateway_code=str(code), gateway_message=str(message))


def explained(error: Exception) -> str:
    """Return a text that says why a message cannot be read."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    return str(error) if isinstance(error, ValueError) else "a field has another form than known"
