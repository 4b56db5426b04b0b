"""Flags for finance on invoices, because a gateway reports something without money."""

import structlog
from django.db import transaction

from invoices.ledger import posting
from invoices.models import Invoice, ReviewFlag

log = structlog.get_logger(__name__)


@transaction.atomic
def flag_dispute(*, invoice_id: int) -> None:
    """Mark an invoice as disputed; a repeat changes nothing.

    The amount is booked when the gateway reports it, as a separate reversal (spec 4.6).
    """
    invoice = Invoice.objects.locked().get(pk=invoice_id)
    if posting.flag(invoice=invoice, flag=ReviewFlag.DISPUTED):
        log.warning("payment disputed", invoice_id=invoice.pk)
