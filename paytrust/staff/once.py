"""Forms that count once: a form that is sent again, as by a reload, does nothing."""

import secrets

from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

FIELD = "once"
KEPT = 50  # the last forms that a person sent in a session


def new_token() -> str:
    """Return a token that no other form has."""
    return secrets.token_urlsafe(16)


def spend(request: HttpRequest) -> bool:
    """Return whether a form is sent for the first time; of two at once, one is.

    The session's row is locked for this, because each request has read the session before. A
    request without a token did not come from a page, so it counts as the first time.
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
    request.session[FIELD] = spent  # else the end of this request would write back what it read
    return is_first
