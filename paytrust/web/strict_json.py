"""JSON as it crosses the wire: strict on the way in, exact on the way out."""

import codecs
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

import msgspec
from django.utils.functional import Promise
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from paytrust.errors import PayTrustError

MAX_DEPTH = 32  # nested arrays and objects; an invoice needs four
MAX_NUMBER_LENGTH = 100  # characters
MAX_NUMBER_EXPONENT = 100  # powers of ten, either way


class MalformedJSON(PayTrustError):
    """The body is not JSON that can be read. Send one JSON document in UTF-8."""

    code = "malformed_json"


def decode(raw: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Read one strict JSON document: UTF-8, no duplicate keys, no NaN, no NUL.

    A byte order mark at its start, as .NET and PowerShell write it, is passed over.
    Numbers with a fraction or an exponent become Decimal, exactly as written.

    Raises:
        MalformedJSON: the bytes are no such document; the message says where and why.
    """
    try:
        value = _DECODER.decode(raw.removeprefix(codecs.BOM_UTF8).decode())
        _refuse_unstorable(value, strings=b"\\u" in raw)
    except UnicodeDecodeError as error:
        raise MalformedJSON(f"The body is not UTF-8: byte {error.start} is wrong.") from error
    except RecursionError as error:
        raise MalformedJSON(f"The body nests deeper than {MAX_DEPTH} levels.") from error
    except json.JSONDecodeError as error:
        raise MalformedJSON(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    return value


def encode(value: object) -> bytes:
    """Write JSON: Decimals as plain numbers, UTC times with Z, other objects refused.

    Raises:
        TypeError: `value` holds something that JSON cannot say.
    """
    return _ENCODER.encode(value)


def encode_canonical(value: object) -> bytes:
    """Write JSON so that equal values give equal bytes, whatever the order of their keys."""
    return _CANONICAL_ENCODER.encode(value)


class StrictJSONParser(BaseParser):
    """Reads request bodies by `decode`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  # any JSON value
        return decode(stream.read())


class JSONRenderer(BaseRenderer):
    """Writes answers by `encode`."""

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
    """Answers in the view's own format whatever `Accept` says: there is only one."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = sorted({key for key in keys if keys.count(key) > 1})
        raise MalformedJSON(
            f"The body names {repeated[0]!r} twice in one object.",
            details={key: ["This field is given more than once."] for key in repeated},
        )
    return members


def _integer(text: str) -> int:
    _refuse_long(text)
    return int(text)


def _fraction(text: str) -> Decimal:
    _refuse_long(text)
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_NUMBER_EXPONENT:
        raise MalformedJSON(f"The number {text} is out of all proportion.")
    return number


def _refuse_long(text: str) -> None:
    if len(text) > MAX_NUMBER_LENGTH:
        raise MalformedJSON(f"A number is longer than {MAX_NUMBER_LENGTH} characters.")


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJSON(f"{name} is not JSON. Send a number.")


def _refuse_unstorable(value: object, *, strings: bool, depth: int = 0) -> None:
    """Refuse deep nesting, and (only escapes can write them) NUL and lone surrogates."""
    if isinstance(value, str):
        if strings:
            _refuse_unstorable_text(value)
    elif isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise MalformedJSON(f"The body nests deeper than {MAX_DEPTH} levels.")
        if isinstance(value, dict):
            if strings:
                _refuse_unstorable_text("".join(value))
            value = list(value.values())
        for member in value:
            _refuse_unstorable(member, strings=strings, depth=depth + 1)


def _refuse_unstorable_text(text: str) -> None:
    if "\x00" in text:
        raise MalformedJSON("A text holds the NUL character, which cannot be stored.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedJSON(
            "A text holds half of a surrogate pair (\\ud800 to \\udfff)."
        ) from error


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
_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
_CANONICAL_ENCODER = msgspec.json.Encoder(
    enc_hook=_plain, decimal_format="number", order="deterministic"
)
