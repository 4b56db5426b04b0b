"""The payments app."""

import structlog
from django.apps import AppConfig
from django.core.checks import register
from django.utils.translation import gettext_lazy as _

from payments import checks

log = structlog.get_logger(__name__)


class PaymentsConfig(AppConfig):
    name = "payments"
    verbose_name = _("Payments")
    default_auto_field = "django.db.models.BigAutoField"
    keeps_tenants_apart = True

    def ready(self) -> None:
        register(checks.confirmation)
        for warning in checks.confirmation():
            log.warning(warning.msg)
