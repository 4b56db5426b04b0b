"""The headers of answers, described in the OpenAPI document."""

from http import HTTPStatus
from typing import Any, Final

from paytrust.web.openapi.links import SOURCES

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": {
        "description": "This request's id. Quote it when you ask us.",
        "required": True,
        "schema": {"type": "string"},
    },
    "RateLimit-Limit": {
        "description": "How many requests the key may make in any 60 s.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Remaining": {
        "description": "How many of them are left.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Reset": {
        "description": "In how many seconds the oldest counted request is forgotten.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Retry-After": {
        "description": "Seconds to wait before the call is sent again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "The header that the key belongs into.",
        "schema": {"type": "string"},
    },
    "Idempotent-Replayed": {
        "description": "`true` where this is the first answer to the same Idempotency-Key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Content-Disposition": {
        "description": "The file's name.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "Where what was made is shown.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
}
SUCCESSES: Final = {
    "200": "As asked.",
    "201": "Made.",
    "202": "Taken; it is under way.",
    "204": "Done; there is nothing to show.",
}
LIMITS: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_OF_STATUS: Final = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate",),
    HTTPStatus.TOO_MANY_REQUESTS: (*LIMITS, "Retry-After"),
    HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After",),
}
FILES: Final = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")


def headers_of(status: HTTPStatus) -> dict[str, Any]:
    """Return the headers of an error."""
    return _references("X-Request-Id", *_OF_STATUS.get(status, ()))


def document_headers(result: dict[str, Any], **_asked: object) -> dict[str, Any]:
    """Add to each operation's successes the headers that they have."""
    for methods in result["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if "$ref" not in answer:
                    names = _names(status, answer, operation)
                    answer["description"] = answer["description"] or SUCCESSES[status]
                    answer["headers"] = answer.get("headers", {}) | _references(*names)
    used = {
        header["$ref"].rpartition("/")[2]
        for answer in _answers(result)
        for header in answer.get("headers", {}).values()
        if "$ref" in header
    }
    result["components"]["headers"] = {
        name: header for name, header in HEADERS.items() if name in used
    }
    return result


def _answers(result: dict[str, Any]) -> list[dict[str, Any]]:
    own = [
        answer
        for methods in result["paths"].values()
        for operation in methods.values()
        for answer in operation["responses"].values()
    ]
    return [*own, *result["components"].get("responses", {}).values()]


def _names(status: str, answer: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    names = ["X-Request-Id"]
    if any("ApiKey" in way for way in operation.get("security", [])):
        names += LIMITS
    sent = {parameter["name"] for parameter in operation.get("parameters", [])}
    if "Idempotency-Key" in sent and status == "200":
        names.append("Idempotent-Replayed")
    if status == "201" and operation["operationId"] in SOURCES:
        names.append("Location")
    if set(answer.get("content", {})) & set(FILES):
        names.append("Content-Disposition")
    return names


def _references(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
