"""The states of an invoice, and which change is legal."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class InvoiceStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")  # no payment URL yet
    PENDING = "pending", _("Pending")  # a payment URL exists
    PARTIALLY_PAID = "partially_paid", _("Partially paid")
    FULLY_PAID = "fully_paid", _("Fully paid")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Expired")
    CANCELLED = "cancelled", _("Cancelled")


class ReviewFlag(models.TextChoices):
    """Why finance should look at an invoice."""

    UNDERPAID = "underpaid", _("Underpaid")
    OVERPAID = "overpaid", _("Overpaid")
    LATE = "late", _("Late")
    AFTER_CANCEL = "after_cancel", _("Paid after cancelling")
    REVERSED = "reversed", _("Charged back")
    # the customer's bank asks for money back, or took some of it
    DISPUTED = ("disputed", _("Disputed"))


class RefundStatus(models.TextChoices):
    """How much of what was paid has gone back as the merchant wanted."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


OVER = (InvoiceStatus.CANCELLED, InvoiceStatus.EXPIRED)
"""Ends after which nothing can be paid any more. A failed invoice may be opened again."""

S = InvoiceStatus
LEGAL_CHANGES: dict[str, frozenset[str]] = {
    S.DRAFT: frozenset(
        {S.PENDING, S.PARTIALLY_PAID, S.FULLY_PAID, S.FAILED, S.EXPIRED, S.CANCELLED}
    ),
    S.PENDING: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID, S.FAILED, S.EXPIRED, S.CANCELLED}),
    S.FAILED: frozenset({S.PENDING, S.PARTIALLY_PAID, S.FULLY_PAID, S.EXPIRED, S.CANCELLED}),
    # After a reversal the invoice returns to the state that it had without the money.
    S.PARTIALLY_PAID: frozenset({S.FULLY_PAID, S.PENDING, S.FAILED, S.EXPIRED, S.CANCELLED}),
    S.FULLY_PAID: frozenset({S.PARTIALLY_PAID, S.PENDING, S.FAILED, S.EXPIRED, S.CANCELLED}),
    # Money that still arrives is never refused (FR-041).
    S.EXPIRED: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID}),
    S.CANCELLED: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID}),
}
"""Every legal change. The trigger `invoice_state_change` is made of it."""


def not_over(invoice: str = "") -> Q:
    """Return the condition that an invoice, found by `invoice`, has not ended for good."""
    return Q(**{f"{invoice}ended_as": None}) | ~Q(**{f"{invoice}ended_as__in": OVER})
