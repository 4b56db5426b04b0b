"""An audit of the books that shares no arithmetic with the code that keeps them.

Every check is one SQL statement over a range of invoices which returns what does not add up.
PostgreSQL's round() rounds halves away from zero, as the specification rounds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from reporting.models import ClosedDay

CHUNK = 10_000  # invoices per round of checks

SCOPE = """
WITH scope AS (
    SELECT * FROM invoices_invoice
     WHERE id >= %(first)s AND id < %(end)s
       AND (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s)
       AND (%(since)s::timestamptz IS NULL OR updated_at >= %(since)s)
)
"""

CHECKS = {
    "a line's amounts": """
SELECT 'invoices_lineitem', line.id, format(
           'subtotal %%s and tax %%s, but %%s x %%s less %%s at %%s is %%s and %%s',
           line.subtotal_amount, line.tax_amount, line.quantity, line.unit_price_amount,
           line.discount_amount, line.tax_rate, priced.subtotal,
           round(priced.subtotal * line.tax_rate))
  FROM scope JOIN invoices_lineitem line ON line.invoice_id = scope.id
  CROSS JOIN LATERAL (SELECT round(line.quantity * line.unit_price_amount)
                             - line.discount_amount AS subtotal) priced
 WHERE line.subtotal_amount <> priced.subtotal
    OR line.tax_amount <> round(priced.subtotal * line.tax_rate)""",
    "an invoice's charges": """
SELECT 'invoices_invoice', scope.id, format(
           'subtotal %%s, tax %%s, fee %%s, total %%s, but its lines are %%s, %%s and the fee %%s',
           scope.subtotal_amount, scope.total_tax_amount, scope.total_service_fee_amount,
           scope.total_amount, lines.subtotal, lines.tax,
           round(lines.subtotal * scope.fee_percentage / 100) + scope.fee_fixed_amount)
  FROM scope LEFT JOIN LATERAL (
       SELECT coalesce(sum(net), 0) AS subtotal, coalesce(sum(round(net * tax_rate)), 0) AS tax
         FROM invoices_lineitem, LATERAL (
              SELECT round(quantity * unit_price_amount) - discount_amount AS net) priced
        WHERE invoice_id = scope.id) lines ON true
 WHERE scope.subtotal_amount <> lines.subtotal OR scope.total_tax_amount <> lines.tax
    OR scope.total_service_fee_amount
       <> round(lines.subtotal * scope.fee_percentage / 100) + scope.fee_fixed_amount
    OR scope.total_amount <> lines.subtotal + lines.tax + scope.total_service_fee_amount""",
    "a schedule's columns": """
SELECT 'invoices_installment', scope.id, format(
           'instalments of invoice %%s sum to %%s, %%s, %%s, %%s; it is %%s, %%s, %%s, %%s',
           scope.id, parts.net, parts.tax, parts.fee, parts.total, scope.subtotal_amount,
           scope.total_tax_amount, scope.total_service_fee_amount, scope.total_amount)
  FROM scope LEFT JOIN LATERAL (
       SELECT count(*) AS n, sum(net_amount) AS net, sum(tax_amount) AS tax,
              sum(service_fee_amount) AS fee, sum(total_amount) AS total
         FROM invoices_installment WHERE invoice_id = scope.id) parts ON true
 WHERE (parts.n, parts.net, parts.tax, parts.fee, parts.total) IS DISTINCT FROM
       (scope.installment_count::bigint, scope.subtotal_amount::numeric,
        scope.total_tax_amount::numeric, scope.total_service_fee_amount::numeric,
        scope.total_amount::numeric)""",
    "an instalment's money": """
SELECT 'invoices_installment', part.id, format(
           '%%s with %%s of %%s paid, but its allocations sum to %%s',
           part.status, part.paid_amount, part.total_amount, paid.amount)
  FROM scope JOIN invoices_installment part ON part.invoice_id = scope.id
  LEFT JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM payments_allocation
                      WHERE installment_id = part.id) paid ON true
 WHERE part.paid_amount <> paid.amount OR part.paid_amount > part.total_amount
    OR part.total_amount <> part.net_amount + part.tax_amount + part.service_fee_amount
    OR (part.status = 'paid') <> (paid.amount = part.total_amount)""",
    "an instalment's tax": """
SELECT 'invoices_installmenttax', part.id, format(
           'the rates of instalment %%s sum to %%s, its tax is %%s',
           part.id, rates.tax, part.tax_amount)
  FROM scope JOIN invoices_installment part ON part.invoice_id = scope.id
  LEFT JOIN LATERAL (SELECT coalesce(sum(tax_amount), 0) AS tax FROM invoices_installmenttax
                      WHERE installment_id = part.id) rates ON true
 WHERE rates.tax <> part.tax_amount""",
    "a transaction's units": """
SELECT 'invoices_transaction', booked.id, format(
           '%%s %%s, its payments_allocation rows sum to %%s, overpaid %%s (invoice %%s in %%s)',
           booked.amount, booked.currency_code, placed.amount, booked.overpayment_amount,
           scope.id, scope.currency_code)
  FROM scope JOIN invoices_transaction booked ON booked.invoice_id = scope.id
  LEFT JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM payments_allocation
                      WHERE transaction_id = booked.id) placed ON true
 WHERE booked.amount <> placed.amount + booked.overpayment_amount
    OR booked.currency_code <> scope.currency_code OR booked.tenant_id <> scope.tenant_id""",
    "an allocation's place": """
SELECT 'payments_allocation', allocation.id, format(
           'instalment %%s is not one of invoice %%s', allocation.installment_id, scope.id)
  FROM scope JOIN invoices_transaction booked ON booked.invoice_id = scope.id
  JOIN payments_allocation allocation ON allocation.transaction_id = booked.id
  JOIN invoices_installment part ON part.id = allocation.installment_id
 WHERE part.invoice_id <> scope.id""",
    "reversals beside what they reverse": """
SELECT 'invoices_transaction', paid.id, format(
           '%%s was paid, but %%s was taken back', paid.amount, -taken.amount)
  FROM scope JOIN invoices_transaction paid ON paid.invoice_id = scope.id
  JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM invoices_transaction
                 WHERE reverses_id = paid.id) taken ON true
 WHERE paid.kind = 'payment' AND paid.amount + taken.amount < 0""",
    "an invoice's balance and state": """
SELECT 'invoices_invoice', scope.id, format(
           '%%s with %%s paid and %%s over, but its transactions sum to %%s and %%s',
           scope.status, scope.paid_amount, scope.overpayment_amount, booked.paid, booked.over)
  FROM scope LEFT JOIN LATERAL (
       SELECT coalesce(sum(amount), 0) AS paid, coalesce(sum(overpayment_amount), 0) AS over
         FROM invoices_transaction WHERE invoice_id = scope.id) booked ON true
 WHERE scope.paid_amount <> booked.paid OR scope.overpayment_amount <> booked.over
    OR scope.status <> CASE
           WHEN booked.paid - booked.over >= scope.total_amount THEN 'fully_paid'
           WHEN booked.paid > 0 THEN 'partially_paid'
           WHEN scope.ended_as IS NOT NULL THEN scope.ended_as
           WHEN scope.status = 'draft' THEN 'draft'
           ELSE 'pending' END""",
    "settlement entries": """
SELECT 'invoices_settlemententry', part.id, format(
           'instalment %%s is %%s, but was settled %%s and reversed %%s times',
           part.id, part.status, entries.settled, entries.reversed)
  FROM scope JOIN invoices_installment part ON part.invoice_id = scope.id
  LEFT JOIN LATERAL (
       SELECT count(*) FILTER (WHERE kind = 'settled') AS settled,
              count(*) FILTER (WHERE kind = 'reversed') AS reversed
         FROM invoices_settlemententry WHERE installment_id = part.id) entries ON true
 WHERE entries.settled - entries.reversed <> (part.status = 'paid')::int""",
    "a settlement entry's shares": """
SELECT 'invoices_settlemententry', entry.id, format(
           '%%s = %%s + %%s + %%s, invoices_settlementtax %%s; instalment: %%s = %%s + %%s + %%s',
           entry.total_amount, entry.net_amount, entry.tax_amount, entry.service_fee_amount,
           rates.tax, part.total_amount, part.net_amount, part.tax_amount, part.service_fee_amount)
  FROM scope JOIN invoices_installment part ON part.invoice_id = scope.id
  JOIN LATERAL (SELECT * FROM invoices_settlemententry WHERE installment_id = part.id
                 ORDER BY id DESC LIMIT 1) entry ON true
  LEFT JOIN LATERAL (SELECT coalesce(sum(tax_amount), 0) AS tax FROM invoices_settlementtax
                      WHERE entry_id = entry.id) rates ON true
 WHERE entry.total_amount <> entry.net_amount + entry.tax_amount + entry.service_fee_amount
    OR rates.tax <> entry.tax_amount
    OR (part.status = 'paid'
        AND (entry.total_amount, entry.net_amount, entry.tax_amount, entry.service_fee_amount)
            <> (part.total_amount, part.net_amount, part.tax_amount, part.service_fee_amount))""",
}

# Each figure of a closed day beside the sum of the day's entries, rate by rate and without one.
DAY = """
WITH entry AS (
    SELECT * FROM invoices_settlemententry
     WHERE booked_at >= %(day)s::timestamp AT TIME ZONE 'UTC'
       AND booked_at < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
), share AS (
    SELECT id, -1 AS rate, net_amount AS net, tax_amount AS tax, service_fee_amount AS fee,
           total_amount AS total FROM entry
     UNION ALL
    SELECT entry_id, tax_rate, 0, tax_amount, 0, tax_amount FROM invoices_settlementtax
     WHERE entry_id IN (SELECT id FROM entry)
), counted AS (
    SELECT tenant_id, kind, currency_code, gateway_id, rate,
           ARRAY[count(*), sum(net), sum(tax), sum(fee), sum(total)] AS figures
      FROM share JOIN entry USING (id)
     GROUP BY tenant_id, kind, currency_code, gateway_id, rate
), kept AS (
    SELECT id, tenant_id, kind, currency_code, gateway_id, coalesce(tax_rate, -1) AS rate,
           ARRAY[entry_count, subtotal_amount, total_tax_amount, total_service_fee_amount,
                 total_amount]::numeric[] AS figures
      FROM reporting_dailytotal WHERE day_date = %(day)s
)
SELECT 'reporting_dailytotal', coalesce(kept.id, 0), format(
           'day %%s of tenant %%s, %%s %%s at gateway %%s, %%s: count, net, tax, fee and total are'
           ' %%s, but its entries say %%s',
           %(day)s, tenant_id, currency_code, kind, gateway_id,
           coalesce('rate ' || nullif(rate, -1), 'in all'),
           coalesce(kept.figures::text, 'missing'), coalesce(counted.figures::text, 'nothing'))
  FROM counted FULL JOIN kept USING (tenant_id, kind, currency_code, gateway_id, rate)
 WHERE (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s)
   AND counted.figures IS DISTINCT FROM kept.figures
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not add up, and where."""

    check: str
    table: str
    row_id: str
    message: str

    def __str__(self) -> str:
        return f"{self.table} {self.row_id}: {self.message} ({self.check})"


def invoice_range() -> tuple[int, int]:
    """Return the first id and the one after the last; both 0 if there are no invoices."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(min(id), 0), coalesce(max(id) + 1, 0) FROM invoices_invoice"
        )
        first, end = cursor.fetchone()
    return first, end


def audit_invoices(
    *, first: int, end: int, tenant_id: int | None, since: datetime | None
) -> Iterator[Finding]:
    """Check the invoices with ids from `first` up to but without `end`.

    Args:
        first: the first invoice id.
        end: the id after the last.
        tenant_id: only this tenant's, if given.
        since: only invoices changed since then, if given.
    """
    arguments = {"first": first, "end": end, "tenant": tenant_id, "since": since}
    with connection.cursor() as cursor:
        for check, statement in CHECKS.items():
            cursor.execute(SCOPE + statement, arguments)
            for table, row_id, message in cursor.fetchall():
                yield Finding(check, table, str(row_id), message)


def invoice_count(*, tenant_id: int | None, since: datetime | None) -> int:
    """Count the invoices that an audit of this scope checks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM invoices_invoice"
            " WHERE (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s)"
            " AND (%(since)s::timestamptz IS NULL OR updated_at >= %(since)s)",
            {"tenant": tenant_id, "since": since},
        )
        (count,) = cursor.fetchone()
    return int(count)


def closed_days(*, since: datetime | None) -> list[date]:
    """Return the closed days, oldest first; only those since a moment, if one is given."""
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
