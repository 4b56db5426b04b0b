"""Template filters of the back office: `{% load back_office %}`."""

from decimal import Decimal

from django import template
from django.utils.safestring import SafeString

from invoices.invoices import labels
from invoices.models import Transaction
from paytrust.staff import display

register = template.Library()
register.filter("invoice_label", labels.invoice_label)
register.filter("flag_label", labels.flag_label)
register.filter("part_label", labels.part_label)
register.filter("request_label", labels.request_label)


@register.filter
def kind_label(row: Transaction) -> SafeString:
    """Return whether money came or went."""
    is_payment = row.kind == Transaction.Kind.PAYMENT
    return display.label(row.get_kind_display(), "good" if is_payment else "bad")


@register.filter
def percentage(rate: Decimal) -> str:
    """Return a rate as people write it: 0.0600 is 6 %."""
    return f"{(rate * 100).normalize():f} %"
