"""Examples in the documents. Tests make them: examples.json is what real calls were answered.

`{"operations": {operationId: {"request": body, "responses": {status: body}}}, "errors": {status:
body}}`; tests/paytrust/web/openapi/test_examples.py writes and compares it (`make examples`).
"""

import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from paytrust.web.openapi.errors import ANSWERS
from paytrust.web.openapi.generators import operations

FILE: Final = Path(__file__).with_name("examples.json")
JSON: Final = "application/json"


@cache
def recorded() -> dict[str, Any]:
    """Return the examples that the tests made."""
    made: dict[str, Any] = json.loads(FILE.read_text())
    return made


def attach(result: dict[str, Any], **_asked: object) -> dict[str, Any]:
    """Show each operation's recorded request and answers, and one error of each status."""
    for operation in operations(result):
        example = recorded()["operations"].get(operation["operationId"], {})
        if example.get("request") is not None and "requestBody" in operation:
            _show(operation["requestBody"], example["request"])
        for status, body in example.get("responses", {}).items():
            _show(operation["responses"].get(status, {}), body)
    for status, body in recorded()["errors"].items():
        name = ANSWERS[HTTPStatus(int(status))][0]
        _show(result["components"]["responses"].get(name, {}), body)
    return result


def _show(described: dict[str, Any], body: object) -> None:
    if JSON in described.get("content", {}):
        described["content"][JSON]["examples"] = {"recorded": {"value": body}}
