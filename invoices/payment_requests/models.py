"""One demand at a gateway for one instalment."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from gateways.models import Gateway, GatewayAccount
from invoices.payment_requests import states
from paytrust.operations import triggers


class PaymentRequestQuerySet(TenantQuerySet["PaymentRequest"]):
    def locked(self) -> Self:
        """Row locks in key order, after their invoices'. Evaluate it inside a transaction."""
        return self.order_by("pk").select_for_update(of=("self",))

    def active(self) -> Self:
        """Those that a customer may still pay, or that are being opened."""
        return self.filter(status__in=PaymentRequest.ACTIVE)

    def to_check(self, now: datetime) -> Self:
        """Those about which the gateway is to be asked by `now`, because no notification came."""
        return self.filter(status__in=states.CHECKED, next_check_at__lte=now)

    def left_closing(self, now: datetime) -> Self:
        """Those whose closing a crash or a failure has interrupted; a call goes on with it."""
        return self.filter(
            Q(leased_until=None) | Q(leased_until__lte=now), status=PaymentRequest.Status.CLOSING
        )


class PaymentRequest(models.Model):
    """One demand at a gateway for one instalment. Its reference is fixed before the call."""

    Status = states.Status
    ACTIVE = states.ACTIVE

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="payment_requests", verbose_name=_("tenant")
    )
    invoice = models.ForeignKey(
        "Invoice", models.PROTECT, related_name="payment_requests", verbose_name=_("invoice")
    )
    installment = models.ForeignKey(
        "Installment", models.PROTECT, related_name="payment_requests", verbose_name=_("instalment")
    )
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="payment_requests", verbose_name=_("gateway")
    )
    # The one it was opened with; none: the platform's in the environment
    account = models.ForeignKey(
        GatewayAccount,
        models.PROTECT,
        null=True,
        related_name="payment_requests",
        db_index=False,
        verbose_name=_("account"),
    )
    sequence = models.PositiveIntegerField(_("sequence"))  # 1, 2, 3 ... of its instalment
    reference = models.CharField(_("reference"), max_length=50, unique=True)
    amount = models.BigIntegerField(_("amount"))
    currency_code = models.CharField(_("currency code"), max_length=3)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPENING)
    # A caller may ask the gateway until then
    leased_until = models.DateTimeField(_("leased until"), null=True)
    # Times the gateway was asked to make it
    tries = models.PositiveIntegerField(_("tries"), default=0)
    gateway_payment_id = models.CharField(_("gateway payment id"), max_length=255, null=True)
    # The payment's own id where the gateway gives it one (Xendit's payment_id), as it came.
    gateway_charge_id = models.CharField(_("gateway charge id"), max_length=255, null=True)
    payment_url = models.CharField(_("payment url"), max_length=2000, null=True)
    instructions = models.JSONField(_("instructions"), null=True, encoder=DjangoJSONEncoder)
    # Opens our own page, without a login
    page_token = models.CharField(_("page token"), max_length=64, null=True)
    # By which the gateway closes its own page (Snap); the customer's address shows it too.
    gateway_page_token = models.CharField(_("gateway page token"), max_length=255, null=True)
    created_at = models.DateTimeField(_("created at"))
    opened_at = models.DateTimeField(_("opened at"), null=True)
    expires_at = models.DateTimeField(_("expires at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    # When to ask the gateway, if nothing comes
    next_check_at = models.DateTimeField(_("next check at"), null=True)

    objects = PaymentRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment request")
        verbose_name_plural = _("payment requests")
        constraints = [
            models.UniqueConstraint(
                "installment",
                condition=Q(status__in=["opening", "open", "closing"]),
                name="payment_request_one_open_per_installment",
            ),
            models.UniqueConstraint("installment", "sequence", name="payment_request_sequence"),
            models.UniqueConstraint(
                "page_token",
                condition=Q(page_token__isnull=False),
                name="payment_request_page_token",
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=1), name="payment_request_amount_positive"
            ),
            models.CheckConstraint(
                condition=~Q(status="open") | Q(payment_url__isnull=False),
                name="payment_request_open_has_url",
            ),
        ]
        indexes = [
            models.Index(
                "next_check_at",
                condition=Q(status__in=["opening", "open", "closing"]),
                name="payment_request_to_check",
            ),
            models.Index("gateway", "gateway_payment_id", name="payment_request_gateway_id"),
            models.Index(
                "gateway",
                "gateway_charge_id",
                condition=Q(gateway_charge_id__isnull=False),
                name="payment_request_charge_id",
            ),
            models.Index("created_at", "id", name="payment_request_newest"),
            models.Index(
                "created_at", "id", condition=Q(status="failed"), name="payment_request_failed"
            ),
            # What staff search for: `icontains` compares in upper case.
            GinIndex(
                OpClass(Upper("reference"), "gin_trgm_ops"),
                name="payment_request_trigrams",
            ),
        ]
        triggers = [states.ONLY_LEGAL_CHANGES, triggers.not_truncated("payment_request")]

    def __str__(self) -> str:
        return self.reference

    @property
    def on_gateways_page(self) -> bool:
        """Whether the customer pays on a page of the gateway, not on ours."""
        return self.payment_url is not None and self.page_token is None

    @property
    def is_active(self) -> bool:
        """Whether a customer may still pay it, or it is being opened."""
        return self.status in self.ACTIVE

    def is_leased(self, now: datetime) -> bool:
        """Return whether a caller is asking the gateway about it at this moment."""
        return self.leased_until is not None and self.leased_until > now
