"""The errors that an operation may answer with, added to the OpenAPI document.

They follow from what the operation is, so that no view has to repeat them; `docs/problems.md` has
the codes.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings

from paytrust.errors import PayTrustError
from paytrust.web.openapi.headers import headers_of
from paytrust.web.spreadsheets import XLSX
from paytrust.web.xml_views import XML

ANSWERS: Final[Mapping[HTTPStatus, tuple[str, str]]] = {
    HTTPStatus.BAD_REQUEST: ("BadRequest", "The request is not valid."),
    HTTPStatus.UNAUTHORIZED: ("Unauthorized", "The key is missing or not valid."),
    HTTPStatus.FORBIDDEN: ("Forbidden", "The key may not do this, or not from this address."),
    HTTPStatus.NOT_FOUND: ("NotFound", "There is no such row, or it is another tenant's."),
    HTTPStatus.CONFLICT: (
        "Conflict",
        "The state of things does not allow it, or the same call is running.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("PayloadTooLarge", "The body is too large."),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (
        "UnsupportedMediaType",
        "The body is not declared as JSON.",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "Unprocessable",
        "The gateway refused, a key was reused, or no document fits.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "TooManyRequests",
        "Too many requests; Retry-After says how long to wait.",
    ),
    HTTPStatus.BAD_GATEWAY: ("BadGateway", "The gateway is away or in trouble."),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "ServiceUnavailable",
        "PayTrust cannot serve it just now; Retry-After says how long to wait.",
    ),
    HTTPStatus.GATEWAY_TIMEOUT: ("GatewayTimeout", "The gateway did not answer in time."),
}
# Folders and modules whose errors no call of the API is answered with.
NOT_OVER_HTTP: Final = frozenset(
    {"back_office", "sandbox", "management", "certifying", "erasing", "migrations"}
)
METHODS: Final = ("get", "post", "put", "patch", "delete")


def document_errors(result: dict[str, Any], **_asked: object) -> dict[str, Any]:
    """Add to each operation the errors it may answer with, of one schema per status."""
    used: set[HTTPStatus] = set()
    for path, operations in result["paths"].items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                for status in sorted(set(_statuses(path, method, operation))):
                    answer = {"$ref": f"#/components/responses/{ANSWERS[status][0]}"}
                    operation["responses"].setdefault(str(status.value), answer)
                    used.add(status)
    components = result.setdefault("components", {})
    components["responses"] = {ANSWERS[status][0]: _answer(status) for status in sorted(used)}
    components.setdefault("schemas", {}).update(
        (f"{ANSWERS[status][0]}Error", _problem(status)) for status in sorted(used)
    )
    return result


def codes_of(status: int) -> list[str]:
    """Return the codes that answers of this status may have."""
    ours = ("paytrust.web.", *_apps())  # first, for it imports them
    return sorted(
        {
            kind.code
            for kind in _descendants(PayTrustError)
            if kind.status == status and kind.__module__.startswith(ours)
            if NOT_OVER_HTTP.isdisjoint(kind.__module__.split("."))
        }
        | ({PayTrustError.code} if status == PayTrustError.status else set())
    )


@cache
def _apps() -> tuple[str, ...]:
    """Return our apps as prefixes of modules, all of which are imported then.

    So the codes of a status do not depend on what else this process has done.
    """
    checkout = Path(apps.get_app_config("paytrust").path).parent
    ours = [
        app
        for app in apps.get_app_configs()
        if Path(app.path).parent == checkout and app.name != "paytrust"
    ]
    importlib.import_module(settings.ROOT_URLCONF)  # it says what addresses may hold
    for app in ours:
        for module in pkgutil.walk_packages([app.path], f"{app.name}."):
            if NOT_OVER_HTTP.isdisjoint(module.name.split(".")):
                importlib.import_module(module.name)
    return tuple(f"{app.name}." for app in ours)


def _descendants(base: type[PayTrustError]) -> Iterator[type[PayTrustError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _descendants(kind)


def _answer(status: HTTPStatus) -> dict[str, Any]:
    name, meaning = ANSWERS[status]
    schema = {"$ref": f"#/components/schemas/{name}Error"}
    return {
        "description": meaning,
        "headers": headers_of(status),
        "content": {"application/json": {"schema": schema}},
    }


def _problem(status: HTTPStatus) -> dict[str, Any]:
    return {
        "type": "object",
        "description": ANSWERS[status][1],
        "properties": {
            "error": {
                "type": "string",
                "enum": codes_of(status),
                "description": "Stable: branch on it. A later version may know more of them.",
            },
            "message": {"type": "string", "description": "For people; it may be reworded."},
            "details": {
                "type": "object",
                "additionalProperties": True,
                "description": "What exactly: for a 400 the fields that are wrong, nested as in the"
                " request.",
            },
            "request_id": {"type": "string", "description": "Also the X-Request-Id header."},
        },
        "required": ["error", "message", "details", "request_id"],
    }


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
    if formats & {XML, XLSX}:
        yield HTTPStatus.UNPROCESSABLE_ENTITY
