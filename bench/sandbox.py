"""Commands to the sandbox that stands in for the gateways."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any


def command(port: int, path: str, fields: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401  # any JSON value
    """Send a command to the sandbox's control API, or ask it if there are no fields."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/control/{path}",
        data=None if fields is None else json.dumps(fields).encode(),
        headers={"Content-Type": "application/json"},
    )
    loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never by a proxy
    with loopback.open(request, timeout=30) as answer:
        return json.load(answer)
