"""Totals of closed days, made from the settlement entries booked on them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import ALL
from gateways.models import Gateway
from invoices.models import Installment, Invoice, SettlementEntry


class ClosedDay(models.Model):
    """A UTC day whose totals are made. Days close in order and never change afterwards."""

    merchants_see = ALL

    day_date = models.DateField(primary_key=True)
    closed_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.day_date)


class DailyTotal(models.Model):
    """What one tenant settled, or had reversed, on one UTC day in one currency at one gateway.

    The row without a tax rate bears the columns of the report. The rows with one bear only the
    tax at that rate and how many instalments have it, because an instalment may have several.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="daily_totals")
    day_date = models.DateField()  # UTC
    kind = models.CharField(max_length=10, choices=SettlementEntry.Kind)
    currency_code = models.CharField(max_length=3)
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="daily_totals")
    tax_rate = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    entry_count = models.PositiveIntegerField()
    subtotal_amount = models.BigIntegerField()  # minor units, like every *_amount
    total_tax_amount = models.BigIntegerField()
    total_service_fee_amount = models.BigIntegerField()
    total_amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "tenant",
                "day_date",
                "kind",
                "currency_code",
                "gateway",
                "tax_rate",
                name="daily_total_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(tax_rate__isnull=False)
                | Q(
                    total_amount=models.F("subtotal_amount")
                    + models.F("total_tax_amount")
                    + models.F("total_service_fee_amount")
                ),
                name="daily_total_is_its_sum",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day_date} {self.currency_code}"


class AuditRun(models.Model):
    """One nightly audit of all books."""

    started_at = models.DateTimeField()
    seconds = models.FloatField()
    invoice_id_count = models.PositiveBigIntegerField()
    finding_count = models.PositiveBigIntegerField()  # what does not add up

    def __str__(self) -> str:
        return f"audit of {self.started_at:%Y-%m-%d %H:%M}"


class BackOffice(models.Model):
    """No table: it bears the permissions of staff that belong to no model."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [
            ("operate", "Can do the daily acts of finance"),
            ("administer", "Can manage keys, gateway accounts, fees and staff"),
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
    """An instalment that should have been paid, as a row of its work queue."""

    class Meta:
        proxy = True
        verbose_name = _("overdue instalment")
        verbose_name_plural = _("overdue instalments")
