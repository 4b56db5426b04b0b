"""Stored notifications for operators, with their secrets masked."""

import json
from typing import Any

from paytrust.operations.logging import MASK, SECRET_NAMES, SECRET_VALUES
from paytrust.web import strict_json

LONGEST_SHOWN = 20_000  # bytes; a notification has a tenth of that


def shown_body(body: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Return a body as JSON with secrets masked; as text if it is not JSON, cut if it is long."""
    text = body[:LONGEST_SHOWN].decode(errors="replace")
    if len(body) > LONGEST_SHOWN:
        return _masked(f"{text} ... ({len(body)} bytes)")
    try:
        return _masked(json.loads(text, parse_float=strict_json.exact, parse_constant=str))
    except (ValueError, RecursionError):
        return _masked(text)


def _masked(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, dict):
        return {
            name: MASK if SECRET_NAMES.search(name) and inner else _masked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    if isinstance(value, str):  # halves of surrogate pairs cannot be written
        return SECRET_VALUES.sub(MASK, value.encode(errors="replace").decode())
    return value
