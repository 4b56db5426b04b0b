"""How long staff stay signed in: a working day at most, and less without use."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

SIGNED_IN_AT = "signed_in_at"
SEEN_AT = "seen_at"
PRECISION_SECONDS = 60  # writing the session at each request would cost each page a commit


class SessionLimitMiddleware:
    """Ends sessions that are too old or were unused for too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            _note_or_end(request, timezone.now())
        return self._get_response(request)


def _note_or_end(request: HttpRequest, now: datetime) -> None:
    moment = now.timestamp()
    signed_in_at = request.session.setdefault(SIGNED_IN_AT, moment)
    seen_at = request.session.setdefault(SEEN_AT, moment)
    if (
        moment - signed_in_at > settings.STAFF_SESSION_SECONDS
        or moment - seen_at > settings.STAFF_IDLE_SECONDS
    ):
        logout(request)
    elif moment - seen_at > PRECISION_SECONDS:
        request.session[SEEN_AT] = moment


def purge(*, now: datetime) -> int:
    """Delete the sessions that have ended; return how many."""
    count, _ = Session.objects.filter(expire_date__lt=now).delete()
    return count
