"""Gateways, what they charge, and our accounts with them."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import ALL
from paytrust.operations import triggers


class Gateway(models.Model):
    """A payment gateway. Rows 1 (Xendit) and 2 (Midtrans) are made by migration."""

    merchants_see = ALL

    code = models.SlugField(_("code"), unique=True)  # names the adapter: xendit, midtrans
    name = models.CharField(_("name"), max_length=50)
    currencies = ArrayField(models.CharField(max_length=3), verbose_name=_("currencies"))

    class Meta:
        verbose_name = _("gateway")
        verbose_name_plural = _("gateways")

    def __str__(self) -> str:
        return self.name


class GatewayFee(models.Model):
    """What a gateway charges in one currency; invoices keep a copy of it (FR-027, FR-054)."""

    merchants_see = ALL

    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="fees", verbose_name=_("gateway")
    )
    currency_code = models.CharField(_("currency code"), max_length=3)
    percentage = models.DecimalField(
        _("percentage"), max_digits=7, decimal_places=4, default=Decimal(0)
    )
    # Minor units of currency_code
    fixed_amount = models.BigIntegerField(_("fixed amount"), default=0)

    class Meta:
        verbose_name = _("gateway fee")
        verbose_name_plural = _("gateway fees")
        constraints = [
            models.UniqueConstraint("gateway", "currency_code", name="gateway_fee_per_currency"),
            models.CheckConstraint(
                condition=Q(percentage__gte=0, percentage__lte=100, fixed_amount__gte=0),
                name="gateway_fee_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.currency_code}"


class GatewayFeeChange(models.Model):
    """A fee as it was from a moment on, and who set it. Append-only; the newest one is in force."""

    staff_see = ALL

    fee = models.ForeignKey(GatewayFee, models.PROTECT, related_name="changes")
    percentage = models.DecimalField(max_digits=7, decimal_places=4)
    fixed_amount = models.BigIntegerField()  # minor units of the fee's currency
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150, blank=True)  # a user name; none: set up so
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        triggers = triggers.append_only("fee_history")

    def __str__(self) -> str:
        return f"{self.percentage} % + {self.fixed_amount} from {self.changed_at}"


class GatewayAccount(models.Model):
    """An account with a gateway: the platform's, or a tenant's own.

    Credentials are stored and used, and never shown: see `gateways.accounts.credentials`. One that
    was replaced by another account stays: payments opened with it still need it.
    """

    merchants_see = ALL

    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="accounts", verbose_name=_("gateway")
    )
    # None: the platform's
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="gateway_accounts",
        null=True,
        blank=True,
        verbose_name=_("tenant"),
    )
    sealed_credentials = models.TextField(_("sealed credentials"), editable=False)  # a Fernet token
    # Of the key that sealed them
    key_name = models.CharField(_("key name"), max_length=16, editable=False)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))
    # No payment is opened with it since
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)

    class Meta:
        verbose_name = _("gateway account")
        verbose_name_plural = _("gateway accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "tenant"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
                name="gateway_account_per_tenant",
            ),
            models.CheckConstraint(
                condition=Q(sealed_credentials__startswith="gAAAAA"),
                name="gateway_account_is_sealed",
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(gateway)s of %(owner)s") % {
            "gateway": self.gateway,
            "owner": self.tenant or gettext("the platform"),
        }
