"""Closing days: totals made once, from entries that can no longer change.

Days close in order, an hour after they end, so that a booking that began before midnight is
included. A later booking belongs to the day on which it is booked.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import structlog
from django.db import connection, transaction

from invoices.models import LedgerEntry
from reporting.costs import rollups as costs
from reporting.models import ClosedDay

log = structlog.get_logger(__name__)

CLOSES_AFTER = timedelta(hours=1)
CHECKED_DAYS = 35

# One statement reads a day's entries once: the figures of all of them, then each tax rate beside
# them. An entry without an instalment is an overpayment; a transaction has at most one.
TOTALS_OF_A_DAY = """
WITH entry AS MATERIALIZED (
    SELECT * FROM invoices_ledgerentry WHERE booked_at >= %(begin)s AND booked_at < %(end)s
)
SELECT tenant_id, %(day)s::date AS day_date, kind, currency_code, gateway_id,
       NULL::numeric(5, 4) AS tax_rate, count(DISTINCT transaction_id) AS transaction_count,
       count(DISTINCT transaction_id) FILTER (WHERE installment_id IS NOT NULL),
       count(*) FILTER (WHERE installment_id IS NULL),
       sum(net_amount) AS subtotal_amount, sum(tax_amount) AS total_tax_amount,
       sum(service_fee_amount) AS total_service_fee_amount,
       coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0) AS overpayment_amount,
       sum(amount) AS total_amount
  FROM entry
 GROUP BY tenant_id, kind, currency_code, gateway_id
UNION ALL
SELECT entry.tenant_id, %(day)s::date, entry.kind, entry.currency_code, entry.gateway_id,
       tax.tax_rate, count(DISTINCT transaction_id), count(DISTINCT transaction_id), 0, 0,
       sum(tax.tax_amount), 0, 0, sum(tax.tax_amount)
  FROM entry JOIN invoices_ledgertax tax ON tax.entry_id = entry.id
 GROUP BY entry.tenant_id, entry.kind, entry.currency_code, entry.gateway_id, tax.tax_rate
"""
COLUMNS = (
    "tenant_id, day_date, kind, currency_code, gateway_id, tax_rate, transaction_count, "
    "installment_transaction_count, overpayment_transaction_count, subtotal_amount, "
    "total_tax_amount, total_service_fee_amount, overpayment_amount, total_amount"
)
DIFFERENCES = f"""
WITH recount AS ({TOTALS_OF_A_DAY}),
     kept AS (SELECT {COLUMNS} FROM reporting_dailytotal WHERE day_date = %(day)s)
(SELECT * FROM recount EXCEPT ALL SELECT * FROM kept)
UNION ALL
(SELECT * FROM kept EXCEPT ALL SELECT * FROM recount)
"""  # noqa: S608  # nosec B608  # constants of this module


def close_days(*, now: datetime) -> list[date]:
    """Close every day that has ended and is not closed yet, oldest first; return them.

    Safe to run twice and at once: the process that inserts a day's row closes it.
    """
    return [day for day in _open_days(now) if _close_day(day, now)]


def differing_days(*, now: datetime) -> list[date]:
    """Recount the last 35 closed days; return those whose totals differ from their rows."""
    closed = ClosedDay.objects.filter(day_date__gte=now.date() - timedelta(days=CHECKED_DAYS))
    days = [
        row.day_date
        for row in closed.order_by("day_date")
        if differs(row.day_date) or costs.differs(row.day_date)
    ]
    for day in days:
        log.critical("closed day differs from its entries", day=day.isoformat())
    return days


def differs(day: date) -> bool:
    """Return whether a closed day's totals differ from the sums of its entries."""
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES, _bounds(day))
        return cursor.fetchone() is not None


def last_closed_day() -> date | None:
    """Return the newest closed day; all older days with entries are closed too."""
    newest = ClosedDay.objects.order_by("-day_date").first()
    return newest.day_date if newest else None


def _open_days(now: datetime) -> Iterator[date]:
    last = (now.astimezone(UTC) - CLOSES_AFTER).date() - timedelta(days=1)
    newest = last_closed_day()
    if newest is None:
        first = LedgerEntry.objects.order_by("booked_at").first()
        day = first.booked_at.date() if first else last
    else:
        day = newest + timedelta(days=1)
    while day <= last:
        yield day
        day += timedelta(days=1)


def _close_day(day: date, now: datetime) -> bool:
    with transaction.atomic():
        _, mine = ClosedDay.objects.get_or_create(day_date=day, defaults={"closed_at": now})
        if mine:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO reporting_dailytotal ({COLUMNS}) {TOTALS_OF_A_DAY}",  # constants
                    _bounds(day),
                )
            costs.count(day)
    return mine


def _bounds(day: date) -> dict[str, date]:
    begin = datetime.combine(day, time(), UTC)
    return {"day": day, "begin": begin, "end": begin + timedelta(days=1)}
