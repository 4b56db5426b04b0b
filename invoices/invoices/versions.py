"""Versions of an invoice: each change that a merchant can see is a new one."""

from datetime import datetime

from invoices.models import Invoice


def touch(invoice: Invoice, now: datetime) -> tuple[str, str]:
    """Give an invoice its next version; return the names of the fields to save.

    The invoice must be locked by the caller, or just made. All that happens at one moment is
    one version: an invoice and the payment URL that its creation opened, or two payments of one
    report. The time of the last change never goes back, so that a list by `updated_from` misses
    none.

    Source: spec 2.8.
    """
    if invoice.updated_at != now:
        invoice.version += 1
        invoice.updated_at = max(invoice.updated_at, now)
    return ("version", "updated_at")
