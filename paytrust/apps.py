"""The project as an app: its commands and templates."""

from django.apps import AppConfig


class PaytrustConfig(AppConfig):
    name = "paytrust"
