"""The states of an invoice, and which change is legal."""

from django.db import models
from django.db.models import Q


class InvoiceStatus(models.TextChoices):
    DRAFT = "draft"  # no payment URL yet
    PENDING = "pending"  # a payment URL exists
    PARTIALLY_PAID = "partially_paid"
    FULLY_PAID = "fully_paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class ReviewFlag(models.TextChoices):
    """Why finance should look at an invoice."""

    UNDERPAID = "underpaid"
    OVERPAID = "overpaid"
    LATE = "late"
    AFTER_CANCEL = "after_cancel"
    REVERSED = "reversed"
    DISPUTED = "disputed"  # the customer's bank asks for money back, or took some of it


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
