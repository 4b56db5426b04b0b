"""PayTrust on one's own machine: servers from wheels, the stack and the demo."""

from django.apps import AppConfig


class LocalStackConfig(AppConfig):
    name = "paytrust.localstack"
    label = "localstack"
