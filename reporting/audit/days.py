"""The audit of closed days, which counts in another way than the code that makes their totals."""

from collections.abc import Iterator
from datetime import date, datetime

from django.db import connection

from reporting.audit.checks import Finding
from reporting.models import ClosedDay

# Each figure of a closed day beside the sum of the day's entries, for each rate and without a rate.
# It counts once per transaction and sums after that; the code of the totals works differently.
DAY = """
WITH entry AS (
    SELECT * FROM invoices_ledgerentry
     WHERE booked_at >= %(day)s::timestamp AT TIME ZONE 'UTC'
       AND booked_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
), share AS (
    SELECT id, -1 AS rate, installment_id IS NOT NULL AS of_part, net_amount AS net,
           tax_amount AS tax, service_fee_amount AS fee,
           CASE WHEN installment_id IS NULL THEN amount ELSE 0 END AS over, amount AS total
      FROM entry
     UNION ALL
    SELECT entry_id, tax_rate, true, 0, tax_amount, 0, 0, tax_amount FROM invoices_ledgertax
     WHERE entry_id IN (SELECT id FROM entry)
), booked AS (
    SELECT tenant_id, kind, currency_code, gateway_id, rate, transaction_id,
           bool_or(of_part)::int AS with_part, bool_or(NOT of_part)::int AS with_none,
           sum(net) AS net, sum(tax) AS tax, sum(fee) AS fee, sum(over) AS over,
           sum(total) AS total
      FROM share JOIN entry USING (id)
     GROUP BY tenant_id, kind, currency_code, gateway_id, rate, transaction_id
), counted AS (
    SELECT tenant_id, kind, currency_code, gateway_id, rate,
           ARRAY[count(*), sum(with_part), sum(with_none), sum(net), sum(tax), sum(fee),
                 sum(over), sum(total)]::numeric[] AS figures
      FROM booked GROUP BY tenant_id, kind, currency_code, gateway_id, rate
), kept AS (
    SELECT id, tenant_id, kind, currency_code, gateway_id, coalesce(tax_rate, -1) AS rate,
           ARRAY[transaction_count, installment_transaction_count, overpayment_transaction_count,
                 subtotal_amount, total_tax_amount, total_service_fee_amount, overpayment_amount,
                 total_amount]::numeric[] AS figures
      FROM reporting_dailytotal WHERE day_date = %(day)s
)
SELECT 'reporting_dailytotal', coalesce(kept.id, 0), format(
           'day %%s of tenant %%s, %%s %%s at gateway %%s, %%s: transactions, those with'
           ' instalments, those with overpayments, net, tax, fee, overpayment and total are'
           ' %%s, but its ledger entries say %%s',
           %(day)s, tenant_id, currency_code, kind, gateway_id,
           coalesce('rate ' || nullif(rate, -1), 'in all'),
           coalesce(kept.figures::text, 'missing'), coalesce(counted.figures::text, 'nothing'))
  FROM counted FULL JOIN kept USING (tenant_id, kind, currency_code, gateway_id, rate)
 WHERE (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s)
   AND counted.figures IS DISTINCT FROM kept.figures
"""


def closed_days(*, since: datetime | None) -> list[date]:
    """Return the closed days, the oldest first; if a moment is given, only those since then."""
    closed = ClosedDay.objects.order_by("day_date")
    if since is not None:
        closed = closed.filter(day_date__gte=since.date())
    return list(closed.values_list("day_date", flat=True))


def audit_day(day: date, *, tenant_id: int | None) -> Iterator[Finding]:
    """Recount a closed day from its entries; each total that differs is a finding."""
    with connection.cursor() as cursor:
        cursor.execute(DAY, {"day": day, "tenant": tenant_id})
        for table, row_id, message in cursor.fetchall():
            yield Finding("closed days", table, str(row_id), message)
