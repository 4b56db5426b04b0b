"""The states of an invoice: which change is legal, and how it stands where no money moved."""

from datetime import datetime

from invoices.invoices.versions import touch
from invoices.models import Invoice, InvoiceStatus

S = InvoiceStatus
LEGAL_CHANGES: dict[str, frozenset[str]] = {
    S.DRAFT: frozenset(
        {S.PENDING, S.PARTIALLY_PAID, S.FULLY_PAID, S.FAILED, S.EXPIRED, S.CANCELLED}
    ),
    S.PENDING: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID, S.FAILED, S.EXPIRED, S.CANCELLED}),
    S.FAILED: frozenset({S.PENDING, S.PARTIALLY_PAID, S.FULLY_PAID, S.EXPIRED, S.CANCELLED}),
    # Money that is taken back by the gateway leads back to where the invoice was without it.
    S.PARTIALLY_PAID: frozenset({S.FULLY_PAID, S.PENDING, S.FAILED, S.EXPIRED, S.CANCELLED}),
    S.FULLY_PAID: frozenset({S.PARTIALLY_PAID, S.PENDING, S.FAILED, S.EXPIRED, S.CANCELLED}),
    # Money that still arrives is never refused (FR-041).
    S.EXPIRED: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID}),
    S.CANCELLED: frozenset({S.PARTIALLY_PAID, S.FULLY_PAID}),
}
"""Every legal change. The migration holds the same table as a trigger; a test compares them."""


def status_of(invoice: Invoice) -> InvoiceStatus:
    """Return the state of an invoice after a change that moved no money.

    While money is on it, the money says the state (`Standing.status_by_money`); without, how it
    ended. An invoice that once had a payment URL never is a draft again.
    """
    if invoice.paid_amount > 0:
        return InvoiceStatus(invoice.status)
    if invoice.ended_as is not None:
        return InvoiceStatus(invoice.ended_as)
    return S.DRAFT if invoice.status == S.DRAFT else S.PENDING


def end(*, invoice: Invoice, ended_as: InvoiceStatus, now: datetime) -> None:
    """End an invoice as failed, expired or cancelled. It must be locked by the caller."""
    invoice.ended_as, invoice.ended_at = ended_as, now
    if ended_as == S.CANCELLED:
        invoice.open_payment_at = None
    invoice.status = status_of(invoice)
    changed = touch(invoice, now)
    invoice.save(update_fields=["status", "ended_as", "ended_at", "open_payment_at", *changed])
