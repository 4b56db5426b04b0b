"""The overview: what came in, what needs work, and charts of two weeks."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gateways import registry
from gateways.models import Gateway
from invoices.models import MoneyKind
from paytrust.staff import display
from paytrust.staff.filters import beginning_of
from reporting.back_office import charts, figures, plots
from reporting.back_office.charts import Bar
from reporting.back_office.figures import Counted, Money
from reporting.back_office.plots import Plots

LATE_SECONDS = 60  # if a webhook has been due for longer, no worker takes it
TONES = ("a", "b", "c")
AGES: tuple[Promise, ...] = (
    gettext_lazy("not due yet"),
    gettext_lazy("up to 30 days overdue"),
    gettext_lazy("31 to 60 days overdue"),
    gettext_lazy("more than 60 days overdue"),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that may need work, and the list that it counts."""

    title: str
    number: str
    link: str
    tone: str  # good, warn, bad, plain
    note: str = ""


@dataclass(frozen=True, slots=True)
class CurrencyRow:
    """One currency's money of today and of this month."""

    currency_code: str
    today: Money
    month: Money
    today_link: str
    month_link: str
    refunds_link: str
    reversals_link: str


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    value: str
    drawing: SafeString
    first: str
    last: str


def context(*, now: datetime) -> dict[str, Any]:
    """Return the data of the overview, in the reader's language and zone."""
    today = timezone.localtime(now).date()
    drawn = plots.latest(now=now)
    return {
        "now": now,
        "today": today,
        "money": _money(today, now),
        "tiles": _tiles(now),
        "books": figures.books(now=now),
        "gateways": _gateways(),
        "received_charts": _received_charts(drawn),
        "success_charts": _success_charts(drawn),
        "ageing": _ageing(drawn),
        "plots_made_at": drawn.made_at,
    }


def _money(today: date, now: datetime) -> list[CurrencyRow]:
    month = today.replace(day=1)
    end = now + timedelta(microseconds=1)
    of_today = {row.currency_code: row for row in _moved(today, end)}
    of_month = {row.currency_code: row for row in _moved(month, end)}
    return [
        CurrencyRow(
            code,
            of_today.get(code, Money(code)),
            of_month.get(code, Money(code)),
            _entries(code, MoneyKind.PAYMENT, today),
            _entries(code, MoneyKind.PAYMENT, month),
            _entries(code, MoneyKind.REFUND, month),
            _entries(code, MoneyKind.REVERSAL, month),
        )
        for code in sorted(of_today.keys() | of_month.keys())
    ]


def _moved(day: date, end: datetime) -> list[Money]:
    return figures.money(start=beginning_of(day), end=end)


def _entries(currency_code: str, kind: MoneyKind, since: date) -> str:
    return list_address(
        "invoices_ledgerentry",
        currency_code=currency_code,
        kind__exact=kind.value,
        booked_at_from=since.isoformat(),
    )


def _tiles(now: datetime) -> list[Tile]:
    queues = figures.queues(now=now)
    late = queues.late_seconds > LATE_SECONDS
    return [
        _tile(
            _("Failed notifications"),
            queues.webhooks_failed,
            list_address("payments_webhookevent", status__exact="failed"),
            alarm="bad",
        ),
        _tile(
            _("Notifications waiting"),
            queues.webhooks_waiting,
            list_address("payments_webhookevent", status__exact="received"),
            alarm="bad" if late else "plain",
            note=_("the oldest is %(seconds)s s late") % {"seconds": queues.late_seconds}
            if late
            else "",
        ),
        _tile(
            _("Proposals"),
            queues.proposals,
            list_address("payments_proposal", status__exact="open"),
            alarm="warn",
        ),
        _tile(
            _("Discrepancies"),
            queues.discrepancies,
            list_address("reporting_discrepancy"),
            alarm="warn",
        ),
        _tile(
            _("Overdue instalments"),
            queues.overdue,
            list_address("reporting_overdueinstallment"),
            alarm="warn",
        ),
        _tile(
            _("Invoices pending"),
            queues.pending,
            list_address("invoices_invoice", status__exact="pending"),
        ),
        _tile(
            _("Invoices partially paid"),
            queues.partially_paid,
            list_address("invoices_invoice", status__exact="partially_paid"),
        ),
    ]


def _tile(title: str, number: Counted, link: str, *, alarm: str = "plain", note: str = "") -> Tile:
    calm = "good" if alarm != "plain" else "plain"
    return Tile(title, str(number), link, alarm if number else calm, note)


def _gateways() -> list[dict[str, Any]]:
    return [
        {
            "name": gateway.name,
            "status": registry.health_of(gateway.code, tenant_id=None).status.value,
        }
        for gateway in Gateway.objects.order_by("pk")
    ]


def _received_charts(drawn: Plots) -> list[Chart]:
    shown = []
    for at, (currency_code, amounts) in enumerate(sorted(drawn.received.items())):
        highest = max(amounts) or 1
        bars = [
            Bar(amount / highest, f"{_day(day)}: {display.plain_money(amount, currency_code)}")
            for day, amount in zip(drawn.days, amounts, strict=True)
        ]
        total = display.plain_money(sum(amounts), currency_code)
        summary = _("Received in %(currency)s in the last 14 days: %(total)s") % {
            "currency": currency_code,
            "total": total,
        }
        drawing = charts.bars(bars, summary=summary, tone=TONES[at % len(TONES)])
        shown.append(_chart(drawn, currency_code, total, drawing))
    return shown


def _success_charts(drawn: Plots) -> list[Chart]:
    shown = []
    for gateway, ended in sorted(drawn.ended.items()):
        bars = [_success_bar(day, *of) for day, of in zip(drawn.days, ended, strict=True)]
        percentage = plots.percentage(ended)
        value = f"{percentage} %"
        summary = _("Payments at %(gateway)s that were paid: %(percentage)s") % {
            "gateway": gateway,
            "percentage": value,
        }
        drawing = charts.bars(bars, summary=summary, tone=success_tone(percentage))
        shown.append(_chart(drawn, gateway, value, drawing))
    return shown


def _success_bar(day: date, paid: int, ended: int) -> Bar:
    words = _("%(day)s: %(paid)s of %(ended)s paid") % {
        "day": _day(day),
        "paid": paid,
        "ended": ended,
    }
    return Bar(paid / ended if ended else 0.0, words)


def success_tone(percentage: int) -> str:
    """Return the tone of a success rate."""
    return "good" if percentage >= 80 else "warn" if percentage >= 50 else "bad"


def _chart(drawn: Plots, title: str, value: str, drawing: SafeString) -> Chart:
    return Chart(title, value, drawing, _day(drawn.days[0]), _day(drawn.days[-1]))


def _ageing(drawn: Plots) -> list[dict[str, Any]]:
    tables = []
    for currency_code, ages in sorted(drawn.ageing.items()):
        highest = max(amount for _count, amount in ages) or 1
        tables.append(
            {
                "currency_code": currency_code,
                "rows": [
                    {
                        "age": age,
                        "count": count,
                        "amount": amount,
                        "meter": charts.meter(
                            amount / highest,
                            summary=f"{age}: {display.plain_money(amount, currency_code)}",
                            tone=tone,
                        ),
                    }
                    for age, tone, (count, amount) in zip(
                        AGES, ("good", "warn", "bad", "bad"), ages, strict=True
                    )
                ],
            }
        )
    return tables


def list_address(model: str, **filters: str) -> str:
    """Return the address of a list, with filters."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(filters)}"


def _day(day: date) -> str:
    return date_format(day, "j M")
