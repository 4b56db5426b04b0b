from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from rest_framework import serializers

from paytrust.web import serializers as strict


class Line(strict.StrictSerializer):
    name = strict.StrictCharField()


class Order(strict.StrictSerializer):
    id = strict.StrictIntegerField(read_only=True)
    note = strict.StrictCharField(required=False)
    lines = Line(many=True, required=False)
    main = Line(required=False)


def errors_of(data: Any) -> Any:
    order = Order(data=data)
    assert not order.is_valid()
    return order.errors


class TestStrictSerializer:
    def test_names_each_unknown_field_at_every_level(self) -> None:
        errors = errors_of(
            {
                "color": "red",
                "size": 1,
                "lines": [{"name": "a"}, {"name": "b", "nmae": "c"}],
                "main": {"x": 1, "name": "m"},
            }
        )

        unknown = ["This field is not known."]
        assert errors == {
            "color": unknown,
            "size": unknown,
            "lines": {1: {"nmae": unknown}},  # by the line's place
            "main": {"x": unknown},
        }

    def test_names_unknown_fields_beside_other_errors(self) -> None:
        assert errors_of({"note": 1, "color": "red"}) == {
            "note": ["Must be a string."],
            "color": ["This field is not known."],
        }

    def test_does_not_know_read_only_fields(self) -> None:
        assert errors_of({"id": 1}) == {"id": ["This field is not known."]}

    @pytest.mark.parametrize("data", [None, [], "text", 1, True])
    def test_refuses_what_is_no_object(self, data: object) -> None:
        assert "non_field_errors" in errors_of(data)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        (strict.StrictIntegerField(), "2"),
        (strict.StrictIntegerField(), True),
        (strict.StrictIntegerField(), Decimal("2.0")),
        (strict.StrictIntegerField(), [2]),
        (strict.StrictIntegerField(), 2**53),
        (strict.StrictIntegerField(min_value=1), 0),
        (strict.StrictIntegerField(max_value=5), 6),
        (strict.StrictCharField(), 2),
        (strict.StrictCharField(), True),
        (strict.StrictCharField(), {}),
        (strict.StrictCharField(), ""),
        (strict.StrictCharField(), " \u2003"),
        (strict.StrictCharField(), "a\nb"),
        (strict.StrictCharField(), "a\x7fb"),
        (strict.StrictCharField(), "a\x85b"),
        (strict.StrictCharField(multi_line=True), "a\x00b"),
        (strict.StrictCharField(multi_line=True), "a\x1bb"),
        (strict.StrictCharField(), "a\ud800b"),
        (strict.StrictCharField(max_length=2), "abc"),
        (strict.StrictBooleanField(), "true"),
        (strict.StrictBooleanField(), 1),
        (strict.StrictDecimalField(), "1e3"),
        (strict.StrictDecimalField(), "NaN"),
        (strict.StrictDecimalField(), ""),
        (strict.StrictDecimalField(), " 1"),
        (strict.StrictDecimalField(), "1\n"),
        (strict.StrictDecimalField(), "+1"),
        (strict.StrictDecimalField(), "1."),
        (strict.StrictDecimalField(), ".5"),
        (strict.StrictDecimalField(), "1_000"),
        (strict.StrictDecimalField(), "\u0661"),
        (strict.StrictDecimalField(), "9" * 31),
        (strict.StrictDecimalField(), True),
        (strict.StrictDecimalField(), 1.5),
        (strict.StrictDecimalField(), Decimal("NaN")),
        (strict.StrictDecimalField(min_value=0), Decimal("-0.01")),
        (strict.StrictDecimalField(max_value=1), "1.0001"),
        (strict.StrictDecimalField(max_decimals=4), "0.00001"),
        (strict.StrictDecimalField(max_decimals=4), Decimal("1e-5")),
        (strict.UTCDateTimeField(), "2026-11-22T09:00:00"),
        (strict.UTCDateTimeField(), "2026-11-22"),
        (strict.UTCDateTimeField(), "2026-11-22 09:00:00Z"),
        (strict.UTCDateTimeField(), "2026-02-30T09:00:00Z"),
        (strict.UTCDateTimeField(), "2026-11-22T24:00:01Z"),
        (strict.UTCDateTimeField(), "0001-01-01T00:00:00+07:00"),
        (strict.UTCDateTimeField(), "9999-12-31T23:59:59-07:00"),
        (strict.UTCDateTimeField(), 1_800_000_000),
        (strict.UTCDateTimeField(), "2026-11-22T09:00:00.1234567890Z"),
        (strict.UTCDateTimeField(), "2026-11-22T09:00:00+07"),
        (strict.UTCDateTimeField(), "2026-11-22T09:00:00+07:0"),
        (strict.UTCDateTimeField(), "2026-11-22T09:00:00+9900"),
        (strict.UTCDateTimeField(), "20261122T090000Z"),
    ],
    ids=lambda value: ascii(value)[:40] if not isinstance(value, serializers.Field) else None,
)
def test_strict_fields_refuse(field: Any, given: object) -> None:
    with pytest.raises(serializers.ValidationError):
        field.run_validation(given)


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        (strict.StrictIntegerField(), 2**53 - 1, 2**53 - 1),
        (strict.StrictCharField(), " a b ", " a b "),
        (strict.StrictCharField(), "Kopi \U0001f600", "Kopi \U0001f600"),
        (strict.StrictCharField(multi_line=True), "a\n\tb", "a\n\tb"),
        (strict.StrictCharField(allow_blank=True), "", ""),
        (strict.StrictCharField(allow_null=True), None, None),
        (strict.StrictBooleanField(), False, False),
        (strict.StrictDecimalField(), "999.99", Decimal("999.99")),
        (strict.StrictDecimalField(), Decimal("0.1"), Decimal("0.1")),
        (strict.StrictDecimalField(), 12, Decimal(12)),
        (strict.StrictDecimalField(max_decimals=4), "0.06000000", Decimal("0.06")),
        (strict.StrictDecimalField(max_value=1), 1, Decimal(1)),
        (
            strict.UTCDateTimeField(),
            "2026-11-22T16:00:00.5+07:00",
            datetime(2026, 11, 22, 9, 0, 0, 500_000, tzinfo=UTC),
        ),
        *(
            (strict.UTCDateTimeField(), written, datetime(2026, 11, 22, 9, 0, 0, micro, tzinfo=UTC))
            for written, micro in [
                ("2026-11-22T09:00:00.1234567Z", 123_456),  # .NET, DateTime "o"
                ("2026-11-22T16:00:00.1234567+07:00", 123_456),  # .NET, DateTimeOffset "o"
                ("2026-11-22T16:00:00.123456789+07:00", 123_456),  # Go, Java
                ("2026-11-22T09:00:00.120Z", 120_000),  # JavaScript
                ("2026-11-22T16:00:00+0700", 0),  # PHP, DATE_ISO8601
                ("2026-11-22T09:00:00.000+0000", 0),  # Java, Jackson
            ]
        ),
        (
            strict.UTCDateTimeField(),
            "2026-11-22T09:00Z",
            datetime(2026, 11, 22, 9, tzinfo=UTC),
        ),
    ],
    ids=lambda value: ascii(value)[:40] if not isinstance(value, serializers.Field) else None,
)
def test_strict_fields_accept(field: Any, given: object, value: object) -> None:
    accepted = field.run_validation(given)

    assert accepted == value
    assert type(accepted) is type(value)
