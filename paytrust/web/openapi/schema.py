"""How a view and its serializers become an operation and its components."""

from typing import Any, Final

from drf_spectacular.drainage import has_override
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from paytrust.errors import first_line
from paytrust.web.openapi import words
from paytrust.web.serializers import (
    StrictCharField,
    StrictDecimalField,
    StrictDictField,
    StrictSerializer,
)

Serializer = serializers.BaseSerializer[Any] | type[serializers.BaseSerializer[Any]]
Field = serializers.Field[Any, Any, Any, Any]

REQUEST, RESPONSE = "Request", "Response"
# What a client can send exactly: a number might go through a float on its way.
DECIMAL: Final = r"^[0-9]{1,16}(\.[0-9]{1,3})?$"


class OperationSchema(AutoSchema):
    """One operation; DRF's DEFAULT_SCHEMA_CLASS.

    A view's docstring is public: its first line is the summary. So is the first paragraph of a
    serializer's own docstring; what it inherits is not.
    """

    def get_summary(self) -> str:
        return first_line(self.get_description()).removesuffix(".")

    def get_tags(self) -> list[str]:
        return [words.tag_of(self.path)]

    def _get_serializer_name(
        self, serializer: Serializer, direction: str, bypass_extensions: bool = False
    ) -> str:
        """Name what is answered plainly, and what is sent with `Request` at its end."""
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        bare = name.removesuffix(REQUEST) if direction == "request" else name
        bare = bare.removesuffix(REQUEST).removesuffix(RESPONSE)
        return bare + REQUEST if direction == "request" else bare

    def _map_basic_serializer(self, serializer: Serializer, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(  # type: ignore[no-untyped-call]
            serializer, direction
        )
        kind = serializer if isinstance(serializer, type) else type(serializer)
        if not has_override(kind, "description"):
            own: str = kind.__dict__.get("__doc__") or ""
            schema.pop("description", None)
            if own:
                schema["description"] = " ".join(own.split("\n\n", maxsplit=1)[0].split())
        if direction == "request":
            if issubclass(kind, StrictSerializer):
                schema["additionalProperties"] = False
        else:
            schema["required"] = sorted(set(schema["properties"]) - _sometimes_left_out(kind))
        return schema

    def _map_serializer_field(
        self, field: Field, direction: str, bypass_extensions: bool = False
    ) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, bypass_extensions
        )
        if isinstance(field, StrictDecimalField):
            del schema["oneOf"]
            schema |= _sent(field) if direction == "request" else _answered()
            if field.allow_null:
                schema["type"] = [schema["type"], "null"]
        if isinstance(field, serializers.ListSerializer) and "items" in schema:
            schema |= _length(field)
        return schema

    def _insert_field_validators(self, field: Field, schema: dict[str, Any]) -> None:
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if "enum" in schema:
            if field.allow_null and None not in schema["enum"]:
                schema["enum"].append(None)
            for bound in ("minLength", "maxLength"):
                schema.pop(bound, None)
        elif isinstance(field, StrictCharField):
            schema["pattern"] = field.pattern
        elif isinstance(field, StrictDictField):
            keys = {"type": "string", "maxLength": field.longest_key}
            schema |= {"maxProperties": field.max_length, "propertyNames": keys}


def _sometimes_left_out(kind: type[Any]) -> set[str]:
    """Return the answers' fields that say so themselves; a model's default does not."""
    declared = kind._declared_fields  # noqa: SLF001  # DRF offers no other way
    return {name for name, field in declared.items() if not (field.required or field.read_only)}


def _sent(field: StrictDecimalField) -> dict[str, Any]:
    return {"type": "string", "pattern": field.pattern or DECIMAL, "maxLength": 31}


def _answered() -> dict[str, Any]:
    return {"type": "number", "format": "double", "minimum": 0}


def _length(field: Any) -> dict[str, Any]:  # noqa: ANN401  # the stubs know no bounds
    bounds = {"minItems": field.min_length, "maxItems": field.max_length}
    if not field.allow_empty:
        bounds["minItems"] = max(bounds["minItems"] or 0, 1)
    return {name: bound for name, bound in bounds.items() if bound is not None}
