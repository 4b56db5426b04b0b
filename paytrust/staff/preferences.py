"""The language and the time zone of a member of staff, in two cookies.

Only pages for staff are translated; the API answers in English whatever a client accepts.
"""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

STAFF_PATH = "/admin/"
ZONE_COOKIE = "staff_zone"
ZONES = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Asia/Kuala_Lumpur", "UTC")
YEAR = 365 * 24 * 3600  # seconds


class StaffPreferencesMiddleware:
    """Serves pages for staff in the reader's language and zone, and other paths in none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(STAFF_PATH):
            return self._get_response(request)
        language = translation.get_language_from_request(request)
        with translation.override(language), timezone.override(zone_of(request)):
            response = self._get_response(request)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        response.headers.setdefault("Content-Language", language)
        return response


def zone_of(request: HttpRequest) -> ZoneInfo:
    """Return the zone that a reader chose, or the default zone."""
    chosen = request.COOKIES.get(ZONE_COOKIE, "")
    return ZoneInfo(chosen if chosen in ZONES else settings.STAFF_TIME_ZONE)


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Keep the chosen language and go back."""
    chosen = request.POST.get("language", "")
    answer = _back(request)
    if chosen in dict(settings.LANGUAGES):
        _keep(answer, settings.LANGUAGE_COOKIE_NAME, chosen)
    return answer


@require_POST
def set_zone(request: HttpRequest) -> HttpResponse:
    """Keep the chosen zone and go back."""
    chosen = request.POST.get("zone", "")
    answer = _back(request)
    if chosen in ZONES:
        _keep(answer, ZONE_COOKIE, chosen)
    return answer


def _keep(answer: HttpResponse, name: str, value: str) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=YEAR,
        path=STAFF_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _back(request: HttpRequest) -> HttpResponse:
    address = request.POST.get("next", "")
    allowed = address.startswith(STAFF_PATH) and url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return HttpResponseRedirect(address if allowed else STAFF_PATH)
