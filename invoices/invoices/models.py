"""Invoices and their lines."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Lower, Round, Upper
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from gateways.models import Gateway
from invoices.invoices import rules
from invoices.invoices.statuses import OVER, InvoiceStatus, RefundStatus, not_over
from invoices.ledger.rules import INVOICE_BALANCE
from invoices.schedule.rules import SCHEDULE_IS_THERE
from paytrust.money import EXPONENTS, MAX_AMOUNT, plain
from paytrust.operations import triggers


class InvoiceQuerySet(TenantQuerySet["Invoice"]):
    def locked(self, *, nowait: bool = False) -> Self:
        """Row locks in key order. Evaluate it inside a transaction, or no lock is taken."""
        return self.order_by("pk").select_for_update(of=("self",), nowait=nowait)

    def payable(self, now: datetime) -> Self:
        """Those on which something may still be paid: see `Invoice.is_payable`."""
        return self.filter(not_over(), expires_at__gt=now).exclude(status=InvoiceStatus.FULLY_PAID)

    def to_expire(self, now: datetime) -> Self:
        """Those on which nothing was paid and whose time is over."""
        return self.filter(
            status__in=[InvoiceStatus.DRAFT, InvoiceStatus.PENDING, InvoiceStatus.FAILED],
            expires_at__lte=now,
        )

    def refundable(self) -> Self:
        """Those that hold money which can go back: see `Invoice.is_refundable`."""
        return self.filter(paid_amount__gt=F("refunded_amount"))

    def with_metadata(self, key: str, value: str) -> Self:
        """Those whose metadata has this pair."""
        pairs = InvoiceMetadata.objects.filter(
            tenant=OuterRef("tenant"), key=key, value=value, invoice=OuterRef("pk")
        )
        return self.filter(Exists(pairs))

    def newest_of_each_customer(self) -> Self:
        """The newest invoice of each e-mail address of each tenant; those without are left out."""
        newer = Invoice.objects.filter(
            customer_email=OuterRef("customer_email"),
            tenant=OuterRef("tenant"),
            pk__gt=OuterRef("pk"),
        )
        return self.filter(~Exists(newer), customer_email__isnull=False)

    def with_refund_status(self, refund_status: str) -> Self:
        """Those whose `Invoice.refund_status` is this one."""
        if refund_status == RefundStatus.NONE:
            return self.filter(refunded_amount=0)
        refunded = self.filter(refunded_amount__gt=0)
        if refund_status == RefundStatus.FULL:
            return refunded.filter(refunded_amount__gte=F("paid_amount"))
        return refunded.filter(refunded_amount__lt=F("paid_amount"))


class Invoice(models.Model):
    """A demand for payment. Amounts, rates and fees are frozen when it is made (FR-054)."""

    tenant = models.ForeignKey(
        Tenant,
        models.PROTECT,
        related_name="invoices",
        db_index=False,  # invoice_newest starts with it
        verbose_name=_("tenant"),
    )
    gateway = models.ForeignKey(
        Gateway, models.PROTECT, related_name="invoices", verbose_name=_("gateway")
    )
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="supplementary",
        db_index=False,
        verbose_name=_("parent"),
    )
    external_id = models.CharField(_("external id"), max_length=255, null=True)
    # It ended unpaid, and another invoice has its external_id.
    external_id_freed = models.BooleanField(_("external id freed"), default=False, db_default=False)
    # The idempotency record that made it, so that the same call finds its draft again.
    idempotency_record_id = models.UUIDField(_("idempotency record id"), null=True)
    # X-Request-Id of the call that made it
    request_id = models.CharField(_("request id"), max_length=128, null=True)
    # SHA-256 of what was asked for
    content_fingerprint = models.CharField(_("content fingerprint"), max_length=64)
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=InvoiceStatus,
        default=InvoiceStatus.DRAFT,
        db_index=False,
    )
    ended_as = models.CharField(
        _("ended as"),
        max_length=20,
        null=True,
        choices=[
            (status, status.label)
            for status in (InvoiceStatus.FAILED, InvoiceStatus.EXPIRED, InvoiceStatus.CANCELLED)
        ],
    )
    currency_code = models.CharField(_("currency code"), max_length=3)  # ISO 4217
    # Minor units, like every *_amount
    subtotal_amount = models.BigIntegerField(_("subtotal amount"))
    total_tax_amount = models.BigIntegerField(_("total tax amount"))
    total_service_fee_amount = models.BigIntegerField(_("total service fee amount"))
    total_amount = models.BigIntegerField(_("total amount"))
    fee_percentage = models.DecimalField(_("fee percentage"), max_digits=7, decimal_places=4)
    fee_fixed_amount = models.BigIntegerField(_("fee fixed amount"))
    # All that was received, less reversals
    paid_amount = models.BigIntegerField(_("paid amount"), default=0)
    # Overpayments that are still held
    overpayment_amount = models.BigIntegerField(_("overpayment amount"), default=0)
    # What went back as the merchant wanted
    refunded_amount = models.BigIntegerField(_("refunded amount"), default=0)
    installment_count = models.PositiveSmallIntegerField(_("instalment count"), default=1)
    # Of ReviewFlag, in the order they were set
    review_flags = models.JSONField(_("review flags"), default=list)
    needs_review = models.GeneratedField(
        expression=ExpressionWrapper(~Q(review_flags=[]), models.BooleanField()),
        output_field=models.BooleanField(),
        db_persist=True,
        verbose_name=_("needs review"),
    )
    description = models.CharField(_("description"), max_length=1000, null=True)
    customer = models.JSONField(_("customer"), null=True)  # {name, email, phone}
    # A column, because row-level security lets no index on an expression be used.
    customer_email = models.GeneratedField(
        expression=Lower(KT("customer__email")),
        output_field=models.TextField(null=True),
        db_persist=True,
        verbose_name=_("customer email"),
    )
    metadata = models.JSONField(_("metadata"), default=dict)
    success_redirect_url = models.CharField(_("success redirect url"), max_length=255, null=True)
    failure_redirect_url = models.CharField(_("failure redirect url"), max_length=255, null=True)
    payment_method = models.JSONField(_("payment method"), null=True)  # {type, bank, store}
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))  # `invoices.versions.touch` moves both
    version = models.PositiveIntegerField(_("version"), default=1)
    expires_at = models.DateTimeField(_("expires at"))
    paid_at = models.DateTimeField(_("paid at"), null=True)  # when it became fully paid
    payment_initiated_at = models.DateTimeField(_("payment initiated at"), null=True)
    # When a job opens the next payment
    open_payment_at = models.DateTimeField(_("open payment at"), null=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        constraints = [
            models.UniqueConstraint(
                "tenant",
                "external_id",
                condition=Q(external_id_freed=False),
                name="invoice_external_id_per_tenant",
            ),
            models.UniqueConstraint("idempotency_record_id", name="invoice_per_idempotency_record"),
            models.CheckConstraint(
                condition=Q(
                    total_amount=F("subtotal_amount")
                    + F("total_tax_amount")
                    + F("total_service_fee_amount")
                ),
                name="invoice_total_is_its_sum",
            ),
            models.CheckConstraint(
                condition=Q(
                    subtotal_amount__gte=1,
                    total_tax_amount__gte=0,
                    total_service_fee_amount__gte=0,
                    total_amount__gte=1,
                    total_amount__lte=MAX_AMOUNT,
                ),
                name="invoice_amounts_in_range",
            ),
            models.CheckConstraint(
                condition=Q(paid_amount__gte=F("overpayment_amount"), overpayment_amount__gte=0),
                name="invoice_paid_amount_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(refunded_amount__gte=0, refunded_amount__lte=F("paid_amount")),
                name="invoice_refunds_what_was_paid",
            ),
            models.CheckConstraint(
                condition=Q(status="fully_paid", paid_at__isnull=False)
                | (~Q(status="fully_paid") & Q(paid_at=None)),
                name="invoice_paid_at_means_fully_paid",
            ),
            models.CheckConstraint(
                condition=~Q(status="fully_paid")
                | Q(paid_amount__gte=F("total_amount") + F("overpayment_amount")),
                name="invoice_fully_paid_covers_total",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["partially_paid", "fully_paid"]) | Q(paid_amount=0),
                name="invoice_state_follows_money",
            ),
            models.CheckConstraint(
                condition=Q(status__in=InvoiceStatus.values), name="invoice_status_known"
            ),
            models.CheckConstraint(
                condition=Q(currency_code__in=sorted(EXPONENTS)), name="invoice_currency_served"
            ),
            models.CheckConstraint(
                condition=Q(installment_count__range=(1, 12)), name="invoice_installments_1_to_12"
            ),
            models.CheckConstraint(
                condition=~Q(parent=F("pk")), name="invoice_is_not_its_own_parent"
            ),
        ]
        indexes = [
            models.Index("tenant", F("id").desc(), name="invoice_newest"),
            models.Index("tenant", "status", F("id").desc(), name="invoice_newest_by_status"),
            models.Index("tenant", "created_at", name="invoice_created"),
            # What staff see spans tenants.
            models.Index("created_at", "id", name="invoice_newest_of_all"),
            models.Index("status", "created_at", "id", name="invoice_of_all_by_status"),
            models.Index("currency_code", "created_at", "id", name="invoice_of_all_by_currency"),
            models.Index(
                "tenant", "currency_code", F("id").desc(), name="invoice_newest_by_currency"
            ),
            models.Index("tenant", "gateway", F("id").desc(), name="invoice_newest_by_gateway"),
            models.Index("tenant", "updated_at", name="invoice_updated"),
            models.Index(
                "customer_email",
                "tenant",
                F("id").desc(),
                condition=Q(customer_email__isnull=False),
                name="invoice_newest_of_customer",
            ),
            models.Index(
                "tenant",
                F("id").desc(),
                condition=Q(customer_email__isnull=False),
                name="invoice_newest_with_customer",
            ),
            models.Index(
                "tenant",
                "external_id",
                condition=Q(external_id__isnull=False),
                name="invoice_external_id",
            ),
            models.Index(
                "request_id", condition=Q(request_id__isnull=False), name="invoice_request"
            ),
            models.Index(
                "expires_at",
                condition=Q(status__in=["draft", "pending", "failed"]),
                name="invoice_to_expire",
            ),
            models.Index(
                "open_payment_at",
                condition=Q(open_payment_at__isnull=False),
                name="invoice_to_open",
            ),
            models.Index(
                "tenant",
                F("id").desc(),
                condition=Q(needs_review=True),
                name="invoice_to_review",
            ),
            models.Index(
                F("id").desc(), condition=Q(needs_review=True), name="invoice_of_all_to_review"
            ),
            models.Index(
                "tenant",
                F("id").desc(),
                condition=Q(refunded_amount__gt=0),
                name="invoice_newest_refunded",
            ),
            models.Index("parent", condition=Q(parent__isnull=False), name="invoice_of_parent"),
            # What staff search for: `icontains` compares in upper case.
            GinIndex(
                OpClass(Upper(KT("customer__name")), "gin_trgm_ops"), name="invoice_customer_name"
            ),
            GinIndex(
                OpClass(Upper("external_id"), "gin_trgm_ops"), name="invoice_external_id_trigrams"
            ),
            models.Index(
                "currency_code", "total_amount", F("id").desc(), name="invoice_newest_of_total"
            ),
        ]
        triggers = [
            *rules.INVOICE_IS_FROZEN,
            rules.ONLY_LEGAL_CHANGES,
            rules.LINES_SUM_TO_INVOICE,
            SCHEDULE_IS_THERE,
            *rules.METADATA_IS_FOUND,
            triggers.not_truncated("invoice"),
            INVOICE_BALANCE,
        ]

    def __str__(self) -> str:
        return gettext("Invoice %(number)s") % {"number": self.pk}

    @property
    def is_over(self) -> bool:
        """Whether it was cancelled or has expired, so that nothing is asked for any more."""
        return self.ended_as in OVER

    def is_payable(self, now: datetime) -> bool:
        """Whether something may still be paid: not paid in full, cancelled or expired."""
        return (
            not self.is_over and self.expires_at > now and self.status != InvoiceStatus.FULLY_PAID
        )

    @property
    def is_cancellable(self) -> bool:
        """Whether it may be cancelled: nothing was paid, and it has not expired."""
        return self.paid_amount == 0 and self.ended_as != InvoiceStatus.EXPIRED

    @property
    def is_refundable(self) -> bool:
        """Whether it holds money that can go back to the customer."""
        return self.paid_amount > self.refunded_amount

    @property
    def refund_status(self) -> RefundStatus:
        """How much of what was paid was refunded; money that is charged back is not paid."""
        if self.refunded_amount == 0:
            return RefundStatus.NONE
        everything = self.refunded_amount >= self.paid_amount
        return RefundStatus.FULL if everything else RefundStatus.PARTIAL


class InvoiceMetadata(models.Model):
    """A pair of an invoice's metadata, as a list looks for it. The database writes these rows.

    A GIN index on the JSON would be smaller, but row-level security does not let it be used.
    """

    pk = models.CompositePrimaryKey("tenant", "key", "value", "invoice")
    tenant = models.ForeignKey(
        Tenant, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    key = models.CharField(max_length=40)
    value = models.CharField(max_length=500)
    invoice = models.ForeignKey(
        Invoice, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )

    class Meta:
        verbose_name_plural = "invoice metadata"
        triggers = [triggers.not_truncated("invoice_metadata")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class LineItem(models.Model):
    """One line of an invoice, priced and taxed in minor units."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="line_items")
    position = models.PositiveSmallIntegerField()
    product_name = models.CharField(max_length=255)
    quantity = models.DecimalField(max_digits=19, decimal_places=3)
    unit_price_amount = models.BigIntegerField()
    discount_amount = models.BigIntegerField(default=0, db_default=0)
    tax_rate = models.DecimalField(max_digits=5, decimal_places=4)
    tax_category = models.CharField(max_length=35, null=True)
    country_code = models.CharField(max_length=2, null=True)  # ISO 3166-1 alpha-2
    subtotal_amount = models.BigIntegerField()
    tax_amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint("invoice", "position", name="line_item_position"),
            models.CheckConstraint(
                condition=Q(
                    quantity__gt=0,
                    unit_price_amount__gte=0,
                    discount_amount__gte=0,
                    subtotal_amount__gte=0,
                    tax_amount__gte=0,
                ),
                name="line_item_amounts_in_range",
            ),
            models.CheckConstraint(
                condition=Q(
                    subtotal_amount=Round(F("quantity") * F("unit_price_amount"))
                    - F("discount_amount")
                ),
                name="line_item_subtotal_is_its_price",
            ),
            models.CheckConstraint(
                condition=Q(subtotal_amount__lte=MAX_AMOUNT - F("discount_amount")),
                name="line_item_price_at_most",
            ),
            models.CheckConstraint(
                condition=Q(tax_rate__gte=0, tax_rate__lte=1), name="line_item_tax_rate_is_a_rate"
            ),
        ]
        triggers = [*rules.LINES_ARE_FROZEN, triggers.not_truncated("line_item")]

    def __str__(self) -> str:
        return f"{plain(self.quantity)} x {self.product_name}"
