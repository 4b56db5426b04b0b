"""The ledger: transactions, and where each unit of their money went."""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext

from apikeys.models import Tenant
from apikeys.tenants import columns
from apikeys.tenants.tenancy import TenantQuerySet
from gateways.models import Gateway
from invoices.ledger import rules
from paytrust.operations.append_only import append_only

if TYPE_CHECKING:
    from invoices.models import PaymentRequest


class MoneyKind(models.TextChoices):
    PAYMENT = "payment"  # it came in
    REFUND = "refund"  # it went back as we wanted, and lowers what is owed
    REVERSAL = "reversal"  # it was taken back against us, and opens the debt again


class TransactionQuerySet(TenantQuerySet["Transaction"]):
    def booked(self, *, payment_request: "PaymentRequest") -> Self:
        """What has been booked on a payment request, oldest first."""
        return self.filter(payment_request=payment_request).order_by("pk")


class Transaction(models.Model):
    """Money that a gateway took from a customer, or that went back. Never edited or deleted."""

    Kind = MoneyKind

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="transactions")
    invoice = models.ForeignKey("invoices.Invoice", models.PROTECT, related_name="transactions")
    payment_request = models.ForeignKey(
        "invoices.PaymentRequest", models.PROTECT, related_name="transactions"
    )
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="transactions")
    gateway_transaction_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=10, choices=MoneyKind, default=MoneyKind.PAYMENT)
    # The payment whose money a refund or a reversal gives back.
    reverses = models.ForeignKey("self", models.PROTECT, null=True, related_name="reversals")
    currency_code = models.CharField(max_length=3)
    amount = models.BigIntegerField()  # minor units; a refund or a reversal is negative
    payment_method = models.CharField(max_length=50, null=True)
    payment_channel = models.CharField(max_length=50, null=True)
    paid_at = models.DateTimeField()  # as the gateway says
    created_at = models.DateTimeField()  # when it was booked
    iso20022_message_id = models.CharField(max_length=35, null=True)
    iso20022_transaction_status = models.CharField(max_length=4, null=True)

    objects = TransactionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "gateway", "gateway_transaction_id", "tenant", name="transaction_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="payment", amount__gt=0, reverses=None)
                | Q(kind__in=["refund", "reversal"], amount__lt=0, reverses__isnull=False),
                name="transaction_sign_matches_kind",
            ),
        ]
        indexes = [
            models.Index("invoice", "id", name="transaction_of_invoice"),
            models.Index("tenant", "created_at", name="transaction_booked"),
        ]
        triggers = [rules.TRANSACTION_SUMS]

    def __str__(self) -> str:
        return self.gateway_transaction_id


class LedgerEntry(models.Model):
    """One piece of a transaction's money: what it put into, or took out of, an instalment.

    Without an instalment it is an overpayment, which has no shares. Append-only: the shares
    are those of the moment it was booked, so a report of a past day never changes.
    """

    Kind = MoneyKind

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="ledger_entries", db_index=False
    )
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="ledger_entries", db_index=False
    )
    invoice = models.ForeignKey("invoices.Invoice", models.PROTECT, related_name="ledger_entries")
    installment = models.ForeignKey(
        "invoices.Installment", models.PROTECT, null=True, related_name="ledger_entries"
    )
    transaction = models.ForeignKey(
        Transaction, models.PROTECT, related_name="entries", db_index=False
    )
    kind = models.CharField(max_length=10, choices=MoneyKind)
    currency_code = models.CharField(max_length=3)
    amount = models.BigIntegerField()  # minor units; money in is positive, money back negative
    net_amount = models.BigIntegerField()  # likewise
    tax_amount = models.BigIntegerField()  # likewise
    service_fee_amount = models.BigIntegerField()  # likewise
    booked_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(
                "transaction", "installment", name="ledger_entry_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(kind="payment", amount__gt=0)
                | Q(kind__in=["refund", "reversal"], amount__lt=0),
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
        ]
        triggers = [
            *append_only("ledger_entry_append_only", truncated="ledger_entry_not_truncated"),
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
            models.UniqueConstraint("entry", "tax_rate", name="ledger_tax_rate"),
        ]
        triggers = [
            *append_only("ledger_tax_append_only", truncated="ledger_tax_not_truncated"),
            rules.TAX_SUMS,
        ]

    def __str__(self) -> str:
        return f"{self.tax_amount} at {self.tax_rate}"
