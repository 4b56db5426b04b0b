"""The look of the back office."""

from django.utils.translation import gettext_lazy as _

from paytrust.settings.environment import env
from paytrust.settings.security import ENVIRONMENT

STAFF_TIME_ZONE: str = env.str("STAFF_TIME_ZONE", default="Asia/Jakarta")

NAMES = {
    "production": _("production"),
    "staging": _("staging"),
    "development": _("development"),
}

UNFOLD = {
    "SITE_TITLE": "PayTrust",
    "SITE_HEADER": "PayTrust",
    "SITE_SUBHEADER": NAMES[ENVIRONMENT],
    "SITE_URL": None,
    "SITE_ICON": "reporting.back_office.theme.logo",
    "SITE_FAVICONS": [
        {"rel": "icon", "href": "reporting.back_office.theme.logo", "type": "image/svg+xml"}
    ],
    "STYLES": ["reporting.back_office.theme.style"],
    "SCRIPTS": ["reporting.back_office.theme.script"],
    "SHOW_LANGUAGES": False,  # the header has our own switch, beside the one for the time zone
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": None,
    "SIDEBAR": {"show_search": False, "command_search": False},
}
