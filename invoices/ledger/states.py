"""How an invoice stands where no money moved, and how it ends."""

from datetime import datetime
from typing import Final

from invoices.invoices.versions import touch
from invoices.models import Invoice, InvoiceStatus
from paytrust.operations import rows
from paytrust.operations.trips import Statement

ENDED: Final = ("status", "ended_as", "ended_at", "open_payment_at")


def status_of(invoice: Invoice) -> InvoiceStatus:
    """Return the state of an invoice after a change that moved no money.

    While the invoice holds money, the money decides (`Standing.status_by_money`); otherwise its
    end decides. An invoice that once had a payment URL is never a draft again.
    """
    if invoice.paid_amount > 0:
        return InvoiceStatus(invoice.status)
    if invoice.ended_as is not None:
        return InvoiceStatus(invoice.ended_as)
    return InvoiceStatus.DRAFT if invoice.status == InvoiceStatus.DRAFT else InvoiceStatus.PENDING


def ended(*, invoice: Invoice, ended_as: InvoiceStatus, now: datetime) -> Statement:
    """Return what ends an invoice as failed, expired or cancelled; the attributes follow.

    It must be locked by the caller.
    """
    invoice.ended_as, invoice.ended_at = ended_as, now
    if ended_as == InvoiceStatus.CANCELLED:
        invoice.open_payment_at = None
    invoice.status = status_of(invoice)
    return rows.updating([invoice], (*ENDED, *touch(invoice, now)))
