"""The invoices app."""

from django.apps import AppConfig
from django.contrib.postgres.indexes import OpClass
from django.db.models.expressions import OrderBy
from django.db.models.functions import Collate
from django.db.models.indexes import IndexExpression
from django.utils.translation import gettext_lazy as _


class InvoicesConfig(AppConfig):
    name = "invoices"
    verbose_name = _("Invoices")
    default_auto_field = "django.db.models.BigAutoField"
    keeps_tenants_apart = True

    def ready(self) -> None:
        # As django.contrib.postgres does; that app would also ask for hstore on each connection.
        IndexExpression.register_wrappers(OrderBy, OpClass, Collate)
