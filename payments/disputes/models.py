"""Money that a customer's bank asks back, and until when the merchant may answer."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from invoices.models import Invoice, PaymentRequest


class Dispute(models.Model):
    """One dispute as its gateway reports it. It moves no money: a reversal does (spec 4.6)."""

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="disputes", verbose_name=_("tenant")
    )
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="disputes", verbose_name=_("invoice")
    )
    payment_request = models.ForeignKey(
        PaymentRequest, models.PROTECT, related_name="disputes", verbose_name=_("payment request")
    )
    gateway_dispute_id = models.CharField(_("gateway dispute id"), max_length=255)
    raw_status = models.CharField(_("raw status"), max_length=50)  # the gateway's own word
    reason = models.CharField(_("reason"), max_length=255, null=True)
    currency_code = models.CharField(_("currency code"), max_length=3)
    amount = models.BigIntegerField(_("amount"))  # minor units
    due_at = models.DateTimeField(_("due at"), null=True)
    opened_at = models.DateTimeField(_("opened at"))
    updated_at = models.DateTimeField(_("updated at"))
    closed_at = models.DateTimeField(_("closed at"), null=True)

    objects = TenantQuerySet["Dispute"].as_manager()

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
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
