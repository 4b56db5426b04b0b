"""Installments: the parts of an invoice that fall due one after the other."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.tenants import columns
from invoices.invoices.statuses import InvoiceStatus, RefundStatus, not_over
from invoices.ledger.rules import INSTALLMENT_BALANCE
from invoices.schedule import rules
from paytrust.operations import triggers


class InstallmentQuerySet(models.QuerySet["Installment"]):
    def overdue(self, now: datetime) -> Self:
        """Those that are overdue: see `Installment.is_overdue`."""
        fully_refunded = Q(invoice__refunded_amount__gt=0) & Q(
            invoice__refunded_amount__gte=F("invoice__paid_amount")
        )
        return self.filter(
            ~fully_refunded & not_over("invoice__") & ~Q(invoice__status=InvoiceStatus.DRAFT),
            status=Installment.Status.UNPAID,
            due_at__lt=now,
        )


class Installment(models.Model):
    """One part of an invoice, with its shares of the invoice's tax and fee."""

    class Status(models.TextChoices):
        UNPAID = "unpaid", _("Unpaid")  # `overdue` is computed on read, not stored
        PAID = "paid", _("Paid")

    tenant = columns.column()
    invoice = models.ForeignKey(
        "invoices.Invoice", models.PROTECT, related_name="installments", verbose_name=_("invoice")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    due_at = models.DateTimeField(_("due at"))
    net_amount = models.BigIntegerField(_("net amount"))
    tax_amount = models.BigIntegerField(_("tax amount"))
    service_fee_amount = models.BigIntegerField(_("service fee amount"))
    total_amount = models.BigIntegerField(_("total amount"))
    paid_amount = models.BigIntegerField(_("paid amount"), default=0)  # payments less reversals
    # It stays paid all the same
    refunded_amount = models.BigIntegerField(_("refunded amount"), default=0)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.UNPAID)
    # When the customer paid, as the gateway says
    paid_at = models.DateTimeField(_("paid at"), null=True)
    settled_at = models.DateTimeField(_("settled at"), null=True)  # when it was booked here

    objects = InstallmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("instalment")
        verbose_name_plural = _("instalments")
        constraints = [
            columns.required("installment"),
            models.UniqueConstraint("invoice", "number", name="installment_number"),
            models.CheckConstraint(
                condition=Q(
                    total_amount=F("net_amount") + F("tax_amount") + F("service_fee_amount")
                ),
                name="installment_total_is_its_sum",
            ),
            models.CheckConstraint(
                condition=Q(
                    net_amount__gte=0,
                    tax_amount__gte=0,
                    service_fee_amount__gte=0,
                    total_amount__gte=1,
                    refunded_amount__gte=0,
                    paid_amount__gte=F("refunded_amount"),
                    paid_amount__lte=F("total_amount"),
                ),
                name="installment_amounts_in_range",
            ),
            models.CheckConstraint(
                condition=Q(status="unpaid", settled_at=None)
                | Q(status="paid", settled_at__isnull=False, paid_amount=F("total_amount")),
                name="installment_paid_is_paid_in_full",
            ),
        ]
        indexes = [
            models.Index(
                "settled_at", condition=Q(settled_at__isnull=False), name="installment_settled"
            ),
            models.Index("due_at", "id", condition=Q(status="unpaid"), name="installment_unpaid"),
        ]
        triggers = [
            *rules.INSTALLMENTS_SUM_TO_INVOICE,
            rules.PAID_IS_FROZEN,
            triggers.tenant_of("installment", owner="invoices_invoice", by="invoice_id"),
            triggers.not_truncated("installment"),
            INSTALLMENT_BALANCE,
        ]

    def __str__(self) -> str:
        return gettext("Instalment %(number)s of invoice %(invoice)s") % {
            "number": self.number,
            "invoice": self.invoice_id,
        }

    def is_overdue(self, now: datetime) -> bool:
        """Whether it is unpaid and past due, on an invoice that can still be paid.

        Nothing is overdue on a draft, which no customer has seen, nor on an invoice that was
        cancelled, has expired, or whose money was refunded as a whole.

        Source: FR-021.
        """
        return (
            self.status == self.Status.UNPAID
            and self.due_at < now
            and not self.invoice.is_over
            and self.invoice.status != InvoiceStatus.DRAFT
            and self.invoice.refund_status != RefundStatus.FULL
        )
