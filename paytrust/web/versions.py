"""The version of the API: each answer names it, and a call may name the one it was written for.

`docs/versioning.md` says what changes within a version, and how an endpoint ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import http_date
from rest_framework.views import APIView

from paytrust.errors import PayTrustError
from paytrust.web.problems import answer

HEADER: Final = "PayTrust-Version"
CURRENT: Final = "1"
KNOWN: Final = frozenset({CURRENT})


class UnknownVersion(PayTrustError):
    """PayTrust has no such version of its API. Leave PayTrust-Version out to use the newest."""

    code = "unknown_version"


@dataclass(frozen=True, slots=True)
class Deprecation:
    """The end of an endpoint; a view says so by method in `deprecations`."""

    since: datetime
    sunset: datetime  # from then on it may be missing
    guide: str  # where its successor is described

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of RFC 9745 and RFC 8594."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": http_date(self.sunset.astimezone(UTC).timestamp()),
            "Link": f'<{self.guide}>; rel="deprecation"; type="text/html"',
        }


class VersionMiddleware:
    """Names the version in each answer of the API, and refuses a call for an unknown one.

    What browsers, gateways and probes ask for has no version.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        view = getattr(request, "versioned_view", None)
        if view is None:
            return response
        response.headers[HEADER] = CURRENT
        deprecated: Deprecation | None = getattr(view, "deprecations", {}).get(request.method)
        if deprecated is not None:
            for name, value in deprecated.headers.items():
                response.headers[name] = value
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], *_arguments: object
    ) -> HttpResponseBase | None:
        """Refuse a version that there is not, before anything is done."""
        kind = getattr(view, "cls", None)
        if not (isinstance(kind, type) and issubclass(kind, APIView)):
            return None
        own: dict[str, object] = getattr(view, "initkwargs", {})
        if not own.get("authentication_classes", kind.authentication_classes):
            return None
        request.versioned_view = kind  # type: ignore[attr-defined]  # read when it is answered
        asked = request.headers.get(HEADER)
        if asked is None or asked in KNOWN:
            return None
        known = ", ".join(sorted(KNOWN))
        return answer(
            UnknownVersion(
                f"{HEADER} must be one of: {known}.", details={HEADER: [f"one of: {known}"]}
            ),
            request,
        )
