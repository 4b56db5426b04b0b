"""Warnings of the payments app at the start, and in `manage.py check`."""

from django.conf import settings
from django.core.checks import CheckMessage, Warning  # noqa: A004  # Django's name

UNCONFIRMED = (
    "CONFIRM_WITH_GATEWAY is false: who learns a gateway's callback token can have payments booked"
    " that nobody made, and a notification's state is taken as it is told."
)


def confirmation(**_asked: object) -> list[CheckMessage]:
    """Warn if notifications are booked without asking the gateway (spec 4.4)."""
    if settings.CONFIRM_WITH_GATEWAY:
        return []
    return [Warning(UNCONFIRMED, hint="Leave it out, or set it to true.", id="payments.W001")]
