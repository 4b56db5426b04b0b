"""Totals of closed days, made from what was settled on them."""

from django.db import models
from django.db.models import Q

from apikeys.models import Tenant
from gateways.models import Gateway


class DailyTotal(models.Model):
    """What one tenant settled on one UTC day in one currency, at one gateway and tax rate."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="daily_totals")
    day_date = models.DateField()  # UTC
    currency_code = models.CharField(max_length=3)
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="daily_totals")
    tax_rate = models.DecimalField(max_digits=5, decimal_places=4)
    transaction_count = models.PositiveIntegerField()
    subtotal_amount = models.BigIntegerField()  # minor units, like every *_amount
    total_tax_amount = models.BigIntegerField()
    total_service_fee_amount = models.BigIntegerField()
    total_amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "tenant",
                "day_date",
                "currency_code",
                "gateway",
                "tax_rate",
                name="daily_total_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    total_amount=models.F("subtotal_amount")
                    + models.F("total_tax_amount")
                    + models.F("total_service_fee_amount")
                ),
                name="daily_total_is_its_sum",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day_date} {self.currency_code}"
