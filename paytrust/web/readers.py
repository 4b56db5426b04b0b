"""Reads right bodies at once, by msgspec structs that are made of what serializers declare.

A serializer looks at one field after the other, to say of each what is wrong; a right body needs
none of it. Each rule stands once all the same: the types and bounds of a struct come from the
fields, and a value that a struct cannot judge is read by its field.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final

import msgspec
from django.core.exceptions import ValidationError as DjangoValidationError
from msgspec import UNSET, Meta, UnsetType
from rest_framework import serializers
from rest_framework.fields import empty

Field = serializers.Field[Any, Any, Any, Any]
Step = Callable[[Any], Any]
Member = tuple[str, Field, Step | None]
"""A field's name, the field, and its serializer's own rule for it."""
Reading = tuple[Any, Step | None]
"""A field's type in a struct, and what makes the field's value of such a one, or refuses it."""

WAYS_OF_READING: Final = (
    *("run_validation", "to_internal_value", "validate_empty_values", "run_child_validation"),
)
REFUSALS: Final = (
    msgspec.ValidationError,
    UnicodeEncodeError,  # msgspec's, of half a surrogate pair
    serializers.ValidationError,
    DjangoValidationError,
)


class Reader:
    """Reads the bodies of one serializer."""

    def __init__(self, name: str, members: Iterable[Member]) -> None:
        self._names: list[str] = []
        self._steps: list[tuple[int, Step]] = []
        self._may_leave_out = False
        attributes = [self._attribute(*member) for member in members]
        self.struct = msgspec.defstruct(name, attributes, kw_only=True, forbid_unknown_fields=True)

    def read(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """Return the values that the serializer would find, or None: it must say what is wrong."""
        try:
            return self.values(msgspec.convert(body, self.struct))
        except REFUSALS:
            return None

    def values(self, read: Any) -> dict[str, Any]:  # noqa: ANN401  # our struct
        """Return what the serializer makes of the fields of a struct.

        Raises:
            REFUSALS: it would refuse one.
        """
        found = list(msgspec.structs.astuple(read))
        for index, step in self._steps:
            found[index] = step(found[index])
        values = zip(self._names, found, strict=True)
        if self._may_leave_out:
            return {name: value for name, value in values if value is not UNSET}
        return dict(values)

    def _attribute(
        self, name: str, field: Field, rule: Step | None
    ) -> tuple[str, Any] | tuple[str, Any, Any]:
        """Note a field; return its attribute of the struct, with its default if it has one."""
        kind, reading = reading_of(field)
        step = rule if reading is None else reading if rule is None else _both(reading, rule)
        declared: tuple[str, Any] | tuple[str, Any, Any]
        if field.required:
            declared = name, kind
        elif field.default is None and field.allow_null:
            declared = name, kind, None
        else:
            declared = name, kind | UnsetType, UNSET
            step = _unless_left_out(field, step, rule)
            self._may_leave_out |= field.default is empty
        if step:
            self._steps.append((len(self._names), step))
        self._names.append(name)
        return declared


def reading_of(field: Field) -> Reading:
    """Return how a field's values are read: by the field, unless its class says how else."""
    reading: Reading = Any, field.run_validation
    if _says_how_it_is_read(type(field)) and "validators" not in field._kwargs:  # type: ignore[attr-defined]  # noqa: SLF001  # DRF's own
        reading = field.reading()  # type: ignore[attr-defined]
    kind, step = reading
    if not field.allow_null:
        return reading
    return kind | None, step and (lambda value: None if value is None else step(value))


def list_of(field: Any) -> Reading:  # noqa: ANN401  # DRF's two kinds of lists have no parent
    """Return how a list is read whose entries another field reads."""
    kind, step = reading_of(field.child)
    least = max(field.min_length or 0, 0 if field.allow_empty else 1)
    bounds = Meta(min_length=least, max_length=field.max_length)
    return Annotated[list[kind], bounds], step and (lambda all_: [step(one) for one in all_])  # type: ignore[valid-type]


def _says_how_it_is_read(kind: type) -> bool:
    """Return whether a class says so, or its parent does whose way of reading it kept."""
    says = _definer(kind, "reading")
    return says is not None and all(
        issubclass(says, _definer(kind, way) or object) for way in WAYS_OF_READING
    )


def _definer(kind: type, name: str) -> type | None:
    return next((one for one in kind.__mro__ if name in vars(one)), None)


def _both(reading: Step, rule: Step) -> Step:
    return lambda value: rule(reading(value))


def _unless_left_out(field: Field, step: Step | None, rule: Step | None) -> Step:
    def read(value: Any) -> Any:  # noqa: ANN401  # any JSON value
        if value is not UNSET:
            return step(value) if step else value
        if field.default is empty:
            return UNSET
        default = field.get_default()
        return rule(default) if rule else default

    return read
