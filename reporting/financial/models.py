"""Totals of closed days, made from the ledger entries booked on them."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import ALL
from gateways.models import Gateway
from invoices.models import LedgerEntry, MoneyKind
from paytrust.operations import triggers


class ClosedDay(models.Model):
    """A UTC day whose totals are made. Days close in order and never change afterwards.

    `EntryOnOpenDay` has the trigger that books later entries on the first open day.
    """

    merchants_see = ALL

    day_date = models.DateField(primary_key=True)
    closed_at = models.DateTimeField()

    class Meta:
        triggers = triggers.append_only("closed_day")

    def __str__(self) -> str:
        return str(self.day_date)


class EntryOnOpenDay(LedgerEntry):
    """No table: the rule that a ledger entry is booked on a day that is still open."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Trigger(
                name="ledger_entry_on_open_day",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="""
SELECT greatest(NEW.booked_at, (max(day_date) + 1)::timestamp AT TIME ZONE 'UTC')
  INTO NEW.booked_at FROM reporting_closedday;
RETURN NEW;
""",
            )
        ]


class DailyTotal(models.Model):
    """The money of one kind that one tenant had on one UTC day in one currency at one gateway.

    The row without a tax rate has the figures of all entries. A row with a tax rate has only the
    tax at that rate and the number of transactions with it, because a transaction may have several
    rates. Amounts have the sign of the ledger: what went back is negative.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="daily_totals", db_index=False)
    day_date = models.DateField()  # UTC
    kind = models.CharField(max_length=10, choices=MoneyKind)
    currency_code = models.CharField(max_length=3)
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="daily_totals", db_index=False
    )
    tax_rate = models.DecimalField(max_digits=5, decimal_places=4, null=True)
    transaction_count = models.PositiveIntegerField()
    installment_transaction_count = models.PositiveIntegerField()  # with money of an instalment
    overpayment_transaction_count = models.PositiveIntegerField()  # with money of none
    subtotal_amount = models.BigIntegerField()  # minor units, like every *_amount
    total_tax_amount = models.BigIntegerField()
    total_service_fee_amount = models.BigIntegerField()
    overpayment_amount = models.BigIntegerField()
    total_amount = models.BigIntegerField()

    class Meta:
        verbose_name = _("daily total")
        verbose_name_plural = _("daily totals")
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
                condition=Q(
                    total_amount=F("subtotal_amount")
                    + F("total_tax_amount")
                    + F("total_service_fee_amount")
                    + F("overpayment_amount")
                ),
                name="daily_total_is_its_sum",
            ),
        ]
        indexes = [models.Index("day_date", name="daily_total_day")]
        triggers = triggers.append_only("daily_total")

    def __str__(self) -> str:
        return f"{self.day_date} {self.currency_code}"
