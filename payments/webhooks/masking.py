"""Stored notifications for operators, with their secrets masked."""

import json
from typing import Any

from paytrust.operations.logging import masked
from paytrust.web import strict_json

LONGEST_SHOWN = 20_000  # bytes; a notification has a tenth of that


def shown_body(body: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Return a body as JSON with secrets masked; as text if it is not JSON, cut if it is long."""
    text = body[:LONGEST_SHOWN].decode(errors="replace")
    if len(body) > LONGEST_SHOWN:
        return masked(f"{text} ... ({len(body)} bytes)")
    try:
        return masked(json.loads(text, parse_float=strict_json.exact, parse_constant=str))
    except (ValueError, RecursionError):
        return masked(text)
