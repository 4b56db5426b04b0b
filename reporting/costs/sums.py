"""Sums of costs over any interval: closed days from their totals, all else from lines."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import connection

from apikeys.models import Tenant
from apikeys.tenants import wall
from reporting.costs import statements
from reporting.costs.statements import Span
from reporting.financial import rollups
from reporting.models import ChangedDay

DAY: Final = timedelta(days=1)
_KEPT: Final = """
SELECT %(kept_label_{n})s::date AS label, currency_code, gateway_id, method, {columns}
  FROM reporting_costtotal
 WHERE {of_tenant} begins_at >= %(kept_begin_{n})s AND begins_at < %(kept_end_{n})s
   AND (begins_at AT TIME ZONE 'UTC')::date <> ALL (%(changed)s::date[])
 GROUP BY currency_code, gateway_id, method"""
_LIVE: Final = """
SELECT label, currency_code, gateway_id, method, {columns}
  FROM paid GROUP BY label, currency_code, gateway_id, method"""
_SUMMED: Final = """{paid}
SELECT {by}, {columns} FROM ({selects}) AS counted
  JOIN gateways_gateway gateway ON gateway.id = counted.gateway_id
 WHERE (%(currency)s::text IS NULL OR currency_code = %(currency)s)
   AND (%(gateway)s::bigint IS NULL OR gateway_id = %(gateway)s)
 GROUP BY {by}"""


def by_label(
    *,
    tenant: Tenant | None,
    spans: Sequence[Span],
    by: Sequence[str],
    summed: Sequence[str],
    currency_code: str | None,
    gateway_id: int | None,
) -> list[tuple[Any, ...]]:
    """Return rows of columns to add up by, and of sums: names of a CostTotal's columns.

    Spans follow each other; each counts under its label. Exact for any interval. A day of which a
    line has changed since it was counted is read from its lines.
    """
    kept, live, changed = _split(spans)
    columns = ", ".join(f"sum({name})::bigint AS {name}" for name in summed)
    selects = [
        _KEPT.format(n=number, columns=columns, of_tenant=_of(tenant))
        for number in range(len(kept))
    ]
    begin = ""
    if live:
        of_tenant = statements.OF_TENANT if tenant else ""
        begin = statements.paid(live, of_tenant=of_tenant)
        selects.append(_LIVE.format(columns=statements.selected(summed)))
    if not selects:
        return []
    sql = _SUMMED.format(
        paid=begin,
        by=", ".join(by),
        columns=columns,
        selects="\n UNION ALL ".join(selects),
    )
    values = {
        **statements.values_of(live),
        "tenant": tenant.pk if tenant else None,
        "changed": changed,
        "currency": currency_code,
        "gateway": gateway_id,
    }
    for number, span in enumerate(kept):
        values |= {
            f"kept_label_{number}": span.label,
            f"kept_begin_{number}": span.begin,
            f"kept_end_{number}": span.end,
        }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _of(tenant: Tenant | None) -> str:
    """Return which totals count; bound staff see those of their tenants alone."""
    if tenant:
        return statements.OF_TENANT
    return "tenant_id IS NOT NULL AND" if wall.stands_before_staff() else "tenant_id IS NULL AND"


def _split(spans: Sequence[Span]) -> tuple[list[Span], list[Span], list[date]]:
    """Return what has totals, what is read from lines instead, and the changed days."""
    newest = rollups.last_closed_day()
    changed = _changed(spans)
    kept, live = [], []
    for span in spans:
        begin, end = _within(span, newest)
        if begin >= end:
            live.append(span)
            continue
        kept.append(Span(span.label, begin, end))
        days = [day for day in changed if begin.date() <= day <= end.date()]
        runs = ((max(begin, first), min(end, after)) for first, after in _runs(days))
        live += [
            Span(span.label, first, after)
            for first, after in ((span.begin, begin), *runs, (end, span.end))
            if first < after
        ]
    return kept, live, changed


def _within(span: Span, newest: date | None) -> tuple[datetime, datetime]:
    """Return the ends of the slices of closed days that lie in a span; the last day is `newest`."""
    if newest is None:
        return span.end, span.begin
    end = min(span.end, statements.midnight(newest + DAY)).astimezone(UTC)
    first = span.begin.astimezone(UTC)
    edges = (*statements.slices_of(first.date()), statements.midnight(first.date() + DAY))
    begin = next(edge for edge in edges if edge >= first)
    return begin, max(edge for edge in statements.slices_of(end.date()) if edge <= end)


def _changed(spans: Sequence[Span]) -> list[date]:
    """Return the days of which a line has changed since they were counted."""
    if not spans:
        return []
    ends = (spans[0].begin.astimezone(UTC).date(), spans[-1].end.astimezone(UTC).date())
    marked = ChangedDay.objects.filter(day_date__range=ends)
    return list(marked.order_by("day_date").values_list("day_date", flat=True).distinct())


def _runs(days: Sequence[date]) -> Iterator[tuple[datetime, datetime]]:
    """Yield the ends of days that follow each other."""
    for number, day in enumerate(days):
        if number == 0 or days[number - 1] + DAY < day:
            begin = day
        if number + 1 == len(days) or day + DAY < days[number + 1]:
            yield statements.midnight(begin), statements.midnight(day + DAY)
