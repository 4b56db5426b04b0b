"""Answers that are XML documents, whatever the Accept header says. Errors stay JSON."""

from http import HTTPStatus

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes

XML = "application/xml"
# Bytes, for a document names its encoding itself; generated clients then hand it out unread.
XML_ANSWER: dict[tuple[int, str], OpenApiTypes] = {(HTTPStatus.OK.value, XML): OpenApiTypes.BINARY}


def xml_answer(document: bytes) -> HttpResponse:
    """Answer with a document in UTF-8, which says so itself."""
    return HttpResponse(document, content_type=XML)
