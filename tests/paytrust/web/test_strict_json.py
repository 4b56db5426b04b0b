from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ErrorDetail

from paytrust.web import strict_json

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufffe\uffff"), max_size=20
)
NUMBERS = st.integers(-(2**53), 2**53) | st.decimals(-(10**15), 10**15, places=4)
VALUES = st.recursive(
    st.none() | st.booleans() | TEXTS | NUMBERS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXTS, values, max_size=4),
    max_leaves=10,
)
BIG = "The number 1e400 is out of all proportion."
NUL = "A text holds the NUL character, which cannot be stored."
HALF = "A text holds half of a surrogate pair (\\ud800 to \\udfff)."
NONE = "A text holds U+FFFE or U+FFFF, which are no characters."


class TestDecode:
    @given(value=VALUES)
    def test_reads_what_encode_wrote_without_changing_a_digit(self, value: object) -> None:
        read = strict_json.decode(strict_json.encode(value))

        assert read == value
        assert strict_json.encode(read) == strict_json.encode(value)

    @pytest.mark.parametrize("text", ["999.99", "0.1", "1.10", "0.30000000000000004", "1e3"])
    def test_keeps_fractions_exactly_as_written(self, text: str) -> None:
        number = strict_json.decode(f"[{text}]".encode())[0]

        assert isinstance(number, Decimal)
        assert number.as_tuple() == Decimal(text).as_tuple()

    def test_passes_over_a_byte_order_mark(self) -> None:
        assert strict_json.decode(b'\xef\xbb\xbf{"a": 1.5}') == {"a": Decimal("1.5")}

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            (b"", "Expecting value at line 1, column 1"),
            (b"  ", "Expecting value"),
            (b'{"a": 1', "Expecting ',' delimiter"),
            (b"{'a': 1}", "Expecting property name"),
            (b"{} {}", "Extra data"),
            (b"\xef\xbb\xbf", "Expecting value"),
            (b"\xef\xbb\xbf\xef\xbb\xbf{}", "Expecting value"),
            (b'{"a": NaN}', "NaN is not JSON"),
            (b"[Infinity]", "Infinity is not JSON"),
            (b"[-Infinity]", "-Infinity is not JSON"),
            (b'"\xff"', "not UTF-8: byte 1"),
            (b'"\xed\xa0\x80"', "not UTF-8: byte 1"),
            (b'"a\x00b"', "Invalid control character"),
            (b'"a\\u0000b"', "NUL"),
            (b'{"a\\u0000b": 1}', "NUL"),
            (b'"\\ud800"', "surrogate"),
            (b'{"a": ["\\udfff"]}', "surrogate"),
            (b'{"\\ud800": 1}', "surrogate"),
            (b"1e999999999", "out of all proportion"),
            (b"0e-999999999", "out of all proportion"),
            (b"1e101", "out of all proportion"),
            (b"1" * 101, "longer than 100 characters"),
            (b"0." + b"1" * 99, "longer than 100 characters"),
            (b"[" * 9_000, "deeper than 32"),
            (b"[" * 9_000 + b"]" * 9_000, "deeper than 32"),
            (b'{"a":' * 9_000, "deeper than 32"),
            (b"[" * 100_000, "more than 10000 values"),
            (b'"\\"", ' * 11_000, "more than 10000 values"),
            (b'"\xef\xbf\xbe"', "U+FFFE"),
            (b'["\\uFFFF"]', "U+FFFF"),
            (b"1e99999999999999999999999", "out of all proportion"),
            (b"[" * 33 + b"]" * 33, "deeper than 32"),
        ],
        ids=lambda value: repr(value[:24]),
    )
    def test_refuses_what_is_not_strict_json(self, raw: bytes, message: str) -> None:
        with pytest.raises(strict_json.MalformedJSON) as refusal:
            strict_json.decode(raw)

        assert message in str(refusal.value)
        assert (refusal.value.status, refusal.value.code) == (400, "malformed_json")

    def test_names_the_keys_given_twice(self) -> None:
        with pytest.raises(strict_json.MalformedJSON, match="'total' twice") as refusal:
            strict_json.decode(b'{"line": {"total": 1, "name": "x", "total": 1}}')

        assert refusal.value.details == {"total": ["This field is given more than once."]}

    @pytest.mark.parametrize(
        ("raw", "details"),
        [
            (b'{"lines": [{"price": 1}, {"price": 1e400}]}', {"lines": {"1": {"price": [BIG]}}}),
            (b'{"a": {"b": "x\\u0000"}, "c": "\\ud800"}', {"a": {"b": [NUL]}, "c": [HALF]}),
            (b'{"x\\uffff": {"b": "\\u0000"}}', {"x\ufffd": [NONE]}),
            (b"1e400", {"body": [BIG]}),
        ],
    )
    def test_names_the_places_that_can_be_mended(self, raw: bytes, details: object) -> None:
        with pytest.raises(strict_json.MalformedJSON) as refusal:
            strict_json.decode(raw)

        assert refusal.value.details == details

    def test_names_twenty_and_says_how_many_more(self) -> None:
        names = ", ".join(f'"{i:03}": 1, "{i:03}": 2' for i in range(50))

        with pytest.raises(strict_json.MalformedJSON) as refusal:
            strict_json.decode(f"{{{names}}}".encode())

        details = refusal.value.details
        assert list(details) == [*(f"{i:03}" for i in range(20)), "more"]
        assert details["more"] == ["30 more are not named."]

    def test_counts_no_value_inside_of_a_text(self) -> None:
        commas = "," * 20_000 + '\\\\\\"' + "[" * 20_000

        assert strict_json.decode(f'{{"a": "{commas}"}}'.encode()) == {
            "a": "," * 20_000 + '\\"' + "[" * 20_000
        }

    @pytest.mark.parametrize(
        ("raw", "value"),
        [
            (b"[" * 32 + b"]" * 32, None),
            (b'"\\\\u0000"', "\\u0000"),
            (b'"\\ud83d\\ude00"', "\U0001f600"),
            (b"1e100", Decimal("1e100")),
            (b"1" * 100, int("1" * 100)),
        ],
    )
    def test_accepts_what_only_looks_wrong(self, raw: bytes, value: object) -> None:
        read = strict_json.decode(raw)

        assert value is None or read == value


class TestEncode:
    def test_writes_decimals_as_plain_numbers(self) -> None:
        assert strict_json.encode([Decimal("999.990"), Decimal(3)]) == b"[999.990,3]"

    def test_writes_utc_times_with_z(self) -> None:
        times = [datetime(2026, 11, 22, 9, tzinfo=UTC), datetime(2026, 11, 22, 9, 0, 0, 5, UTC)]

        assert (
            strict_json.encode(times) == b'["2026-11-22T09:00:00Z","2026-11-22T09:00:00.000005Z"]'
        )

    def test_writes_what_django_and_drf_call_text(self) -> None:
        assert strict_json.encode([gettext_lazy("yes"), ErrorDetail("no")]) == b'["yes","no"]'

    def test_refuses_objects_without_a_json_form(self) -> None:
        with pytest.raises(TypeError, match="object has no JSON form"):
            strict_json.encode(object())


class TestEncodeCanonical:
    def test_does_not_depend_on_the_order_of_keys(self) -> None:
        one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}

        assert strict_json.encode(one) != strict_json.encode(other)
        assert strict_json.encode_canonical(one) == strict_json.encode_canonical(other)
