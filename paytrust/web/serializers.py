"""Strict bases for request serializers: nothing is guessed, converted or ignored."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from paytrust.money import EXACT, MAX_AMOUNT

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
# As .NET (7 digits of a second), Go and Java (9) and PHP (+0700) print times by default.
ISO_8601 = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})", re.ASCII
)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTROL_CHARACTERS_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

Messages = dict[str, "str | _StrPromise"]


def query_of(request: Request) -> dict[str, str]:
    """Return a request's query, each name with its one value.

    Raises:
        ValidationError: a name is given more than once; no value of it is preferred.
    """
    given = request.query_params.lists()
    if repeated := [name for name, values in given if len(values) > 1]:
        raise serializers.ValidationError({name: ["Must be given only once."] for name in repeated})
    return request.query_params.dict()


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, naming each, beside what else is wrong.

    Nested serializers that derive from it do the same at their level.
    """

    def to_internal_value(self, data: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON value
        unknown: dict[str, Any] = {}
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = {
                str(name): ["This field is not known."] for name in data if name not in known
            }
        try:
            value: dict[str, Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if unknown and isinstance(error.detail, dict):
                error.detail.update(unknown)
            raise
        if unknown:
            raise serializers.ValidationError(unknown)
        return value


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

    def __init__(self, *, multi_line: bool = False, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(trim_whitespace=False, **kwargs)
        self._forbidden = CONTROL_CHARACTERS_BUT_LINES if multi_line else CONTROL_CHARACTERS

    def to_internal_value(self, data: Any) -> str:  # noqa: ANN401  # any JSON value
        if not isinstance(data, str):
            self.fail("invalid")
        if self._forbidden.search(data):
            self.fail("control")
        if not self.allow_blank and not data.strip():
            self.fail("blank")
        return data


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

    def to_internal_value(self, data: Any) -> int:  # noqa: ANN401  # any JSON value
        if type(data) is not int:
            self.fail("invalid")
        return data


class StrictBooleanField(serializers.BooleanField):
    """JSON true or false, and nothing that resembles them."""

    default_error_messages: ClassVar[Messages] = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:  # noqa: ANN401  # any JSON value
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


@extend_schema_field({"oneOf": [{"type": "number"}, {"type": "string"}]})
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
        **kwargs: Any,  # noqa: ANN401  # DRF's own
    ) -> None:
        super().__init__(**kwargs)
        self.min_value, self.max_value, self.max_decimals = min_value, max_value, max_decimals

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
