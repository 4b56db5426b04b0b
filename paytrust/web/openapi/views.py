"""Where the documents are read. Each is made once per process."""

import json
from functools import cache
from threading import Lock

from django.http import HttpRequest, HttpResponse

from paytrust.web import problems
from paytrust.web.openapi.generators import Document, MerchantsDocument, OperatorsDocument

_one_at_a_time = Lock()  # drf-spectacular keeps what it has seen in the module


@problems.read_only
def merchants(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # a view's signature
    """Answer with the merchants' document."""
    return HttpResponse(_text(MerchantsDocument), content_type="application/json")


@problems.read_only
def operators(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # a view's signature
    """Answer with the operators' document."""
    return HttpResponse(_text(OperatorsDocument), content_type="application/json")


def _text(kind: type[Document]) -> bytes:
    with _one_at_a_time:
        return _made(kind.__name__)


@cache
def _made(name: str) -> bytes:
    kind = next(one for one in (MerchantsDocument, OperatorsDocument) if one.__name__ == name)
    document = kind().get_schema(public=True)  # type: ignore[no-untyped-call]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
