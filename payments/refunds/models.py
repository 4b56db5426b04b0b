"""Money that goes back because the merchant wants it."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from gateways.refunds import RefundReason
from invoices.models import Invoice, Transaction
from payments.refunds import states


class RefundQuerySet(TenantQuerySet["Refund"]):
    def locked(self) -> Self:
        """Row locks in key order. Evaluate it inside a transaction, or no lock is taken."""
        return self.order_by("pk").select_for_update(of=("self",))

    def active(self) -> Self:
        """Refunds whose money may still go back."""
        return self.filter(status__in=states.ACTIVE)

    def due(self, now: datetime) -> Self:
        """Refunds about which the gateway must be asked by `now`, and no caller is asking."""
        free = Q(leased_until=None) | Q(leased_until__lte=now)
        return self.filter(free, status__in=states.ASKED, next_check_at__lte=now)


class Refund(models.Model):
    """One request to give back money of one payment. Its reference is fixed before the call."""

    Status = states.Status

    class Method(models.TextChoices):
        GATEWAY = "gateway", _("Gateway")
        # A person sends the money by bank, with this reference
        MANUAL = "manual", _("Manual")

    class Reason(models.TextChoices):
        DUPLICATE = RefundReason.DUPLICATE, _("Duplicate")
        FRAUDULENT = RefundReason.FRAUDULENT, _("Fraudulent")
        REQUESTED_BY_CUSTOMER = RefundReason.REQUESTED_BY_CUSTOMER, _("Requested By Customer")
        CANCELLATION = RefundReason.CANCELLATION, _("Cancellation")
        OTHER = RefundReason.OTHER, _("Other")

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="refunds", verbose_name=_("tenant")
    )
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="refunds", verbose_name=_("invoice")
    )
    # The payment whose money goes back.
    transaction = models.ForeignKey(
        Transaction, models.PROTECT, related_name="refunds", verbose_name=_("transaction")
    )
    # The ledger's row of the money that went back.
    booked_as = models.OneToOneField(
        Transaction,
        models.PROTECT,
        null=True,
        related_name="asked_for_by",
        verbose_name=_("booked as"),
    )
    amount = models.BigIntegerField(_("amount"))  # minor units of the invoice's currency
    currency_code = models.CharField(_("currency code"), max_length=3)
    reason = models.CharField(_("reason"), max_length=25, choices=Reason)
    note = models.CharField(_("note"), max_length=500, null=True)
    external_id = models.CharField(_("external id"), max_length=255, null=True)
    metadata = models.JSONField(_("metadata"), default=dict)
    method = models.CharField(_("method"), max_length=10, choices=Method, default=Method.GATEWAY)
    reference = models.CharField(_("reference"), max_length=50, unique=True)
    # Of a manual refund
    bank_reference = models.CharField(_("bank reference"), max_length=140, null=True)
    gateway_refund_id = models.CharField(_("gateway refund id"), max_length=255, null=True)
    status = models.CharField(_("status"), max_length=10, choices=states.Status)
    failure_code = models.CharField(_("failure code"), max_length=100, null=True)
    failure_message = models.CharField(_("failure message"), max_length=500, null=True)
    # A caller asks the gateway until then
    leased_until = models.DateTimeField(_("leased until"), null=True)
    # How often the gateway was asked to make it
    tries = models.PositiveIntegerField(_("tries"), default=0)
    next_check_at = models.DateTimeField(_("next check at"), null=True)
    # Of the call that asked for it
    idempotency_record_id = models.UUIDField(_("idempotency record id"), null=True)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = RefundQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(
                "transaction",
                condition=Q(status__in=states.ACTIVE),
                name="refund_one_active_per_payment",
            ),
            models.UniqueConstraint(
                "tenant",
                "external_id",
                condition=Q(external_id__isnull=False) & ~Q(status__in=["failed", "cancelled"]),
                name="refund_external_id",
            ),
            models.UniqueConstraint(
                "idempotency_record_id",
                condition=Q(idempotency_record_id__isnull=False),
                name="refund_once_per_call",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(method="gateway", bank_reference=None)
                | Q(method="manual", bank_reference__isnull=False),
                name="refund_manual_names_the_bank",
            ),
            models.CheckConstraint(
                condition=Q(status__in=states.ASKED, next_check_at__isnull=False)
                | Q(next_check_at=None),
                name="refund_asked_about_has_a_due_time",
            ),
        ]
        indexes = [
            models.Index("tenant", F("id").desc(), name="refund_newest"),
            models.Index("invoice", "id", name="refund_of_invoice"),
            models.Index("tenant", "updated_at", name="refund_updated"),
            models.Index(
                "next_check_at",
                condition=Q(next_check_at__isnull=False),
                name="refund_to_check",
            ),
            models.Index(F("id").desc(), condition=Q(status="requested"), name="refund_waiting"),
            models.Index("gateway_refund_id", name="refund_gateway_id"),
        ]
        triggers = states.PROTECTED

    def __str__(self) -> str:
        return gettext("Refund %(number)s") % {"number": self.pk}

    def is_leased(self, now: datetime) -> bool:
        """Return whether a caller is asking the gateway about it."""
        return self.leased_until is not None and self.leased_until > now


class RefundLimit(models.Model):
    """The amount of one invoice that a merchant's key alone may give back; without a row, all."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="refund_limits")
    currency_code = models.CharField(max_length=3)
    amount = models.BigIntegerField()  # minor units; 0: every refund waits for two people
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("tenant", "currency_code", name="refund_limit_per_currency"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="refund_limit_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency_code}"
