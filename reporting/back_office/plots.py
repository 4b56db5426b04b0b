"""Charts of two weeks, for all tenants together: these figures take longer than a page may.

A job draws them every five minutes into Redis; a page that finds none there draws them itself.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Case, Count, F, IntegerField, Sum, When

from apikeys.tenants import wall
from invoices.models import Installment
from paytrust.operations import shared_state
from reporting.back_office.figures import rows_of
from reporting.financial import rollups, selectors

KEY, KEPT_SECONDS = "back_office:plots", 900
PLOTTED_DAYS = 14

RECEIVED_BY_DAY = """
SELECT day_date, currency_code, sum(total_amount)::bigint FROM (
    SELECT day_date, currency_code, total_amount FROM reporting_dailytotal
     WHERE kind = 'payment' AND tax_rate IS NULL
       AND day_date >= %(first_day)s AND day_date < %(end_day)s
    UNION ALL
    SELECT (booked_at AT TIME ZONE 'UTC')::date, currency_code, amount
      FROM invoices_ledgerentry
     WHERE kind = 'payment' AND booked_at >= %(closed_to)s AND booked_at < %(end)s
) part GROUP BY day_date, currency_code ORDER BY currency_code, day_date
"""

ENDED_BY_DAY = """
SELECT gateway.name, (request.created_at AT TIME ZONE 'UTC')::date,
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
    """The data of the charts at `made_at`. Each list has one element per UTC day, oldest first."""

    made_at: datetime
    received: dict[str, list[int]]  # by currency, in minor units
    ended: dict[str, list[tuple[int, int]]]  # by gateway: payments that ended, those paid first
    ageing: dict[str, list[tuple[int, int]]]  # by currency: number and amount of each age

    @property
    def days(self) -> list[date]:
        last = self.made_at.astimezone(UTC).date()
        return [last - timedelta(days=back) for back in range(PLOTTED_DAYS - 1, -1, -1)]


def latest(*, now: datetime) -> Plots:
    """Return the plots that were drawn last, or draw them; bound staff get plots of their own."""
    if wall.stands_before_staff():
        return _drawn(now)
    text = shared_state.with_redis(lambda redis: redis.get(KEY), otherwise=None)
    return _read(str(text)) if text else redraw(now=now)


def redraw(*, now: datetime) -> Plots:
    """Draw the charts again and store them for all processes."""
    plots = _drawn(now)
    text = json.dumps([plots.made_at.isoformat(), plots.received, plots.ended, plots.ageing])
    shared_state.with_redis(lambda redis: redis.set(KEY, text, ex=KEPT_SECONDS), otherwise=None)
    return plots


def _read(text: str) -> Plots:
    made_at, received, ended, ageing = json.loads(text)
    return Plots(datetime.fromisoformat(made_at), received, _pairs(ended), _pairs(ageing))


def _pairs(lists: dict[str, list[list[int]]]) -> dict[str, list[tuple[int, int]]]:
    return {name: [(first, second) for first, second in pairs] for name, pairs in lists.items()}


def _drawn(now: datetime) -> Plots:
    plots = Plots(now, {}, {}, {})
    at = {day: number for number, day in enumerate(plots.days)}
    start = datetime.combine(plots.days[0], time(), UTC)
    bounds = selectors.closed_days(start, now, rollups.last_closed_day())
    if bounds["first_day"] == bounds["end_day"]:  # no closed day: all of it is live
        bounds["closed_to"] = start
    for day, currency_code, amount in rows_of(RECEIVED_BY_DAY, {**bounds, "end": now}):
        plots.received.setdefault(currency_code, [0] * PLOTTED_DAYS)[at[day]] = amount
    for gateway, day, paid, ended in rows_of(ENDED_BY_DAY, {"start": start}):
        if day in at:
            plots.ended.setdefault(gateway, [(0, 0)] * PLOTTED_DAYS)[at[day]] = (paid, ended)
    for currency_code, age, count, amount in _open_by_age(now):
        plots.ageing.setdefault(currency_code, [(0, 0)] * AGES)[age] = (count, amount)
    return plots


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
