"""Forms that count once: sending one again, as a reload of its answer does, does nothing."""

import secrets

from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

FIELD = "once"
MOST_OPEN = 20  # forms that one person may have open in their tabs


def mark(request: HttpRequest) -> str:
    """Return a new form's token, kept in the session of whoever asked for it."""
    token = secrets.token_urlsafe(16)
    request.session[FIELD] = [*request.session.get(FIELD, []), token][-MOST_OPEN:]
    return token


def spend(request: HttpRequest) -> bool:
    """Tell whether a form is sent for the first time; of two at once, one is.

    The session's row is locked for it, because each request has read the session already. What
    bears no token was not sent by a page, so it is no reload either.
    """
    token = request.POST.get(FIELD)
    if token is None:
        return True
    with transaction.atomic():
        kept = Session.objects.select_for_update().filter(pk=request.session.session_key).first()
        values = kept.get_decoded() if kept else {}
        left = [one for one in values.get(FIELD, []) if one != token]
        is_first = len(left) < len(values.get(FIELD, []))
        if kept and is_first:
            kept.session_data = Session.objects.encode({**values, FIELD: left})
            kept.save(update_fields=["session_data"])
    request.session[FIELD] = left
    return is_first
