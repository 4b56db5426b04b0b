"""JSON bodies in and out, and answers before they become HTTP responses."""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

_encoder = msgspec.json.Encoder(decimal_format="number")


class MalformedBody(ValueError):
    """The body is not a JSON object."""


@dataclass
class Answer:
    """The gateway's answer: JSON, unless `text` is given."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        return self.text.encode() if self.text is not None else encode(self.body)

    def response(self) -> HttpResponse:
        content = self.encoded()
        return HttpResponse(
            content,
            status=self.status,
            content_type=self.content_type,
            headers={"Content-Length": str(len(content)), **self.headers},
        )


class Refused(Exception):
    """The gateway refuses; the exception has its answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.answer = answer


def encode(value: object) -> bytes:
    return _encoder.encode(value)


def decode_object(raw: bytes) -> dict[str, Any]:
    """Read a JSON object with exact decimals; an empty body and `null` are an empty object.

    Midtrans's client for Node sends `null` if it has no fields to send.

    Raises:
        MalformedBody: the body is something else.
    """
    if not raw.strip():
        return {}
    try:
        value = json.loads(raw, parse_float=Decimal)
    except ValueError as error:
        raise MalformedBody("the body is not JSON") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedBody("the body is not a JSON object")
    return value


def fields_of(request: HttpRequest) -> dict[str, Any]:
    """Read the fields of a JSON or form body; the first character also shows that it is JSON.

    Raises:
        MalformedBody: a JSON body that is not an object.
    """
    if request.body.lstrip().startswith(b"{"):
        return decode_object(request.body)
    if request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return {name: value for name, value in request.POST.items() if value != ""}
    return decode_object(request.body)
