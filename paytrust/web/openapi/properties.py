"""What holds for every property and parameter: a meaning, a format, bounds."""

from collections.abc import Iterator
from typing import Any, Final

from paytrust.web.openapi import words
from paytrust.web.openapi.generators import operations

MADE_BY_US: Final = {"id", "created_at", "updated_at", "version"}
MOST_ITEMS: Final = {
    "results": 100,
    "scopes": 4,
    "allowed_addresses": 100,
    "transactions": 100,
    "refunds": 100,
    "gateways": 100,
    "line_items": 500,
    "installments": 12,
    "installment_schedule": 12,
    "allocations": 12,
    "currencies": 3,
    "fees": 3,
    "by_currency": 3,
    "entries": 100,
    "attempts": 100,
    "event_types": 30,
    "kinds": 7,
    "tax_breakdown": 10_001,  # every rate of 4 decimals from 0 to 1
    "gateway_breakdown": 100,
}


NULL: Final = "NullEnum"


def spell_out_null(result: dict[str, Any], **_asked: object) -> dict[str, Any]:
    """Say `null` where drf-spectacular refers to an enumeration of nothing but null."""
    schemas = result["components"]["schemas"]
    if schemas.pop(NULL, None):
        for schema in schemas.values():
            for of in schema.get("properties", {}).values():
                if "oneOf" in of:
                    of["oneOf"] = [
                        {"type": "null"} if one.get("$ref", "").endswith(NULL) else one
                        for one in of["oneOf"]
                    ]
    return result


def complete(result: dict[str, Any], **_asked: object) -> dict[str, Any]:
    """Complete the properties of all components, and the parameters of all operations."""
    for component, schema in result["components"]["schemas"].items():
        for name, of in schema.get("properties", {}).items():
            _complete(component, name, of)
    for operation in operations(result):
        for parameter in operation.get("parameters", []):
            own = parameter["schema"].pop("description", None)
            meaning = own or words.meaning_of(operation["operationId"], parameter["name"])
            if meaning:
                parameter.setdefault("description", meaning)
            _bound(parameter["name"], parameter["schema"])
    return result


def _complete(component: str, name: str, of: dict[str, Any]) -> None:
    if meaning := words.meaning_of(component, name):
        of.setdefault("description", meaning)
    of.pop("title", None)
    of.pop("readOnly", None)
    _bound(name, of)
    if name in MADE_BY_US and not component.endswith("Request"):
        of["readOnly"] = True


def _bound(name: str, of: dict[str, Any]) -> None:
    """Give integers their width, ids their least value and lists their length."""
    kinds = list(_kinds(of))
    if "integer" in kinds:
        of.setdefault("format", "int64")
        if name == "id" or name.endswith("_id"):
            of.setdefault("minimum", 1)
    if "array" in kinds:
        of.setdefault("minItems", 0)
        if name in MOST_ITEMS:
            of.setdefault("maxItems", MOST_ITEMS[name])


def _kinds(of: dict[str, Any]) -> Iterator[str]:
    kind = of.get("type", ())
    yield from [kind] if isinstance(kind, str) else kind
