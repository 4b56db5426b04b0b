"""Who reads a document: merchants or operators. Each gets the operations that their key opens."""

from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.views import APIView

from paytrust.web.openapi import words


class Document(SchemaGenerator):
    """A document of the operations that one header opens."""

    key_header: ClassVar[str]
    document_title: ClassVar[str]
    document_description: ClassVar[str]

    def _initialise_endpoints(self) -> None:
        super()._initialise_endpoints()  # type: ignore[no-untyped-call]
        found: Any = self.endpoints  # four values each, which the stubs do not know
        self.endpoints = [one for one in found if self._opens(one[3].cls)]

    def _opens(self, view: type[APIView]) -> bool:
        ways = [
            way().authenticate_header(Request(HttpRequest())) for way in view.authentication_classes
        ]
        return self.key_header in ways


class MerchantsDocument(Document):
    """The API that merchants use: GET /openapi.json."""

    key_header = "X-API-Key"
    document_title = words.MERCHANTS_TITLE
    document_description = words.MERCHANTS_DESCRIPTION


class OperatorsDocument(Document):
    """The API that platform operators use: GET /openapi-admin.json."""

    key_header = "X-Admin-Key"
    document_title = words.OPERATORS_TITLE
    document_description = words.OPERATORS_DESCRIPTION


def describe(result: dict[str, Any], generator: Document, **_asked: object) -> dict[str, Any]:
    """Say what the document is, where the API is served, and what its tags mean."""
    address = settings.PUBLIC_BASE_URL.rstrip("/")
    used = {tag for one in operations(result) for tag in one["tags"]}
    result["info"] |= {
        "title": generator.document_title,
        "description": generator.document_description,
        "contact": {"name": "PayTrust", "url": f"{address}/docs"},
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    result["servers"] = [{"url": address, "description": "This installation"}]
    result["tags"] = [
        {"name": name, "description": text} for name, text in words.TAGS.items() if name in used
    ]
    return result


def operations(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operations of a document."""
    return [one for methods in result["paths"].values() for one in methods.values()]
