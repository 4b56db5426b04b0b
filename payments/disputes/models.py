"""Money that a customer's bank asks back: until when the merchant may answer."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from invoices.models import Invoice, PaymentRequest


class Dispute(models.Model):
    """One dispute as its gateway tells it. It moves no money: a reversal does (spec 4.6)."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="disputes")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="disputes")
    payment_request = models.ForeignKey(PaymentRequest, models.PROTECT, related_name="disputes")
    gateway_dispute_id = models.CharField(max_length=255)
    raw_status = models.CharField(max_length=50)  # the gateway's own word
    reason = models.CharField(max_length=255, null=True)
    currency_code = models.CharField(max_length=3)
    amount = models.BigIntegerField()  # minor units
    due_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Dispute"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "payment_request", "gateway_dispute_id", name="dispute_once_per_payment"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="dispute_amount_positive"),
        ]
        indexes = [
            models.Index("invoice", "id", name="dispute_of_invoice"),
            models.Index(
                "due_at",
                "id",
                condition=Q(closed_at=None),
                name="dispute_open",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Chargeback %(number)s") % {"number": self.pk}
