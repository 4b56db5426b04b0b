"""The ledger: transactions, and where each unit of their money went."""

from typing import TYPE_CHECKING, Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Abs
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants import columns
from apikeys.tenants.tenancy import TenantQuerySet
from gateways.models import Gateway
from invoices.ledger import rules
from paytrust.operations import triggers

if TYPE_CHECKING:
    from invoices.models import PaymentRequest


class MoneyKind(models.TextChoices):
    PAYMENT = "payment", _("Payment")  # it came in
    REFUND = "refund", _("Refund")  # it went back as we wanted, and lowers what is owed
    REVERSAL = "reversal", _("Reversal")  # it was taken back against us, and opens the debt again
    # an overpayment was moved to another invoice: two rows, out and in
    TRANSFER = "transfer", _("Transfer")


class TransactionQuerySet(TenantQuerySet["Transaction"]):
    def booked(self, *, payment_request: "PaymentRequest") -> Self:
        """What has been booked on a payment request, oldest first."""
        return self.filter(payment_request=payment_request).order_by("pk")

    def called_by_gateway(self, gateway_transaction_id: str) -> Self:
        """Those with this id at any gateway. Each is named: their index starts with the gateway."""
        gateways = Gateway.objects.values("pk")
        return self.filter(gateway__in=gateways, gateway_transaction_id=gateway_transaction_id)


FROZEN_OF_TRANSACTIONS = (
    "tenant_id",
    "invoice_id",
    "payment_request_id",
    "gateway_id",
    "gateway_transaction_id",
    "kind",
    "reverses_id",
    "moved_from_id",
    "currency_code",
    "amount",
    "paid_at",
    "created_at",
)


class Transaction(models.Model):
    """Money that a gateway took from a customer, or that went back. Never edited or deleted.

    A transfer is two rows that sum to zero, on two invoices: no gateway knows of it.
    """

    Kind = MoneyKind

    # Without indexes of their own: transaction_newest and transaction_of_invoice start with them.
    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="transactions",
        db_index=False,
        verbose_name=_("tenant"),
    )
    invoice = models.ForeignKey(
        "invoices.Invoice",
        models.PROTECT,
        related_name="transactions",
        db_index=False,
        verbose_name=_("invoice"),
    )
    payment_request = models.ForeignKey(
        "invoices.PaymentRequest",
        models.PROTECT,
        related_name="transactions",
        verbose_name=_("payment request"),
    )
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="transactions", verbose_name=_("gateway")
    )
    gateway_transaction_id = models.CharField(_("gateway transaction id"), max_length=255)
    kind = models.CharField(_("kind"), max_length=10, choices=MoneyKind, default=MoneyKind.PAYMENT)
    # The payment whose money a refund, a reversal or a transfer takes; of a transfer that comes
    # back, the payment that has its money again.
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="reversals", verbose_name=_("reverses")
    )
    # Of what a transfer brings: the row that took it out of the other invoice.
    moved_from = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="moved_to", verbose_name=_("moved from")
    )
    currency_code = models.CharField(_("currency code"), max_length=3)
    amount = models.BigIntegerField(_("amount"))  # minor units; a refund or a reversal is negative
    payment_method = models.CharField(_("payment method"), max_length=50, null=True)
    payment_channel = models.CharField(_("payment channel"), max_length=50, null=True)
    paid_at = models.DateTimeField(_("paid at"))  # as the gateway says
    created_at = models.DateTimeField(_("created at"))  # when it was booked
    iso20022_message_id = models.CharField(_("iso20022 message id"), max_length=35, null=True)
    iso20022_transaction_status = models.CharField(
        _("iso20022 transaction status"), max_length=4, null=True
    )

    objects = TransactionQuerySet.as_manager()

    class Meta:
        verbose_name = _("transaction")
        verbose_name_plural = _("transactions")
        constraints = [
            models.UniqueConstraint(
                "gateway", "gateway_transaction_id", "tenant", name="transaction_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="payment", amount__gt=0, reverses=None, moved_from=None)
                | Q(
                    kind__in=["refund", "reversal", "transfer"],
                    amount__lt=0,
                    reverses__isnull=False,
                    moved_from=None,
                )
                | Q(kind="transfer", amount__gt=0, moved_from__isnull=False),
                name="transaction_sign_matches_kind",
            ),
        ]
        indexes = [
            models.Index("invoice", "id", name="transaction_of_invoice"),
            models.Index("tenant", "created_at", name="transaction_booked"),
            models.Index("tenant", F("id").desc(), name="transaction_newest"),
            models.Index("created_at", "id", name="transaction_newest_of_all"),  # as staff see it
            models.Index(
                "tenant",
                "kind",
                F("id").desc(),
                condition=Q(kind__in=["refund", "reversal", "transfer"]),
                name="transaction_newest_back",
            ),
            models.Index(
                "tenant", "currency_code", F("id").desc(), name="transaction_newest_by_currency"
            ),
            models.Index("tenant", "gateway", F("id").desc(), name="transaction_newest_by_gateway"),
            models.Index(
                "currency_code", Abs("amount"), F("id").desc(), name="transaction_newest_of_amount"
            ),
        ]
        triggers = [
            triggers.refused(
                "transaction_append_only",
                pgtrigger.Update,
                condition=triggers.changed(FROZEN_OF_TRANSACTIONS),
            ),
            triggers.refused(
                "transaction_not_deleted", pgtrigger.Delete, rule="transaction_append_only"
            ),
            triggers.not_truncated("transaction"),
            rules.TRANSACTION_SUMS,
            rules.TRANSFER_SUMS,
        ]

    def __str__(self) -> str:
        return self.gateway_transaction_id


class LedgerEntry(models.Model):
    """One piece of a transaction's money: what it put into, or took out of, an instalment.

    Without an instalment it is an overpayment, which has no shares. Append-only: the shares
    are those of the moment it was booked, so a report of a past day never changes.
    """

    Kind = MoneyKind

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="ledger_entries",
        db_index=False,
        verbose_name=_("tenant"),
    )
    gateway = models.ForeignKey(
        Gateway,
        models.PROTECT,
        related_name="ledger_entries",
        db_index=False,
        verbose_name=_("gateway"),
    )
    invoice = models.ForeignKey(
        "invoices.Invoice", models.PROTECT, related_name="ledger_entries", verbose_name=_("invoice")
    )
    installment = models.ForeignKey(
        "invoices.Installment",
        models.PROTECT,
        null=True,
        related_name="ledger_entries",
        verbose_name=_("instalment"),
    )
    transaction = models.ForeignKey(
        Transaction,
        models.PROTECT,
        related_name="entries",
        db_index=False,
        verbose_name=_("transaction"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=MoneyKind)
    currency_code = models.CharField(_("currency code"), max_length=3)
    # Minor units; money in is positive, money back negative
    amount = models.BigIntegerField(_("amount"))
    net_amount = models.BigIntegerField(_("net amount"))  # the same
    tax_amount = models.BigIntegerField(_("tax amount"))  # the same
    service_fee_amount = models.BigIntegerField(_("service fee amount"))  # the same
    booked_at = models.DateTimeField(_("booked at"))

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        constraints = [
            models.UniqueConstraint(
                "transaction", "installment", name="ledger_entry_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(kind="payment", amount__gt=0)
                | Q(kind__in=["refund", "reversal"], amount__lt=0)
                | Q(kind="transfer") & ~Q(amount=0),
                name="ledger_entry_sign_matches_kind",
            ),
            models.CheckConstraint(
                condition=Q(
                    installment__isnull=False,
                    amount=F("net_amount") + F("tax_amount") + F("service_fee_amount"),
                )
                | Q(installment=None, net_amount=0, tax_amount=0, service_fee_amount=0),
                name="ledger_entry_amount_is_its_shares",
            ),
        ]
        indexes = [
            models.Index("tenant", "booked_at", name="ledger_entry_booked"),
            models.Index("booked_at", name="ledger_entry_day"),
            models.Index(  # what staff look for among a million payments
                "kind", "booked_at", "id", condition=~Q(kind="payment"), name="ledger_entry_other"
            ),
        ]
        triggers = [
            *triggers.append_only("ledger_entry"),
            rules.ENTRY_SUMS,
        ]

    def __str__(self) -> str:
        return gettext("Ledger entry %(number)s") % {"number": self.pk}


class LedgerTax(models.Model):
    """The tax of a ledger entry at one rate; they sum to its tax. Append-only."""

    tenant = columns.column()
    entry = models.ForeignKey(LedgerEntry, models.PROTECT, related_name="taxes", db_index=False)
    tax_rate = models.DecimalField(max_digits=5, decimal_places=4)
    tax_amount = models.BigIntegerField()  # minor units, signed as the entry

    class Meta:
        verbose_name_plural = "ledger taxes"
        constraints = [
            columns.required("ledger_tax"),
            models.UniqueConstraint("entry", "tax_rate", name="ledger_tax_rate"),
        ]
        triggers = [
            *triggers.append_only("ledger_tax"),
            triggers.tenant_of("ledger_tax", owner="invoices_ledgerentry", by="entry_id"),
            rules.TAX_SUMS,
        ]

    def __str__(self) -> str:
        return f"{self.tax_amount} at {self.tax_rate}"
