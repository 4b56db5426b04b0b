"""The reporting app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from invoices.receipts import issuers


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = _("Reporting")
    default_auto_field = "django.db.models.BigAutoField"
    keeps_tenants_apart = True

    def ready(self) -> None:
        from reporting.statements import services  # noqa: PLC0415  # models are not loaded before

        post_migrate.connect(_give_rights, sender=self)
        issuers.use(services.issuer_of)


def _give_rights(**_signal: object) -> None:
    from reporting.back_office import rights  # noqa: PLC0415  # models are not loaded before

    rights.give_rights()
