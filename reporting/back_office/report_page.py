"""The financial report as a page: the same figures as the API's, with plots and files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apikeys.models import Tenant
from gateways.models import Gateway
from paytrust.money import EXPONENTS
from paytrust.operations import replica
from paytrust.staff import display, narrowing, roles
from paytrust.staff.export import exported
from paytrust.staff.filters import FIRST_YEAR, LAST_YEAR, beginning_of
from paytrust.staff.narrowing import Month
from paytrust.web import spreadsheets
from reporting.back_office import charts
from reporting.back_office.charts import Bar
from reporting.costs.cash import Cash, cash
from reporting.exports import financial
from reporting.exports.answers import csv_answer, file_name, xlsx_answer
from reporting.financial import figures, selectors
from reporting.financial.figures import CurrencyReport
from reporting.models import DailyTotal

SEES = "reporting.view_dailytotal"
DAY = timedelta(days=1)
LONGEST_DAYS = 366  # as the API's report
DAYS_AS_BARS = 62  # a longer time is plotted by months
DAYS_OF_ALL = 92  # for all merchants together the plot reads too much of a longer time
MOST_NAMES = 300  # of merchants to choose from; others can be typed
TONES = ("a", "b", "c")


class DayField(forms.DateField):
    """A day, as a browser sends it in any language."""

    def __init__(self, label: Any) -> None:  # noqa: ANN401  # a text or a lazy one
        super().__init__(
            label=label,
            input_formats=["%Y-%m-%d"],
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        )


class ReportForm(forms.Form):
    """Which report: from the first day to the last, in the reader's zone."""

    first = DayField(gettext_lazy("From"))
    last = DayField(gettext_lazy("To"))
    merchant = forms.ModelChoiceField(
        label=gettext_lazy("Tenant"),
        queryset=Tenant.objects.all(),
        to_field_name="name",
        required=False,
        widget=forms.TextInput(attrs={"list": "staff-merchants", "autocomplete": "off"}),
        error_messages={"invalid_choice": gettext_lazy("No tenant is called so.")},
    )
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"),
        required=False,
        choices=[("", gettext_lazy("all")), *((code, code) for code in sorted(EXPONENTS))],
    )
    gateway = forms.ModelChoiceField(
        label=gettext_lazy("Gateway"),
        queryset=Gateway.objects.order_by("pk"),
        required=False,
        empty_label=gettext_lazy("all"),
    )

    def clean(self) -> dict[str, Any]:
        filled: dict[str, Any] = super().clean() or {}
        first, last = filled.get("first"), filled.get("last")
        for name, day in (("first", first), ("last", last)):
            if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
                self.add_error(name, _("There is no money of this year."))
        if first and last and last < first:
            self.add_error("last", _("The last day is before the first."))
        elif first and last and (last - first).days >= LONGEST_DAYS:
            self.add_error("last", _("A report has at most 366 days."))
        return filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader asks for."""

    first: date
    last: date
    tenant: Tenant | None
    currency_code: str | None
    gateway: Gateway | None

    @property
    def start(self) -> datetime:
        return beginning_of(self.first)

    @property
    def end(self) -> datetime:
        return beginning_of(self.last + DAY)

    @property
    def zone(self) -> ZoneInfo:
        zone = timezone.get_current_timezone()
        assert isinstance(zone, ZoneInfo), "the middleware sets one of our zones"
        return zone

    @property
    def narrowed(self) -> dict[str, Any]:
        """Return the arguments by which selectors narrow their rows."""
        return {
            "tenant": self.tenant,
            "currency_code": self.currency_code,
            "gateway_id": self.gateway.pk if self.gateway else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencySection:
    """One currency of the page."""

    report: CurrencyReport
    lines: Sequence[tuple[str, Any]]
    taxes: Sequence[tuple[Any, Any]]
    gateways: Sequence[tuple[str, Any]]
    cash: Sequence[Cash]
    chart: dict[str, Any] | None


@roles.requires(SEES)
def show(request: HttpRequest) -> HttpResponse:
    """Show the report of a time, for one merchant or all of them."""
    form = form_of(request)
    asked = asked_of(form)
    with replica.reading():
        context = {
            **admin.site.each_context(request),
            "title": _("Financial report"),
            "form": form,
            "names": Tenant.objects.order_by("name").values_list("name", flat=True)[:MOST_NAMES],
            "months": _months(form),
            "asked": asked,
            "sections": list(_sections(asked)) if asked else [],
            "files": _files(request) if asked else [],
        }
        return render(request, "staff/report.html", context)


@roles.requires(SEES)
def download(request: HttpRequest, suffix: str) -> HttpResponseBase:
    """Return the report as a file, in the form of the API's."""
    asked = asked_of(form_of(request))
    if asked is None or suffix not in {"csv", "xlsx"}:
        raise Http404
    with replica.reading():
        reports = selectors.financial_report(start=asked.start, end=asked.end, **asked.narrowed)
    rows = financial.financial_rows(
        reports=reports, start=asked.start, end=asked.end, zone=asked.zone
    )
    name = file_name("financial", asked.start, asked.end, asked.zone)
    exported.send(sender=None, request=request, model=DailyTotal, suffix=suffix)
    if suffix == "csv":
        return csv_answer(spreadsheets.csv_pieces(rows), name)
    return xlsx_answer(rows, title="financial", name=name)


def address(**asked: str) -> str:
    """Return the address of the page, with what it is asked for."""
    return f"{reverse('admin:report')}?{urlencode(asked)}"


def form_of(request: HttpRequest, *, months: int = 1) -> ReportForm:
    """Return the filled form; so many months, up to today, unless the request names days."""
    first, _last = list(narrowing.last_months(now=timezone.now()))[months - 1]
    given = {name: str(value).replace("\x00", "") for name, value in request.GET.items()}
    whole = {"first": first.isoformat(), "last": timezone.localdate().isoformat(), **given}
    return ReportForm(whole)


def asked_of(form: ReportForm) -> Asked | None:
    """Return what a form asks for, if it is valid."""
    if not form.is_valid():
        return None
    filled = form.cleaned_data
    return Asked(
        first=filled["first"],
        last=filled["last"],
        tenant=filled["merchant"],
        currency_code=filled["currency"] or None,
        gateway=filled["gateway"],
    )


def _months(form: ReportForm) -> list[Month]:
    """Return the last months, each with the rest of what the form asks for."""
    rest = ("merchant", "currency", "gateway")
    kept = {name: form.data[name] for name in rest if form.data.get(name)}
    chosen = (form.data["first"], form.data["last"])
    found = []
    for first, last in narrowing.last_months(now=timezone.now()):
        ends = (first.isoformat(), last.isoformat())
        link = address(first=ends[0], last=ends[1], **kept)
        found.append(Month(date_format(first, narrowing.MONTH), link, chosen == ends))
    return found


def _files(request: HttpRequest) -> list[tuple[str, str]]:
    query = request.GET.urlencode()
    return [
        (suffix.upper(), f"{reverse('admin:report_export', args=(suffix,))}?{query}")
        for suffix in ("csv", "xlsx")
    ]


def _sections(asked: Asked) -> Iterator[CurrencySection]:
    """Yield each currency in which money moved."""
    sums = selectors.sums(start=asked.start, end=asked.end, **asked.narrowed)
    settled = cash(sums, start=asked.start, end=asked.end, **asked.narrowed)
    days = _bars(asked)
    received = (
        selectors.received_between(edges=[*map(beginning_of, days)], **asked.narrowed)
        if days
        else {}
    )
    for number, report in enumerate(figures.by_currency(sums)):
        code = report.currency_code
        yield CurrencySection(
            report=report,
            lines=_lines(report),
            taxes=sorted(report.taxes.items()),
            gateways=sorted(report.gateways.items()),
            cash=[one for one in settled if one.currency_code == code],
            chart=_chart(code, days, received[code], TONES[number % len(TONES)])
            if code in received
            else None,
        )


def _lines(report: CurrencyReport) -> list[tuple[str, Any]]:
    return [
        (_("Received"), report.received),
        (_("Overpayments"), report.overpayments),
        (_("Refunds"), report.refunds),
        (_("Charged back or denied"), report.reversals),
    ]


def _bars(asked: Asked) -> list[date]:
    """Return the first day of each bar, and the day after the last; none: no plot."""
    count = (asked.last - asked.first).days + 1
    if count <= DAYS_AS_BARS:
        return [asked.first + number * DAY for number in range(count + 1)]
    if asked.tenant is None and count > DAYS_OF_ALL:
        return []
    found = [asked.first]
    while (begin := narrowing.next_month(found[-1].replace(day=1))) <= asked.last:
        found.append(begin)
    return [*found, asked.last + DAY]


def _chart(code: str, days: Sequence[date], amounts: Sequence[int], tone: str) -> dict[str, Any]:
    highest = max(amounts) or 1
    bars = [
        Bar(amount / highest, f"{_named(first, after)}: {display.plain_money(amount, code)}")
        for first, after, amount in zip(days, days[1:], amounts, strict=False)
    ]
    total = display.plain_money(sum(amounts), code)
    summary = _("Received in %(currency)s, overpayments included: %(total)s") % {
        "currency": code,
        "total": total,
    }
    return {
        "title": _("Received, overpayments included"),
        "value": total,
        "drawing": charts.bars(bars, summary=summary, tone=tone),
        "first": date_format(days[0], narrowing.DAY),
        "last": date_format(days[-1] - DAY, narrowing.DAY),
    }


def _named(first: date, after: date) -> str:
    last = after - DAY
    if first == last:
        return date_format(first, narrowing.DAY)
    return f"{date_format(first, narrowing.DAY)} - {date_format(last, narrowing.DAY)}"
