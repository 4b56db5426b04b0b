"""What callers of the API can rely on, as lines of text, and what differs between two of them.

A line is a call, a parameter, a field of a body, a value of an enumeration, or a type. Texts for
people are no part of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

METHODS: Final = ("get", "post", "put", "patch", "delete")
JSON: Final = "application/json"
DEEPEST: Final = 12  # of nested fields
ENDS_A_NAME: Final = " .[{:="

Schema = Mapping[str, Any]


def surface(*documents: Mapping[str, Any]) -> frozenset[str]:
    """Return the lines of OpenAPI documents."""
    return frozenset(line for document in documents for line in _lines(document))


def difference(before: frozenset[str], after: frozenset[str]) -> tuple[list[str], list[str]]:
    """Return what was added and what was removed; a new call is one line, and so is a new field."""
    return _outermost(after - before), _outermost(before - after)


def _outermost(lines: frozenset[str]) -> list[str]:
    """Leave out what is part of another line, in order."""
    return [
        line
        for line in sorted(lines)
        if not any(line[:end] in lines for end in range(1, len(line)) if line[end] in ENDS_A_NAME)
    ]


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    walk = _Walk(document.get("components", {}).get("schemas", {}))
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method not in operations:
                continue
            operation = operations[method]
            call = f"{method.upper()} {_nameless(path)}"
            yield call
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    continue
                named = f"{call} {parameter['in']} {parameter['name']}"
                yield named
                if parameter.get("required"):
                    yield f"{named} = required"
                yield from walk.facts(parameter.get("schema", {}), named, is_asked=True)
            body = operation.get("requestBody", {}).get("content", {}).get(JSON, {})
            yield from walk.facts(body.get("schema", {}), f"{call} body", is_asked=True)
            for status, answer in operation["responses"].items():
                if str(status) < "400":
                    shown = f"{call} {status}"
                    yield shown
                    schema = answer.get("content", {}).get(JSON, {}).get("schema", {})
                    yield from walk.facts(schema, shown, is_asked=False)


def _nameless(path: str) -> str:
    """Return a path whose parameters have no names: /invoices/{}."""
    return "/".join("{}" if "{" in step else step for step in path.split("/"))


class _Walk:
    """Walks schemas, with the named ones of their document."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas

    def facts(self, schema: Schema, place: str, *, is_asked: bool, depth: int = 0) -> Iterator[str]:
        """Yield what a schema says of a place: its type, its values, its fields."""
        if depth > DEEPEST:
            return
        if "$ref" in schema:
            named = self._schemas.get(schema["$ref"].rpartition("/")[2], {})
            yield from self.facts(named, place, is_asked=is_asked, depth=depth + 1)
        for kind in ("allOf", "oneOf", "anyOf"):
            for one in schema.get(kind, []):
                yield from self.facts(one, place, is_asked=is_asked, depth=depth + 1)
        yield from (f"{place}: {kind}" for kind in _types(schema))
        yield from (f"{place} = {value}" for value in schema.get("enum", []) if value is not None)
        if isinstance(items := schema.get("items"), Mapping):
            yield from self.facts(items, f"{place}[]", is_asked=is_asked, depth=depth + 1)
        if isinstance(others := schema.get("additionalProperties"), Mapping):
            yield from self.facts(others, f"{place}{{}}", is_asked=is_asked, depth=depth + 1)
        required: Sequence[str] = schema.get("required", [])
        for name, inner in schema.get("properties", {}).items():
            field = f"{place}.{name}"
            yield field
            if is_asked and name in required:
                yield f"{field} = required"
            yield from self.facts(inner, field, is_asked=is_asked, depth=depth + 1)


def _types(schema: Schema) -> Iterator[str]:
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind not in ("object", "array"):
            yield kind
    if schema.get("nullable"):
        yield "null"
