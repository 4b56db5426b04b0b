"""JSON bodies: strict when PayTrust reads them, exact when it writes them."""

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any, NoReturn

import msgspec
from django.utils.functional import Promise
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from paytrust.errors import PayTrustError

MAX_DEPTH = 32  # nested arrays and objects; an invoice needs four
MAX_VALUES = 10_000  # of a document; an invoice of 500 full lines has 6000
MAX_NUMBER_LENGTH = 100  # characters
MAX_NUMBER_EXPONENT = 100  # powers of ten, positive or negative
MOST_NAMED = 20  # of the wrong names or places
LONGEST_NAME = 100  # characters shown of a name
MOST_LOOKED_AT = 500  # numbers with an exponent that are checked to name each wrong place
EXPONENT = re.compile(r"[0-9][eE][+-]?[0-9]")
UNSTORABLE = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")
MAY_BE_UNSTORABLE = (b"\\u", b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # how JSON can write them


class MalformedJSON(PayTrustError):
    """The body is not JSON that can be read. Send one JSON document in UTF-8."""

    code = "malformed_json"


def decode(raw: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Read one strict JSON document: UTF-8, no duplicate keys, no NaN, no NUL.

    A byte order mark at its start, as .NET and PowerShell write it, is ignored. Numbers with a
    fraction or an exponent become Decimal, exactly as written. A refusal costs a few milliseconds
    per 100 KB for every shape of document, so the values are counted first.

    Raises:
        MalformedJSON: the bytes are not such a document; the message says where and why.
    """
    _refuse_many_values(raw)
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise MalformedJSON(f"The body is not UTF-8: byte {error.start} is wrong.") from error
    try:
        value = _read(text, _DECODER)
    except _UnreadableNumber as error:
        if len(EXPONENT.findall(text)) > MOST_LOOKED_AT:  # a person does not write so many
            raise MalformedJSON(_wrong_with(str(error)) or "") from error
        raise _wrong_places(_read(text, _LENIENT_DECODER)) from error
    if any(sign in raw for sign in MAY_BE_UNSTORABLE) and next(_wrong(value), None):
        raise _wrong_places(value)
    return value


def encode(value: object) -> bytes:
    """Write JSON: Decimals as plain numbers, UTC times with Z, other objects refused.

    Raises:
        TypeError: `value` has something that JSON cannot express.
    """
    return _ENCODER.encode(value)


def encode_canonical(value: object) -> bytes:
    """Write JSON so that equal values give equal bytes, in any order of their keys."""
    return _CANONICAL_ENCODER.encode(value)


def exact(number: str) -> Decimal:
    """Read a number with a fraction or an exponent exactly, for readers that are less strict.

    Raises:
        ValueError: it is too long, or writing it out would take long.
    """
    wrong = _wrong_with(number)
    if wrong:
        raise ValueError(wrong)
    return Decimal(number)


class StrictJSONParser(BaseParser):
    """Reads request bodies with `decode`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  # any JSON value
        return decode(stream.read())


class JSONRenderer(BaseRenderer):
    """Writes answers with `encode`."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: object,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else encode(data)


class AlwaysJSON(DefaultContentNegotiation):
    """Answers in the view's own format for every `Accept`, because there is only one format."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class _UnreadableNumber(Exception):
    """A number that must not be made, because writing it out would take long."""


class _Wrong(str):
    """Takes the place of a number that must not be made."""

    __slots__ = ()


def _read(text: str, decoder: json.JSONDecoder) -> Any:  # noqa: ANN401  # any JSON value
    try:
        value = decoder.decode(text)
    except RecursionError as error:
        raise _too_deep() from error
    except json.JSONDecodeError as error:
        raise MalformedJSON(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    _refuse_depth(value)
    return value


def _refuse_many_values(raw: bytes) -> None:
    """Count the marks that can begin a value: first in the whole text, then outside of strings."""
    if _starts_of_values(raw) <= MAX_VALUES:
        return
    # A run of backslashes begins with one that escapes, so pairs can be removed first.
    without_escapes = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_texts = b"".join(without_escapes.split(b'"')[::2])
    if _starts_of_values(outside_texts) > MAX_VALUES:
        raise MalformedJSON(f"The body holds more than {MAX_VALUES} values.")


def _starts_of_values(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        times = Counter(key for key, _ in pairs)
        repeated = sorted(key for key, count in times.items() if count > 1)
        raise MalformedJSON(
            f"The body names {short(repeated[0])!r} twice in one object.",
            details=named(repeated, "This field is given more than once."),
        )
    return members


def short(name: str) -> str:
    """Return a name for display: replace what cannot be written, and cut off its end."""
    shown = UNSTORABLE.sub("\ufffd", name)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}..."


def named(names: list[str], wrong: str) -> dict[str, Any]:
    """Return `details` that say the same of each name, or of the first ones and how many more."""
    details: dict[str, Any] = {short(name): [wrong] for name in names[:MOST_NAMED]}
    if len(names) > MOST_NAMED:
        details["more"] = [f"{len(names) - MOST_NAMED} more are not named."]
    return details


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_LENGTH:  # all that can be wrong with a number without an exponent
        raise _UnreadableNumber(text)
    return int(text)


def _fraction(text: str) -> Decimal:
    if _wrong_with(text):
        raise _UnreadableNumber(text)
    return Decimal(text)


def _lenient(text: str) -> object:
    return _Wrong(text) if _wrong_with(text) else text


def _wrong_with(number: str) -> str | None:
    if len(number) > MAX_NUMBER_LENGTH:
        return f"A number is longer than {MAX_NUMBER_LENGTH} characters."
    if number.isdecimal():
        return None
    try:
        exponent = Decimal(number).adjusted()
    except InvalidOperation:  # an exponent beyond what Decimal can hold
        exponent = MAX_NUMBER_EXPONENT + 1
    if abs(exponent) > MAX_NUMBER_EXPONENT:
        return f"The number {number} is out of all proportion."
    return None


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJSON(f"{name} is not JSON. Send a number.")


def _refuse_depth(value: object) -> None:
    """Refuse deep nesting, level by level."""
    level, depth = [value], 0
    while containers := [one for one in level if type(one) is dict or type(one) is list]:
        if depth == MAX_DEPTH:
            raise _too_deep()
        depth += 1
        level = []
        for one in containers:
            level += one.values() if type(one) is dict else one


def _too_deep() -> MalformedJSON:
    return MalformedJSON(f"The body nests deeper than {MAX_DEPTH} levels.")


def _wrong_places(value: object) -> MalformedJSON:
    """Return the refusal of a document, with the wrong places that a person can correct."""
    found = list(_wrong(value))
    details: dict[str, Any] = {}
    for place, wrong in found[:MOST_NAMED]:
        inner = details
        for step in place[:-1]:
            inner = inner.setdefault(step, {})
            if isinstance(inner, list):  # the name of this object is wrong too
                break
        else:
            inner.setdefault(place[-1], [_said_of(wrong)])
    if len(found) > MOST_NAMED:
        details["more"] = [f"{len(found) - MOST_NAMED} more are not named."]
    return MalformedJSON(_said_of(found[0][1]), details=details)


def _wrong(value: object, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each number or text that cannot be stored, after its place."""
    if isinstance(value, dict):
        for name, member in value.items():
            inside = (*place, short(name))
            if UNSTORABLE.search(name):
                yield inside, name
            yield from _wrong(member, inside)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            if not isinstance(member, str):
                yield from _wrong(member, (*place, str(index)))
            elif type(member) is _Wrong or UNSTORABLE.search(member):
                yield (*place, str(index)), member
    elif isinstance(value, str) and (type(value) is _Wrong or UNSTORABLE.search(value)):
        yield place or ("body",), value


def _said_of(wrong: str) -> str:
    if isinstance(wrong, _Wrong):
        return _wrong_with(wrong) or ""
    found = UNSTORABLE.search(wrong)
    return _unstorable(found[0]) if found else ""


def _unstorable(character: str) -> str:
    if character == "\x00":
        return "A text holds the NUL character, which cannot be stored."
    if "\ud800" <= character <= "\udfff":
        return "A text holds half of a surrogate pair (\\ud800 to \\udfff)."
    return "A text holds U+FFFE or U+FFFF, which are no characters."


def _plain(value: object) -> object:
    if isinstance(value, str):  # a subclass, such as DRF's ErrorDetail
        return str.__str__(value)
    if isinstance(value, Promise):  # a translatable text
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_refuse_constant,
)
_LENIENT_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_lenient,
    parse_float=_lenient,
    parse_constant=_refuse_constant,
)
_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
_CANONICAL_ENCODER = msgspec.json.Encoder(
    enc_hook=_plain, decimal_format="number", order="deterministic"
)
