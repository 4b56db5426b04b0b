"""Settings by topic, each read from the environment. `.env.example` says what each means."""

import importlib.util

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from gateways.descriptor import loaded
from paytrust.operations import logging, production
from paytrust.settings.api import *
from paytrust.settings.back_office import *
from paytrust.settings.database import *
from paytrust.settings.environment import BASE_DIR as BASE_DIR
from paytrust.settings.environment import env
from paytrust.settings.events import *
from paytrust.settings.framework import *
from paytrust.settings.gateways import *
from paytrust.settings.queue import *
from paytrust.settings.security import *
from paytrust.settings.watching import *

django_stubs_ext.monkeypatch()  # so that ModelAdmin[...] and QuerySet[...] work at runtime

# Servers from wheels and the demo are on developers' machines, not in the image.
if ENVIRONMENT == "development" and importlib.util.find_spec("paytrust.localstack"):
    INSTALLED_APPS = [*INSTALLED_APPS, "paytrust.localstack"]

if ENVIRONMENT == "production" and (
    objections := production.objections(
        debug=DEBUG,
        public_base_url=PUBLIC_BASE_URL,
        trusted_proxies=TRUSTED_PROXIES,
        gateway_urls={
            address.variable: GATEWAY_CONNECTIONS[one.code][name]
            for one in loaded(tuple(GATEWAYS))
            for name, address in one.addresses.items()
        },
        gateway_credentials={
            variable: GATEWAY_CONNECTIONS[one.code][name]
            for one in loaded(tuple(GATEWAYS))
            for name, variable in one.credentials.items()
        },
        test_credentials=tuple(
            prefix for one in loaded(tuple(GATEWAYS)) for prefix in one.test_credentials
        ),
    )
):
    raise ImproperlyConfigured(
        "Not fit for production (ENVIRONMENT says otherwise where it is none): "
        + "; ".join(objections)
    )

LOGGING_CONFIG = None
logging.configure(level=env.str("LOG_LEVEL", default="INFO"))
