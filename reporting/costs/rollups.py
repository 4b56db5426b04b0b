"""Counting the costs of closed days, once when they close and again when a line changes."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

from django.db import connection, transaction

from reporting.costs import statements
from reporting.costs.statements import Span
from reporting.models import ChangedDay, ClosedDay, CostTotal

DAY: Final = timedelta(days=1)

_KEY: Final = "tenant_id, {begin}, currency_code, gateway_id, method"
_OF_ALL: Final = "label, currency_code, gateway_id, method"
COLUMNS: Final = ", ".join((_KEY.format(begin="begins_at"), *statements.SUMS))
_COUNTED: Final = f"""{{paid}}
SELECT {_KEY.format(begin="label")}, {statements.selected()} FROM paid
 GROUP BY GROUPING SETS ((tenant_id, {_OF_ALL}), ({_OF_ALL}))"""  # noqa: S608  # nosec B608  # our own names
_KEPT: Final = f"""
SELECT {COLUMNS} FROM reporting_costtotal
 WHERE begins_at >= %(begin)s AND begins_at < %(end)s"""  # noqa: S608  # nosec B608
_DIFFERENCES: Final = f"""
SELECT FROM (({{counted}} EXCEPT ALL {_KEPT}) UNION ALL ({_KEPT} EXCEPT ALL {{counted}})) AS other
 WHERE NOT EXISTS (SELECT FROM reporting_changedday WHERE day_date = %(day)s)
 LIMIT 1"""  # noqa: S608  # nosec B608


def count(day: date) -> None:
    """Make the totals of a day from its lines, in the transaction that is open."""
    sql, values = _counted(day)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO reporting_costtotal ({COLUMNS}) {sql}", values)


def count_again() -> list[date]:
    """Count the closed days of which lines have changed; return them.

    Safe to run twice and at once. A change that another transaction has not committed keeps its
    mark for the next time.
    """
    marked = ChangedDay.objects.values_list("day_date", flat=True).distinct()
    closed = ClosedDay.objects.filter(day_date__in=list(marked)).order_by("day_date")
    days = list(closed.values_list("day_date", flat=True))
    for day in days:
        _count_again(day)
    return days


def differs(day: date) -> bool:
    """Return whether a closed day's totals differ from its lines, unless it waits to be counted."""
    sql, values = _counted(day)
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES.format(counted=f"({sql})"), values)
        return cursor.fetchone() is not None


@transaction.atomic
def _count_again(day: date) -> None:
    # One process at a time. The marks go first: a change that is committed later leaves its own.
    ClosedDay.objects.select_for_update().get(day_date=day)
    ChangedDay.objects.filter(day_date=day).delete()
    begin = statements.midnight(day)
    CostTotal.objects.filter(begins_at__gte=begin, begins_at__lt=begin + DAY).delete()
    count(day)


def _counted(day: date) -> tuple[str, dict[str, Any]]:
    begin = statements.midnight(day)
    edges = [*statements.slices_of(day), begin + DAY]
    spans = [Span(first, first, after) for first, after in pairwise(edges)]
    values = {**statements.values_of(spans), "day": day, "begin": begin, "end": begin + DAY}
    return _COUNTED.format(paid=statements.paid(spans, cast="::timestamptz")), values
