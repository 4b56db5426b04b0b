"""Models of the reporting app. The folder of each noun has its models."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from invoices.models import Installment, Invoice
from reporting.costs.models import (
    ChangedDay,
    CostTotal,
    MarkingLine,
    MarkingTerms,
    MarkingTransaction,
)
from reporting.financial.models import ClosedDay, DailyTotal, EntryOnOpenDay
from reporting.notices.models import NoticeProfile
from reporting.saved_filters.models import SavedFilter
from reporting.statements.models import KeptStatement, StatementProfile

__all__ = [
    "AuditRun",
    "BackOffice",
    "ChangedDay",
    "ClosedDay",
    "CostTotal",
    "DailyTotal",
    "Discrepancy",
    "EntryOnOpenDay",
    "KeptStatement",
    "MarkingLine",
    "MarkingTerms",
    "MarkingTransaction",
    "NoticeProfile",
    "OverdueInstallment",
    "SavedFilter",
    "StatementProfile",
]


class AuditRun(models.Model):
    """One nightly audit of all books."""

    started_at = models.DateTimeField()
    seconds = models.FloatField()
    invoice_id_count = models.PositiveBigIntegerField()
    finding_count = models.PositiveBigIntegerField()  # what does not add up

    def __str__(self) -> str:
        return f"audit of {self.started_at:%Y-%m-%d %H:%M}"


class BackOffice(models.Model):
    """No table: it holds the permissions of staff that belong to no model."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [
            ("operate", gettext_noop("Can do the daily acts of finance")),
            ("administer", gettext_noop("Can manage keys, gateway accounts, fees and staff")),
        ]

    def __str__(self) -> str:
        return "the back office"


class Discrepancy(Invoice):
    """An invoice whose payments differ from what it asks for, as a row of its work queue."""

    class Meta:
        proxy = True
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")


class OverdueInstallment(Installment):
    """An instalment that is overdue, as a row of its work queue."""

    class Meta:
        proxy = True
        verbose_name = _("overdue instalment")
        verbose_name_plural = _("overdue instalments")
