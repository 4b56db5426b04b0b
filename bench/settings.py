"""PayTrust's settings with the lean references beside its own paths."""

from rest_framework.settings import api_settings

from paytrust.settings import *  # noqa: F403
from paytrust.settings import MIDDLEWARE as OWN_MIDDLEWARE

ROOT_URLCONF = "bench.urls"
MIDDLEWARE = ["bench.lean.PlainDjango", *OWN_MIDDLEWARE]
api_settings.reload()  # the gateways' adapters had it read these settings before they were whole
