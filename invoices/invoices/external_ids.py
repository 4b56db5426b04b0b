"""Which invoice has a merchant's order number: one that is open, or that received money.

An invoice that ended unpaid keeps its number until a new invoice takes it (spec 2.4). If money
arrives late for the old invoice, the new one keeps the number, and the money is booked all the
same.
"""

import structlog

from invoices.models import Invoice, InvoiceStatus, PaymentRequest
from invoices.payment_requests.leases import in_locked_transaction

log = structlog.get_logger(__name__)

ENDED_UNPAID = frozenset({InvoiceStatus.CANCELLED, InvoiceStatus.EXPIRED, InvoiceStatus.FAILED})


def free(*, invoice: Invoice) -> bool:
    """Free the number of an invoice if it ended unpaid; return whether it is free now.

    An invoice that is still open is not locked for this.

    Raises:
        PaymentInProgress: somebody is changing the invoice.
    """
    return invoice.status in ENDED_UNPAID and _free(invoice.pk)


@in_locked_transaction
def _free(invoice_id: int) -> bool:
    invoice = Invoice.objects.locked(nowait=True).get(pk=invoice_id)
    if not _has_ended_unpaid(invoice):
        return False
    invoice.external_id_freed = True
    invoice.save(update_fields=["external_id_freed"])
    log.info("external_id freed", invoice_id=invoice.pk, status=invoice.status)
    return True


def _has_ended_unpaid(invoice: Invoice) -> bool:
    """Return whether an invoice ended and never received money, also none that went back."""
    if invoice.status not in ENDED_UNPAID:
        return False
    return not invoice.payment_requests.filter(status=PaymentRequest.Status.PAID).exists()
