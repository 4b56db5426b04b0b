"""Answers that are XML documents. Errors stay JSON, like everywhere."""

from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.views import APIView

from paytrust.errors import PayTrustError

XML = "application/xml"
XML_NAMES = (XML, "text/xml")  # one format under two names (RFC 7303)
XML_ANSWER: dict[tuple[int, str], OpenApiTypes] = {(HTTPStatus.OK.value, XML): OpenApiTypes.STR}


class NotAcceptable(PayTrustError):
    """The answer is application/xml, which the Accept header does not admit."""

    status = HTTPStatus.NOT_ACCEPTABLE
    code = "not_acceptable"


class XMLView(APIView):
    """A view whose answers are XML documents; refuses callers who want none."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # DRF's own
        super().initial(request, *args, **kwargs)
        if request.method == "GET" and not any(map(request.accepts, XML_NAMES)):
            raise NotAcceptable


def xml_answer(document: bytes) -> HttpResponse:
    """Answer with a document in UTF-8, which says so itself."""
    return HttpResponse(document, content_type=XML)
