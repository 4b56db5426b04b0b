"""Marking invoices that finance should look at because a gateway says so, without any money."""

from datetime import datetime

import structlog
from django.db import transaction

from invoices.models import Invoice, ReviewFlag

log = structlog.get_logger(__name__)


@transaction.atomic
def flag_dispute(*, invoice_id: int, now: datetime) -> None:
    """Mark an invoice as disputed; once is enough.

    The amount is booked when the gateway tells it, as a reversal of its own (spec 4.6).
    """
    invoice = Invoice.objects.locked().get(pk=invoice_id)
    if ReviewFlag.DISPUTED in invoice.review_flags:
        return
    invoice.review_flags = [*invoice.review_flags, ReviewFlag.DISPUTED.value]
    invoice.updated_at = now
    invoice.save(update_fields=["review_flags", "updated_at"])
    log.warning("payment disputed", invoice_id=invoice.pk)
