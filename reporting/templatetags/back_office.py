"""Template filters of the back office: `{% load back_office %}`."""

from decimal import Decimal

from django import template

from invoices.invoices import labels
from reporting.back_office import navigation

register = template.Library()
register.filter("invoice_label", labels.invoice_label)
register.filter("flag_label", labels.flag_label)
register.filter("kind_label", labels.kind_label)
register.filter("installment_label", labels.installment_label)
register.filter("request_label", labels.request_label)


@register.simple_tag(takes_context=True)
def list_name(context: template.Context) -> str:
    """Return the name of the list that a page shows or belongs to; empty on other pages."""
    opts = context.get("opts")
    if opts is None:
        return ""
    return navigation.name_of_list(context["request"], str(opts.verbose_name_plural))


@register.filter
def percentage(rate: Decimal) -> str:
    """Return a rate as people write it: 0.0600 is 6 %."""
    return f"{(rate * 100).normalize():f} %"


@register.filter
def share(rate: Decimal) -> str:
    """Return a part of something in percent, with two decimals."""
    return f"{rate * 100:.2f} %"
