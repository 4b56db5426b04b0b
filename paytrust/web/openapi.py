"""The errors that an operation may answer with, added to the OpenAPI document.

The operation's own properties decide which, so that no view has to repeat them. `docs/problems.md`
has the codes.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from paytrust.web.spreadsheets import XLSX
from paytrust.web.xml_views import XML

ANSWERS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "The request is not valid.",
    HTTPStatus.UNAUTHORIZED: "The key is missing or not valid.",
    HTTPStatus.FORBIDDEN: "The key may not do this, or not from this address.",
    HTTPStatus.NOT_FOUND: "There is no such row, or it is another tenant's.",
    HTTPStatus.NOT_ACCEPTABLE: "The answer is XML, which the Accept header does not admit.",
    HTTPStatus.CONFLICT: "The state of things does not allow it, or the same call is running.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as JSON.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The gateway refused, a key was reused, or no document fits.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests; Retry-After says how long to wait.",
    HTTPStatus.BAD_GATEWAY: "The gateway is away or in trouble.",
    HTTPStatus.SERVICE_UNAVAILABLE: "PayTrust cannot reach its database just now.",
    HTTPStatus.GATEWAY_TIMEOUT: "The gateway did not answer in time.",
}
PROBLEM: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "Every error. docs/problems.md lists the codes.",
    "properties": {
        "error": {"type": "string", "description": "stable: branch on it"},
        "message": {"type": "string", "description": "for people"},
        "details": {"type": "object", "additionalProperties": {}},
        "request_id": {"type": "string", "description": "also the X-Request-Id header"},
    },
    "required": ["error", "message", "details", "request_id"],
}
METHODS: Final = ("get", "post", "put", "patch", "delete")


def document_errors(result: dict[str, Any], **_asked: object) -> dict[str, Any]:
    """Add to each operation the errors it may answer with, all of one schema."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = dict(PROBLEM)
    for path, operations in result["paths"].items():
        for method in METHODS:
            if method in operations:
                _document(path, method, operations[method])
    return result


def _document(path: str, method: str, operation: dict[str, Any]) -> None:
    for status in sorted(_statuses(path, method, operation)):
        operation["responses"].setdefault(
            str(status.value),
            {
                "description": ANSWERS[status],
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            },
        )


def _statuses(path: str, method: str, operation: dict[str, Any]) -> Iterator[HTTPStatus]:
    yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
    if operation.get("security"):
        yield from (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
    if any("ApiKey" in way for way in operation.get("security", [])):
        yield HTTPStatus.FORBIDDEN
    if "{" in path:
        yield HTTPStatus.NOT_FOUND
    if "requestBody" in operation:
        yield from (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if method != "get":
        yield HTTPStatus.CONFLICT
    if method != "get" and any("ApiKey" in way for way in operation.get("security", [])):
        yield from (
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.BAD_GATEWAY,
            HTTPStatus.GATEWAY_TIMEOUT,
        )
    formats = {
        name for answer in operation["responses"].values() for name in answer.get("content", {})
    }
    if XML in formats:
        yield from (HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.UNPROCESSABLE_ENTITY)
    if XLSX in formats:
        yield HTTPStatus.UNPROCESSABLE_ENTITY
