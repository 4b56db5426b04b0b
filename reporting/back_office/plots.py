"""Charts of two weeks, for all tenants together: these figures take longer than a page may.

A job draws them every five minutes into Redis; a page that finds none there draws them itself. What
is kept counts quarters of an hour, at which the midnight of each zone lies: so each reader has days
of their own zone. What was booked since is added when a page is shown, so that the charts agree
with the table beside them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Case, Count, F, IntegerField, Sum, When
from django.utils import timezone

from apikeys.tenants import wall
from invoices.models import Installment
from paytrust.operations import shared_state
from paytrust.staff.filters import beginning_of
from reporting.back_office.figures import rows_of

KEY, KEPT_SECONDS = "back_office:plots:quarters", 900
PLOTTED_DAYS = 14
QUARTER = timedelta(minutes=15)
FURTHEST = timedelta(hours=26)  # from one zone's midnight to another's
SETTLES_AFTER = timedelta(minutes=5)  # a booking has its time when it begins, and is seen later

RECEIVED = """
SELECT currency_code, floor(extract(epoch FROM booked_at) / 900)::bigint, sum(amount)::bigint
  FROM invoices_ledgerentry
 WHERE kind = 'payment' AND booked_at >= %(start)s AND booked_at < %(end)s
 GROUP BY 1, 2 ORDER BY 1, 2
"""

ENDED = """
SELECT gateway.name, floor(extract(epoch FROM request.created_at) / 900)::bigint,
       count(*) FILTER (WHERE request.status = 'paid'), count(*)
  FROM invoices_paymentrequest request JOIN gateways_gateway gateway
    ON gateway.id = request.gateway_id
 WHERE request.created_at >= %(start)s AND request.status IN ('paid', 'expired', 'failed')
 GROUP BY 1, 2 ORDER BY 1, 2
"""

OLDER_DAYS = (0, 30, 60)  # an instalment's age is how many of these it is overdue by
AGES = len(OLDER_DAYS) + 1
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plots:
    """What is kept of the charts; the quarters of an hour are numbered since 1970."""

    made_at: datetime
    until: datetime  # what was received before it
    received: dict[str, dict[int, int]]  # by currency and quarter, in minor units
    ended: dict[str, dict[int, tuple[int, int]]]  # by gateway: the paid, and all that ended
    ageing: dict[str, list[tuple[int, int]]]  # by currency: number and amount of each age


@dataclass(frozen=True, slots=True)
class Days:
    """The charts by days of the reader's zone: each list has one element per day, oldest first."""

    days: list[date]
    received: dict[str, list[int]]
    ended: dict[str, list[tuple[int, int]]]


def latest(*, now: datetime) -> Plots:
    """Return the plots that were drawn last, or draw them; bound staff get plots of their own."""
    if wall.stands_before_staff():
        return _drawn(now)
    text = shared_state.with_redis(lambda redis: redis.get(KEY), otherwise=None)
    return _read(str(text)) if text else redraw(now=now)


def by_day(plots: Plots, *, now: datetime) -> Days:
    """Return the charts by days of the reader's zone, with what was received up to now."""
    last = timezone.localtime(now).date()
    days = [last - timedelta(days=back) for back in range(PLOTTED_DAYS - 1, -1, -1)]
    at = {day: number for number, day in enumerate(days)}
    received: dict[str, list[int]] = {}
    since = max(plots.until, beginning_of(days[0]))
    for quarters in (plots.received, _received(since, now + timedelta(microseconds=1))):
        for code, of in quarters.items():
            for quarter, amount in of.items():
                if (day := _day_of(quarter)) in at:
                    sums = received.setdefault(code, [0] * PLOTTED_DAYS)
                    sums[at[day]] += amount
    ended: dict[str, list[tuple[int, int]]] = {}
    for gateway, counted in plots.ended.items():
        for quarter, (paid, all_of_them) in counted.items():
            if (day := _day_of(quarter)) in at:
                counts = ended.setdefault(gateway, [(0, 0)] * PLOTTED_DAYS)
                before = counts[at[day]]
                counts[at[day]] = (before[0] + paid, before[1] + all_of_them)
    return Days(days, received, ended)


def redraw(*, now: datetime) -> Plots:
    """Draw the charts again and store them for all processes."""
    plots = _drawn(now)
    times = [plots.made_at.isoformat(), plots.until.isoformat()]
    text = json.dumps([*times, plots.received, plots.ended, plots.ageing])
    shared_state.with_redis(lambda redis: redis.set(KEY, text, ex=KEPT_SECONDS), otherwise=None)
    return plots


def _read(text: str) -> Plots:
    made_at, until, received, ended, ageing = json.loads(text)
    return Plots(
        datetime.fromisoformat(made_at),
        datetime.fromisoformat(until),
        {code: {int(at): amount for at, amount in of.items()} for code, of in received.items()},
        {
            name: {int(at): (first, second) for at, (first, second) in of.items()}
            for name, of in ended.items()
        },
        {name: [(first, second) for first, second in pairs] for name, pairs in ageing.items()},
    )


def _drawn(now: datetime) -> Plots:
    start = now - timedelta(days=PLOTTED_DAYS) - FURTHEST
    settled = now - SETTLES_AFTER
    until = datetime.fromtimestamp(_quarter_of(settled) * QUARTER.total_seconds(), UTC)
    plots = Plots(now, until, _received(start, until), {}, {})
    for gateway, quarter, paid, ended in rows_of(ENDED, {"start": start}):
        plots.ended.setdefault(gateway, {})[quarter] = (paid, ended)
    for currency_code, age, count, amount in _open_by_age(now):
        plots.ageing.setdefault(currency_code, [(0, 0)] * AGES)[age] = (count, amount)
    return plots


def _received(start: datetime, end: datetime) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for code, quarter, amount in rows_of(RECEIVED, {"start": start, "end": end}):
        found.setdefault(code, {})[quarter] = amount
    return found


def _quarter_of(when: datetime) -> int:
    return int(when.timestamp() // QUARTER.total_seconds())


def _day_of(quarter: int) -> date:
    """Return the day of the reader's zone in which a quarter of an hour lies."""
    return timezone.localtime(datetime.fromtimestamp(quarter * QUARTER.total_seconds(), UTC)).date()


def _open_by_age(now: datetime) -> Iterable[tuple[str, int, int, int]]:
    """Add up the open instalments: those that are overdue, and those that are due later."""
    due_since = [
        When(due_at__gte=now - timedelta(days=days), then=age)
        for age, days in enumerate(OLDER_DAYS)
    ]
    return (
        Installment.objects.overdue(END_OF_TIME)
        .annotate(age=Case(*due_since, default=len(OLDER_DAYS), output_field=IntegerField()))
        .order_by()
        .values_list("invoice__currency_code", "age")
        .annotate(count=Count("pk"), amount=Sum(F("total_amount") - F("paid_amount")))
    )


def percentage(ended: Iterable[tuple[int, int]]) -> int:
    """Return how many of the payments that ended were paid, in percent; 0 if none ended."""
    paid, all_of_them = (sum(numbers) for numbers in zip(*ended, strict=True))
    return round(100 * paid / all_of_them) if all_of_them else 0
