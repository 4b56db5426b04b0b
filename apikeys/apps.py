"""The apikeys app."""

from django.apps import AppConfig


class ApiKeysConfig(AppConfig):
    name = "apikeys"
    default_auto_field = "django.db.models.BigAutoField"
