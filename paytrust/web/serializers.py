"""Strict bases for request serializers: nothing is guessed, converted or ignored."""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema_field
from msgspec import Meta
from rest_framework import serializers
from rest_framework.fields import SkipField, get_error_detail
from rest_framework.request import Request

from paytrust.money import EXACT, MAX_AMOUNT
from paytrust.web import readers
from paytrust.web.readers import Member, Reader, Reading
from paytrust.web.strict_json import MOST_NAMED, named

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
# As .NET (7 digits of a second), Go and Java (9) and PHP (+0700) print times by default.
ISO_8601 = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})", re.ASCII
)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
NO_CHARACTERS = "\\ud800-\\udfff\\ufffe\\uffff"
CONTROL_CHARACTERS = re.compile(rf"[\x00-\x1f\x7f-\x9f{NO_CHARACTERS}]")
# The same for the OpenAPI document, in a form that every language's expressions understand.
_NO_CONTROL = r"\x00-\x1f\x7f-\x9f\ufffe\uffff"
_NO_CONTROL_BUT_LINES = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff"
TRIMMED = rf"^[^\s{_NO_CONTROL}]([^{_NO_CONTROL}]*[^\s{_NO_CONTROL}])?$"
CONTROL_CHARACTERS_BUT_LINES = re.compile(rf"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{NO_CHARACTERS}]")

Messages = dict[str, "str | _StrPromise"]

_threads = threading.local()  # what each has of `_shape_of`


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a serializer reads: its fields, their names, and how a right body is read at once."""

    members: Sequence[Member]
    known: frozenset[str]
    reader: Reader


def query_of(request: Request) -> dict[str, str]:
    """Return a request's query, each name with its one value.

    Raises:
        ValidationError: a name is given more than once; no value of it is preferred.
    """
    given = request.query_params.lists()
    if repeated := [name for name, values in given if len(values) > 1]:
        raise serializers.ValidationError({name: ["Must be given only once."] for name in repeated})
    return request.query_params.dict()


class StrictListSerializer(serializers.ListSerializer[Any]):
    """A list of serializers: its length is looked at first, and looking ends after many errors."""

    def to_internal_value(self, data: Any) -> list[Any]:  # noqa: ANN401  # any JSON value
        self._bad = 0
        self._looked_at = 0
        try:
            valid: list[Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if self._bad == MOST_NAMED and isinstance(error.detail, dict):
                left = len(data) - self._looked_at
                if left:
                    more: dict[str, Any] = {"more": [f"{left} more entries were not looked at."]}
                    error.detail.update(more)
            raise
        return valid

    def run_child_validation(self, data: Any) -> Any:  # noqa: ANN401  # DRF's own
        if self._bad == MOST_NAMED:
            return None  # the list is refused anyway
        self._looked_at += 1
        try:
            return super().run_child_validation(data)
        except serializers.ValidationError:
            self._bad += 1
            raise

    def reading(self) -> Reading:
        """See `readers`, as everywhere below."""
        return readers.list_of(self)


class StrictListField(serializers.ListField):
    """A list of plain values: its length is looked at before they are."""

    def to_internal_value(self, data: Any) -> list[Any]:  # noqa: ANN401  # any JSON value
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        if self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        valid: list[Any] = super().to_internal_value(data)
        return valid

    def reading(self) -> Reading:
        return readers.list_of(self)


class StrictDictField(serializers.DictField):
    """Pairs of a name and a plain value: how many there are is looked at before they are."""

    default_error_messages: ClassVar[Messages] = {
        "max_length": "At most {max_length} pairs, with keys of at most {longest_key} characters."
    }

    def __init__(self, *, max_length: int, longest_key: int, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.max_length, self.longest_key = max_length, longest_key

    def to_internal_value(self, data: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON value
        if isinstance(data, dict) and (
            len(data) > self.max_length or any(len(key) > self.longest_key for key in data)
        ):
            self.fail("max_length", max_length=self.max_length, longest_key=self.longest_key)
        valid: dict[str, Any] = super().to_internal_value(data)
        return valid

    def reading(self) -> Reading:
        kind, step = readers.reading_of(self.child)
        key = Annotated[str, Meta(max_length=self.longest_key)]
        bounds = Meta(min_length=0 if self.allow_empty else 1, max_length=self.max_length)
        return (
            Annotated[dict[key, kind], bounds],  # type: ignore[valid-type]  # made at run time
            step and (lambda pairs: {name: step(value) for name, value in pairs.items()}),
        )


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, naming each, beside what else is wrong.

    Nested serializers that derive from it do the same at their level.
    """

    class Meta:
        list_serializer_class = StrictListSerializer

    @property
    def _shape(self) -> _Shape:
        return _shape_of(type(self))

    @cached_property
    def _has_rules_of_the_whole(self) -> bool:
        own = type(self).validate is not serializers.Serializer.validate
        return own or bool(self.validators)

    def run_validation(self, data: Any = serializers.empty) -> Any:  # noqa: ANN401  # any JSON value
        if isinstance(data, Mapping) and not self._has_rules_of_the_whole:
            return self.to_internal_value(data)
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON value
        if not isinstance(data, Mapping):
            refused: dict[str, Any] = super().to_internal_value(data)  # raises
            return refused
        shape = self._shape
        if type(data) is dict and (right := shape.reader.read(data)) is not None:
            return right
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, field, check in shape.members:
            try:
                value = field.run_validation(data.get(name, serializers.empty))
                values[name] = check(value) if check else value
            except serializers.ValidationError as error:
                errors[name] = error.detail
            except DjangoValidationError as error:
                errors[name] = get_error_detail(error)
            except SkipField:
                pass
        if not data.keys() <= shape.known:
            unknown = [str(name) for name in data if name not in shape.known]
            errors.update(named(unknown, "This field is not known."))
        if errors:
            raise serializers.ValidationError(errors)
        return values

    def reading(self) -> Reading:
        reader = self._shape.reader
        return reader.struct, self._whole if self._has_rules_of_the_whole else reader.values

    def _whole(self, read: object) -> Any:  # noqa: ANN401  # what `validate` returns
        values = self._shape.reader.values(read)
        self.run_validators(values)
        return self.validate(values)


def _shape_of(kind: type[StrictSerializer]) -> _Shape:
    """Return what a serializer reads.

    DRF copies all fields for each request, which takes longer than to read the body by them. They
    are copied once a thread instead: a list keeps count while it is read.
    """
    known: dict[type, _Shape] = _threads.__dict__.setdefault("shapes", {})
    if kind not in known:
        one = kind()
        members = [
            (name, field, getattr(one, f"validate_{name}", None))
            for name, field in one.fields.items()
            if not field.read_only
        ]
        names = frozenset(name for name, _, _ in members)
        known[kind] = _Shape(members, names, Reader(kind.__name__, members))
    return known[kind]


def require_no_fields(request: Request) -> None:
    """Refuse a body with fields where none are known: they would be ignored unseen.

    Raises:
        ValidationError: there are some, each named.
    """
    StrictSerializer(data=request.data).is_valid(raise_exception=True)


class StrictCharField(serializers.CharField):
    """A JSON string, kept as it is. Blank means nothing but white space.

    Control characters are refused; with `multi_line`, new lines and tabs are not.
    """

    default_error_messages: ClassVar[Messages] = {
        "invalid": "Must be a string.",
        "control": "Must not hold control characters.",
    }

    def __init__(
        self,
        *,
        max_length: int | None = None,
        multi_line: bool = False,
        pattern: str | None = None,
        **kwargs: Any,  # noqa: ANN401  # DRF's own
    ) -> None:
        super().__init__(trim_whitespace=False, max_length=max_length, **kwargs)
        # What the OpenAPI document asks of the string; it is not checked by it.
        no = _NO_CONTROL_BUT_LINES if multi_line else _NO_CONTROL
        self.pattern = pattern or (
            rf"^[^{no}]*$" if self.allow_blank else rf"^[^{no}]*[^\s{no}][^{no}]*$"
        )
        self._forbidden = CONTROL_CHARACTERS_BUT_LINES if multi_line else CONTROL_CHARACTERS
        self._has_own_rules = bool(kwargs.get("validators"))

    def run_validation(self, data: Any = serializers.empty) -> Any:  # noqa: ANN401  # any JSON value
        if not isinstance(data, str):
            return super().run_validation(data)
        if self.max_length is not None and len(data) > self.max_length:
            # Nothing else looks at a text that is too long: some rules take long over it.
            self.fail("max_length", max_length=self.max_length)
        text = self.to_internal_value(data)
        if self._has_own_rules:
            self.run_validators(text)
        return text

    def to_internal_value(self, data: Any) -> str:  # noqa: ANN401  # any JSON value
        if not isinstance(data, str):
            self.fail("invalid")
        if self._forbidden.search(data):
            self.fail("control")
        if not self.allow_blank and not data.strip():
            self.fail("blank")
        return data

    def reading(self) -> Reading:
        # Linear in the text's length also if it is refused: no two parts may match the same.
        not_blank = "" if self.allow_blank else r"(?=\s*\S)"
        pattern = rf"\A{not_blank}[^{self._forbidden.pattern[1:-1]}]*\Z"
        return Annotated[str, Meta(pattern=pattern, max_length=self.max_length)], None


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer: no string, no boolean, no fraction; as large as JSON clients keep."""

    default_error_messages: ClassVar[Messages] = {"invalid": "Must be an integer."}

    def __init__(
        self,
        *,
        min_value: int = -MAX_AMOUNT,
        max_value: int = MAX_AMOUNT,
        **kwargs: Any,  # noqa: ANN401  # DRF's own
    ) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **kwargs)
        self._range = range(min_value, max_value + 1)

    def run_validation(self, data: Any = serializers.empty) -> Any:  # noqa: ANN401  # any JSON value
        if type(data) is int and data in self._range:
            return data
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> int:  # noqa: ANN401  # any JSON value
        if type(data) is not int:
            self.fail("invalid")
        return data

    def reading(self) -> Reading:
        return Annotated[int, Meta(ge=self.min_value, le=self.max_value)], None


class StrictBooleanField(serializers.BooleanField):
    """JSON true or false, and nothing that resembles them."""

    default_error_messages: ClassVar[Messages] = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:  # noqa: ANN401  # any JSON value
        if not isinstance(data, bool):
            self.fail("invalid")
        return data

    def reading(self) -> Reading:
        return bool, None


@extend_schema_field({"oneOf": [{"type": "number"}, {"type": "string"}]})  # OperationSchema tells
class StrictDecimalField(serializers.Field[Decimal, Any, Any, Any]):
    """A JSON number, or a string of a plain decimal ("999.99"), exactly as a Decimal."""

    default_error_messages: ClassVar[Messages] = {
        "invalid": 'Must be a number, or a string of a plain decimal such as "999.99".',
        "too_small": "Must be at least {limit}.",
        "too_large": "Must be at most {limit}.",
        "too_fine": "Must have at most {limit} decimals.",
    }

    def __init__(
        self,
        *,
        min_value: Decimal | int | None = None,
        max_value: Decimal | int | None = None,
        max_decimals: int | None = None,
        pattern: str | None = None,
        **kwargs: Any,  # noqa: ANN401  # DRF's own
    ) -> None:
        super().__init__(**kwargs)
        self.min_value, self.max_value, self.max_decimals = min_value, max_value, max_decimals
        self.pattern = pattern  # what the OpenAPI document asks of the string; it is not checked

    def run_validation(self, data: Any = serializers.empty) -> Any:  # noqa: ANN401  # any JSON value
        if isinstance(data, str | Decimal):  # neither can be null or left out
            return self.to_internal_value(data)
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Decimal:  # noqa: ANN401  # any JSON value
        number = self._number(data)
        if self.min_value is not None and number < self.min_value:
            self.fail("too_small", limit=self.min_value)
        if self.max_value is not None and number > self.max_value:
            self.fail("too_large", limit=self.max_value)
        if self.max_decimals is not None and decimals_of(number) > self.max_decimals:
            self.fail("too_fine", limit=self.max_decimals)
        return number

    def to_representation(self, value: Decimal) -> Decimal:
        return value

    def _number(self, data: object) -> Decimal:
        if isinstance(data, Decimal) and data.is_finite():
            return data
        if type(data) is int or (isinstance(data, str) and PLAIN_DECIMAL.fullmatch(data)):
            return Decimal(data)
        return self.fail("invalid")


class UTCDateTimeField(serializers.DateTimeField):
    """An ISO 8601 time that says its offset; UTC inside and on the way out.

    The colon of the offset may be missing. What is finer than a microsecond is cut off.
    """

    default_error_messages: ClassVar[Messages] = {
        "invalid": "Must be an ISO 8601 time with its offset, such as 2026-11-22T09:00:00Z."
    }

    def to_internal_value(self, value: Any) -> datetime:  # noqa: ANN401  # any JSON value
        if not (isinstance(value, str) and ISO_8601.fullmatch(value)):
            self.fail("invalid")
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("invalid")


class MomentField(UTCDateTimeField):
    """A time, or a date that stands for its first moment in UTC."""

    default_error_messages: ClassVar[Messages] = {
        "invalid": "Must be a date such as 2026-11-22, or a time such as 2026-11-22T09:00:00Z."
    }

    def to_internal_value(self, value: Any) -> datetime:  # noqa: ANN401  # any JSON value
        if isinstance(value, str):
            value = value.replace(" ", "+")  # a query's plus sign that was not encoded
            if DATE.fullmatch(value):
                value = f"{value}T00:00:00Z"
        return super().to_internal_value(value)


def decimals_of(number: Decimal) -> int:
    """Return how many decimals a finite number needs: 1.50 needs one."""
    exponent = number.normalize(EXACT).as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)
