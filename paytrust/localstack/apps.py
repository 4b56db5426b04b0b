"""PayTrust on a developer's machine: servers from wheels, the stack and the demo."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from paytrust.operations import clock


class LocalStackConfig(AppConfig):
    name = "paytrust.localstack"
    label = "localstack"

    def ready(self) -> None:
        """Follow the clock file that `make up` names; only development installs this app."""
        if settings.ENVIRONMENT == "development" and settings.DEVELOPMENT_CLOCK:
            clock.follow(Path(settings.DEVELOPMENT_CLOCK))
