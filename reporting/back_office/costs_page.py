"""What gateways take, against what was planned and what customers were charged, as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apikeys.models import Tenant
from paytrust.operations import replica
from paytrust.staff import display, narrowing, roles
from reporting.back_office import charts
from reporting.back_office.charts import Bar
from reporting.back_office.report_page import MOST_NAMES, SEES, Asked, asked_of, form_of
from reporting.costs import selectors
from reporting.costs.selectors import Cost

MONTHS = 3  # this one and those before it, unless asked for others
PLANNED, TAKEN = "c", "a"  # tones


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method in one currency."""

    name: str
    rows: Sequence[Cost]
    gateways: Sequence[tuple[Cost, bool]]  # each gateway's sum, and whether it took least
    chart: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCurrency:
    """One currency of the page."""

    currency_code: str
    methods: Sequence[Method]


@roles.requires(SEES)
def show(request: HttpRequest) -> HttpResponse:
    """Show what gateways took of each method, for one merchant or all of them."""
    form = form_of(request, months=MONTHS)
    asked = asked_of(form)
    with replica.reading():
        context = {
            **admin.site.each_context(request),
            "title": _("Gateway costs"),
            "form": form,
            "names": Tenant.objects.order_by("name").values_list("name", flat=True)[:MOST_NAMES],
            "asked": asked,
            "currencies": list(_currencies(asked)) if asked else [],
        }
        return render(request, "staff/costs.html", context)


def _currencies(asked: Asked) -> Iterator[OfCurrency]:
    found = selectors.costs(start=asked.start, end=asked.end, zone=asked.zone, **asked.narrowed)
    for code, of_currency in groupby(found, key=lambda row: row.currency_code):
        by_method = groupby(of_currency, key=lambda row: row.method)
        methods = [_method(name, list(rows)) for name, rows in by_method]
        yield OfCurrency(currency_code=code, methods=methods)


def _method(name: str, rows: Sequence[Cost]) -> Method:
    gateways = selectors.totals(rows, by="gateway_name").values()
    least = selectors.cheapest(gateways)
    return Method(
        name=name or _("not known"),
        rows=rows,
        gateways=[(one, one is least) for one in gateways],
        chart=_chart(name, rows),
    )


def _chart(name: str, rows: Sequence[Cost]) -> dict[str, Any]:
    """Return two bars for each month: what was planned, and what was taken."""
    months = list(selectors.totals(rows, by="month").values())
    code = rows[0].currency_code
    highest = max((max(one.planned_amount, one.taken_amount) for one in months), default=0) or 1
    bars = []
    for one in months:
        month = date_format(one.month, narrowing.MONTH)
        planned, taken = (
            display.plain_money(amount, code) for amount in (one.planned_amount, one.taken_amount)
        )
        bars += [
            Bar(one.planned_amount / highest, f"{month}, {_('planned')}: {planned}", PLANNED),
            Bar(one.taken_amount / highest, f"{month}, {_('taken')}: {taken}", TAKEN),
        ]
    total = display.plain_money(sum(one.taken_amount for one in months), code)
    summary = _("Taken of %(method)s in %(currency)s: %(total)s") % {
        "method": name,
        "currency": code,
        "total": total,
    }
    return {
        "title": _("Planned and taken, by month"),
        "value": total,
        "drawing": charts.bars(bars, summary=summary, tone=TAKEN),
        "first": _month(months[0].month),
        "last": _month(months[-1].month),
    }


def _month(month: date) -> str:
    return date_format(month, narrowing.MONTH)
