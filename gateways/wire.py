"""HTTP to a gateway: one session per account, time-outs, exact numbers, typed failures."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import msgspec
import requests
import structlog
from requests.adapters import HTTPAdapter

from gateways.adapter import GatewayRejected, GatewayTimeout, GatewayUnavailable

log = structlog.get_logger(__name__)

CONNECT_SECONDS, READ_SECONDS = 3, 10  # spec 2.3
POOL_SIZE = 64  # at least as many as threads may wait for one gateway

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decoder = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway answered: its HTTP status and its JSON."""

    status: int
    body: Any


class GatewaySession:
    """Speaks JSON to one gateway account. Never retries by itself: a retry may charge twice."""

    def __init__(self, *, gateway: str, user: str) -> None:
        self.gateway = gateway
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (user, "")
        self._session.headers["Accept"] = "application/json"
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=POOL_SIZE, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def send(
        self,
        method: str,
        url: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read its JSON answer, whatever its status below 500.

        Raises:
            GatewayTimeout: no answer in time; the outcome is unknown.
            GatewayUnavailable: no connection, a broken one, 5xx, 429, or no JSON. Unless the
                connection was refused the outcome is unknown: search before asking again.
        """
        try:
            response = self._session.request(
                method,
                url,
                params=params,
                data=None if json is None else _encode(json),
                headers={"Content-Type": "application/json"},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.ConnectTimeout as error:
            raise GatewayUnavailable(self.gateway, "no connection within 3 s") from error
        except requests.Timeout as error:
            raise GatewayTimeout(self.gateway, "no answer within 10 s") from error
        except requests.RequestException as error:
            reason = f"connection failed ({type(error).__name__})"
            raise GatewayUnavailable(self.gateway, reason) from error
        return self._read(response)

    def _read(self, response: requests.Response) -> Answer:
        status = response.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise GatewayUnavailable(self.gateway, "too many requests (HTTP 429)")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.ACCEPTED:
            raise GatewayUnavailable(self.gateway, f"it answered HTTP {status}")
        try:
            return Answer(status, _decoder.decode(response.content))
        except msgspec.DecodeError as error:
            raise GatewayUnavailable(
                self.gateway, f"it answered HTTP {status} without JSON"
            ) from error


def rejected(gateway: str, *, status: int, code: object, message: object) -> GatewayRejected:
    """Return the refusal to raise; wrong credentials are ours to repair, so they are an error."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        log.error("gateway refuses our credentials", gateway=gateway, http_status=status, code=code)
    return GatewayRejected(gateway, gateway_code=str(code), gateway_message=str(message))
