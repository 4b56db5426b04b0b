"""The gateways app."""

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _record_served(*, using: str, **_: object) -> None:
    """Make the rows of gateways that the settings name, once there are tables for them."""
    from gateways import recording  # noqa: PLC0415  # models are not loaded before

    if "gateways_gatewayfee" in connections[using].introspection.table_names():
        recording.record_served()


class GatewaysConfig(AppConfig):
    name = "gateways"
    verbose_name = _("Gateways")
    default_auto_field = "django.db.models.BigAutoField"
    keeps_tenants_apart = True

    def ready(self) -> None:
        """Watch for migrations."""
        post_migrate.connect(_record_served, sender=self)
