"""Where the documents are read. Each is made once per process."""

import functools
import json
from collections.abc import Callable
from functools import cache
from threading import Lock

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.views import SpectacularSwaggerSplitView

from paytrust.web import problems
from paytrust.web.openapi.generators import Document, MerchantsDocument, OperatorsDocument

View = Callable[..., HttpResponseBase]

_one_at_a_time = Lock()  # drf-spectacular keeps what it has seen in the module


@problems.read_only
def merchants(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # a view's signature
    """Answer with the merchants' document."""
    return HttpResponse(_text(MerchantsDocument), content_type="application/json")


@problems.read_only
def operators(request: HttpRequest) -> HttpResponse:  # noqa: ARG001  # a view's signature
    """Answer with the operators' document."""
    return HttpResponse(_text(OperatorsDocument), content_type="application/json")


def swagger_ui(document: str) -> View:
    """Return the page that shows a document, by the name of its address."""
    page = SpectacularSwaggerSplitView.as_view(url_name=document, authentication_classes=[])
    return problems.read_only(page)


def only_if_switched_on(view: View) -> View:
    """Answer 404 unless OPERATORS_SWAGGER_UI is set."""

    @functools.wraps(view)
    def switched(request: HttpRequest, **path: str) -> HttpResponseBase:
        if not settings.OPERATORS_SWAGGER_UI:
            return problems.not_found(request)
        return view(request, **path)

    return switched


def _text(kind: type[Document]) -> bytes:
    with _one_at_a_time:
        return _made(kind.__name__)


@cache
def _made(name: str) -> bytes:
    kind = next(one for one in (MerchantsDocument, OperatorsDocument) if one.__name__ == name)
    document = kind().get_schema(public=True)  # type: ignore[no-untyped-call]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
