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
from django.utils.timesince import timesince
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
from reporting.back_office.plots import Days, Plots

LATE_SECONDS = 60  # if a webhook has been due for longer, no worker takes it
TONES = ("a", "b", "c")
AGE_TONES = ("good", "warn", "bad", "worst")
PERIODS = (7, 30, 90)  # days to choose from
DAYS = 30
VOLUMES = 2  # the last tiles: how much runs, which needs no work
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
    """One currency's money of today, of the chosen days, and of as many days before them."""

    currency_code: str
    today: Money
    period: Money
    before: Money
    today_link: str
    period_link: str
    before_link: str
    refunds_link: str
    reversals_link: str

    @property
    def change(self) -> str:
        """Return by how much more, or less, came in than in the days before, in percent."""
        was = self.before.payments.amount
        if was == 0:
            return display.EMPTY
        return f"{100 * (self.period.payments.amount - was) / was:+.0f} %"


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    value: str
    drawing: SafeString
    first: str
    last: str


def chosen_days(asked: str) -> int:
    """Return how many days the reader wants to see."""
    return next((days for days in PERIODS if str(days) == asked), DAYS)


def context(*, now: datetime, days: int = DAYS) -> dict[str, Any]:
    """Return the data of the overview, in the reader's language and zone."""
    today = timezone.localtime(now).date()
    drawn = plots.latest(now=now)
    by_day = plots.by_day(drawn, now=now)
    tiles = _tiles(now, drawn)
    books = figures.books(now=now)
    return {
        "now": now,
        "today": today,
        "money": _money(today, days, now, books.closed_day),
        "days": days,
        "periods": PERIODS,
        "needs_you": tiles[:-VOLUMES],
        "volume": tiles[-VOLUMES:],
        "books": books,
        "gateways": _gateways(),
        "received_charts": _received_charts(by_day),
        "success_charts": _success_charts(by_day),
        "ageing": _ageing(drawn),
        "plots_made_at": drawn.made_at,
    }


def _money(today: date, days: int, now: datetime, closed_day: date | None) -> list[CurrencyRow]:
    first = today - timedelta(days=days - 1)
    earlier = first - timedelta(days=days)
    end = now + timedelta(microseconds=1)
    of_today, of_period = _moved(today, end, closed_day), _moved(first, end, closed_day)
    of_before = _moved(earlier, beginning_of(first), closed_day)
    return [
        CurrencyRow(
            code,
            of_today.get(code, Money(code)),
            of_period.get(code, Money(code)),
            of_before.get(code, Money(code)),
            _entries(code, MoneyKind.PAYMENT, today),
            _entries(code, MoneyKind.PAYMENT, first),
            _entries(code, MoneyKind.PAYMENT, earlier, first - timedelta(days=1)),
            _entries(code, MoneyKind.REFUND, first),
            _entries(code, MoneyKind.REVERSAL, first),
        )
        for code in sorted(of_today.keys() | of_period.keys() | of_before.keys())
    ]


def _moved(day: date, end: datetime, closed_day: date | None) -> dict[str, Money]:
    moved = figures.money(start=beginning_of(day), end=end, closed_day=closed_day)
    return {row.currency_code: row for row in moved}


def _entries(currency_code: str, kind: MoneyKind, since: date, until: date | None = None) -> str:
    ends = {"booked_at_to": until.isoformat()} if until else {}
    return list_address(
        "invoices_ledgerentry",
        currency_code=currency_code,
        kind__exact=kind.value,
        booked_at_from=since.isoformat(),
        **ends,
    )


def _age(oldest_at: datetime | None, now: datetime) -> str:
    """Return how long the oldest row of a queue has waited."""
    if oldest_at is None:
        return ""
    return _("oldest: %(age)s") % {"age": timesince(oldest_at, now, depth=1)}


def _overdue_sums(drawn: Plots) -> str:
    """Return what is overdue, for each currency by itself."""
    sums = (
        (code, sum(amount for _count, amount in ages[1:]))
        for code, ages in sorted(drawn.ageing.items())
    )
    return ", ".join(display.plain_money(amount, code) for code, amount in sums if amount)


def _tiles(now: datetime, drawn: Plots) -> list[Tile]:
    """Return the queues that need a person, and after them the numbers of what runs."""
    queues = figures.queues(now=now)
    late = queues.late_seconds > LATE_SECONDS
    return [
        _tile(
            _("Failed notifications"),
            queues.webhooks_failed,
            list_address("payments_webhookevent", status__exact="failed"),
            alarm="bad",
            note=_age(queues.oldest_failed_at, now),
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
            note=_age(queues.oldest_proposal_at, now),
        ),
        _tile(
            _("Discrepancies"),
            queues.discrepancies,
            list_address("reporting_discrepancy"),
            alarm="warn",
            note=_age(queues.oldest_discrepancy_at, now),
        ),
        _tile(
            _("Overdue instalments"),
            queues.overdue,
            list_address("reporting_overdueinstallment"),
            alarm="warn",
            note=_overdue_sums(drawn),
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


def _received_charts(drawn: Days) -> list[Chart]:
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


def _success_charts(drawn: Days) -> list[Chart]:
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


def _chart(drawn: Days, title: str, value: str, drawing: SafeString) -> Chart:
    return Chart(title, value, drawing, _day(drawn.days[0]), _day(drawn.days[-1]))


def _ageing(drawn: Plots) -> list[dict[str, Any]]:
    return [_ageing_of(currency_code, ages) for currency_code, ages in sorted(drawn.ageing.items())]


def _ageing_of(currency_code: str, ages: list[tuple[int, int]]) -> dict[str, Any]:
    """Return one line for all that is open in a currency, and what each of its pieces means."""
    whole = sum(amount for _count, amount in ages)
    rows: list[dict[str, Any]] = [
        {
            "age": str(age),
            "count": count,
            "amount": amount,
            "tone": tone,
            "said": f"{age}: {display.plain_money(amount, currency_code)}",
        }
        for age, tone, (count, amount) in zip(AGES, AGE_TONES, ages, strict=True)
    ]
    pieces = [charts.Piece(row["amount"] / (whole or 1), row["tone"], row["said"]) for row in rows]
    summary = "; ".join(row["said"] for row in rows)
    return {
        "currency_code": currency_code,
        "whole": whole,
        "rows": rows,
        "drawing": charts.stacked(pieces, summary=summary),
    }


def list_address(model: str, **filters: str) -> str:
    """Return the address of a list, with filters."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(filters)}"


def _day(day: date) -> str:
    return date_format(day, "j M")
