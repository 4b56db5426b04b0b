"""The apikeys app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ApiKeysConfig(AppConfig):
    name = "apikeys"
    verbose_name = _("Apikeys")
    default_auto_field = "django.db.models.BigAutoField"
    keeps_tenants_apart = True

    def ready(self) -> None:
        post_migrate.connect(_keep_tenants_apart, sender=self)


def _keep_tenants_apart(**_sent: object) -> None:
    from apikeys.tenants import logins, policies  # noqa: PLC0415  # models are not loaded before

    policies.install()
    logins.install()
    logins.limit_all()
