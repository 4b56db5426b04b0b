"""The guide for merchants, where WhiteNoise has no page of it."""

from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

NOT_BUILT: Final = (
    "The guide has not been built here. Run `make guide`, and start PayTrust again.\n"
    "Its pages are also in the repository, in docs/guide/pages.\n"
)
NO_SUCH_PAGE: Final = "The guide has no such page. It begins at /guide/\n"


@require_safe
def not_here(_request: HttpRequest) -> HttpResponse:
    """Say in plain text why there is no page."""
    text = NOT_BUILT if settings.WHITENOISE_ROOT is None else NO_SUCH_PAGE
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=HTTPStatus.NOT_FOUND)
