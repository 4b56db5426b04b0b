"""Forms that count once: sending one again, as a reload of its answer does, does nothing."""

import secrets

from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

FIELD = "once"
KEPT = 50  # the last forms that somebody sent in a session


def new_token() -> str:
    """Return what tells one form from every other."""
    return secrets.token_urlsafe(16)


def spend(request: HttpRequest) -> bool:
    """Tell whether a form is sent for the first time; of two at once, one is.

    The session's row is locked for it, because each request has read the session already. What
    bears no token was not sent by a page, so it is no reload either.
    """
    token = request.POST.get(FIELD)
    if token is None:
        return True
    with transaction.atomic():
        kept = Session.objects.select_for_update().get(pk=request.session.session_key)
        values = kept.get_decoded()
        spent: list[str] = values.get(FIELD, [])
        is_first = token not in spent
        if is_first:
            spent = [*spent, token][-KEPT:]
            kept.session_data = Session.objects.encode({**values, FIELD: spent})
            kept.save(update_fields=["session_data"])
    request.session[FIELD] = spent  # or the end of this request would write what it read before
    return is_first
