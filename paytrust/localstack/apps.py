"""PayTrust on one's own machine: servers from wheels, the stack and the demo."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from paytrust.operations import clock


class LocalStackConfig(AppConfig):
    name = "paytrust.localstack"
    label = "localstack"

    def ready(self) -> None:
        """Follow the clock that `make up` names; this app is installed in development alone."""
        if settings.ENVIRONMENT == "development" and settings.DEVELOPMENT_CLOCK:
            clock.follow(Path(settings.DEVELOPMENT_CLOCK))
