"""Raw calls to a gateway's test account, kept as fixtures in the form of tests/payloads."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth

from gateways.http import CONNECT_SECONDS, READ_SECONDS

KEPT_HEADERS = ("content-type", "rate-limit-limit", "rate-limit-remaining", "rate-limit-reset")
HIDDEN = "<test key>"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call and its answer."""

    note: str
    method: str
    path: str
    sent: Mapping[str, Any] | None
    status: int
    headers: Mapping[str, str]
    body: Any  # JSON, or text where it is none

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.body if isinstance(self.body, dict) else {}

    @property
    def rows(self) -> list[Any]:
        return self.body if isinstance(self.body, list) else []

    @property
    def code(self) -> str:
        """The code that counts: the body's own, else that of HTTP."""
        named = self.fields.get("status_code") or self.fields.get("error_code")
        return str(named or self.status)

    def shown(self) -> str:
        return f"HTTP {self.status}, {self.code}"


class Recorder:
    """Calls a gateway with a test account's key and keeps what was said; never repeats a call."""

    def __init__(self, *, secrets: tuple[str, ...]) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy or .netrc of the machine's
        self.exchanges: list[Exchange] = []

    def send(
        self,
        note: str,
        method: str,
        url: str,
        *,
        key: str | None,
        json: Mapping[str, Any] | None = None,
        params: list[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """Make one call.

        Raises:
            requests.RequestException: there was no answer.
        """
        answer = self._session.request(
            method,
            url,
            json=json,
            params=params,
            headers={"Accept": "application/json", **(headers or {})},
            auth=None if key is None else HTTPBasicAuth(key, ""),
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
        )
        asked = urlsplit(str(answer.request.url))
        exchange = Exchange(
            note=note,
            method=method,
            path=asked.path + (f"?{asked.query}" if asked.query else ""),
            sent=json,
            status=answer.status_code,
            headers={
                name: value
                for name, value in answer.headers.items()
                if name.lower() in KEPT_HEADERS
            },
            body=_body_of(answer),
        )
        self.exchanges.append(exchange)
        return exchange

    def write(self, folder: Path) -> list[Path]:
        """Write a fixture for each exchange; keys are left out."""
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for number, exchange in enumerate(self.exchanges, start=1):
            name = re.sub(r"[^a-z0-9]+", "_", exchange.note.lower()).strip("_")
            path = folder / f"{number:02}_{name[:60]}.json"
            path.write_text(self._hidden(json.dumps(_fixture(exchange), indent=2)) + "\n")
            written.append(path)
        return written

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def _body_of(answer: requests.Response) -> Any:  # noqa: ANN401  # any JSON value
    try:
        return answer.json()
    except ValueError:
        return answer.text


def _fixture(exchange: Exchange) -> dict[str, Any]:
    is_text = isinstance(exchange.body, str)
    return {
        "kind": "exchange",
        "note": exchange.note,
        "request": {
            "method": exchange.method,
            "path": exchange.path,
            "headers": {"Authorization": f"Basic {HIDDEN}", "Accept": "application/json"},
            "json": exchange.sent,
        },
        "response": {
            "status": exchange.status,
            "headers": dict(exchange.headers),
            **({"text": exchange.body} if is_text else {"json": exchange.body}),
        },
    }
