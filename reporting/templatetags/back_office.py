"""Template filters of the back office: `{% load back_office %}`."""

from decimal import Decimal
from typing import Any

from django import template

from apikeys.tenants import wall
from invoices.invoices import labels
from paytrust.money import plain
from paytrust.staff.amounts import readers_notation
from reporting.back_office import navigation
from reporting.back_office.saved_filter_pages import name_of
from reporting.saved_filters import services

register = template.Library()
PERCENT = "\N{NO-BREAK SPACE}%"
HUNDREDTH = Decimal("0.01")
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


@register.simple_tag(takes_context=True)
def saved_filters(context: template.Context) -> dict[str, Any]:
    """Return the filters that the reader keeps for the list of this page, and its present one."""
    request, shown = context["request"], context["cl"]
    list_name, now = name_of(shown.model), services.normalized(request.GET.urlencode())
    with wall.lowered_for_staff():  # they are no tenant's
        kept = list(services.filters_of(user=request.user, list_name=list_name))
    is_new = all(one.query != now for one in kept)
    return {
        "kept": kept,
        "now": now,
        "list_name": list_name,
        "can_keep": bool(context.get("chips")) and is_new and len(kept) < services.MOST,
    }


@register.filter
def percentage(rate: Decimal) -> str:
    """Return a rate as the reader writes it: 0.0250 is 2.5 %, or 2,5 %."""
    return f"{readers_notation().number(plain(rate * 100))}{PERCENT}"


@register.filter
def share(rate: Decimal) -> str:
    """Return a part of something in percent, with two decimals, as the reader writes it."""
    return f"{readers_notation().number((rate * 100).quantize(HUNDREDTH))}{PERCENT}"
