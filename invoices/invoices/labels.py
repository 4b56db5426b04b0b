"""States as staff read them: a word in its colour."""

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from invoices.models import (
    Installment,
    Invoice,
    InvoiceStatus,
    LedgerEntry,
    MoneyKind,
    PaymentRequest,
    RefundStatus,
    ReviewFlag,
    Transaction,
)
from paytrust.staff import display

INVOICE_TONES = {
    InvoiceStatus.DRAFT: "plain",
    InvoiceStatus.PENDING: "plain",
    InvoiceStatus.PARTIALLY_PAID: "warn",
    InvoiceStatus.FULLY_PAID: "good",
    InvoiceStatus.FAILED: "bad",
    InvoiceStatus.EXPIRED: "warn",
    InvoiceStatus.CANCELLED: "plain",
}
REQUEST_TONES = {
    PaymentRequest.Status.OPENING: "warn",
    PaymentRequest.Status.OPEN: "plain",
    PaymentRequest.Status.PAID: "good",
    PaymentRequest.Status.EXPIRED: "warn",
    PaymentRequest.Status.FAILED: "bad",
    PaymentRequest.Status.CLOSING: "warn",
    PaymentRequest.Status.CANCELLED: "plain",
}

KIND_TONES = {
    MoneyKind.PAYMENT: "good",
    MoneyKind.REFUND: "warn",
    MoneyKind.REVERSAL: "bad",
    MoneyKind.TRANSFER: "plain",
}


def kind_label(row: Transaction | LedgerEntry) -> SafeString:
    """Return whether money came in, was refunded, or was taken back against us."""
    return display.label(row.get_kind_display(), KIND_TONES[MoneyKind(row.kind)])


def invoice_label(invoice: Invoice) -> SafeString:
    """Return an invoice's state, and whether its money went back as the merchant wanted."""
    state = display.label(
        invoice.get_status_display(), INVOICE_TONES[InvoiceStatus(invoice.status)]
    )
    if invoice.refund_status == RefundStatus.NONE:
        return state
    is_full = invoice.refund_status == RefundStatus.FULL
    refunded = gettext("Refunded") if is_full else gettext("Partly refunded")
    return format_html("{} {}", state, display.label(refunded, "warn"))


def flag_label(flag: str) -> SafeString:
    """Return why finance should look at an invoice."""
    return display.label(str(ReviewFlag(flag).label), "warn")


def request_label(payment: PaymentRequest) -> SafeString:
    """Return a payment request's state."""
    tone = REQUEST_TONES[PaymentRequest.Status(payment.status)]
    return display.label(payment.get_status_display(), tone)


def installment_label(installment: Installment) -> SafeString:
    """Return an instalment's state; it is `overdue` when the instalment is."""
    if installment.status == Installment.Status.PAID:
        return display.label(installment.get_status_display(), "good")
    if installment.is_overdue(timezone.now()):
        return display.label(gettext("overdue"), "bad")
    return display.label(installment.get_status_display(), "plain")
