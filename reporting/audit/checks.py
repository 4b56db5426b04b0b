"""An audit of the books that shares no arithmetic with the code that keeps them.

Every check is one SQL statement over a range of invoices; it returns rows that do not add up.
PostgreSQL's round() rounds halves away from zero, as the specification does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

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
           '%%s with %%s of %%s paid and %%s refunded, but its ledger entries sum to %%s and %%s',
           part.status, part.paid_amount, part.total_amount, part.refunded_amount, moved.received,
           moved.refunded)
  FROM scope JOIN invoices_installment part ON part.invoice_id = scope.id
  LEFT JOIN LATERAL (
       SELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS received,
              coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded
         FROM invoices_ledgerentry WHERE installment_id = part.id) moved ON true
 WHERE (part.paid_amount, part.refunded_amount) <> (moved.received, moved.refunded)
    OR moved.received > part.total_amount OR moved.refunded > moved.received
    OR part.total_amount <> part.net_amount + part.tax_amount + part.service_fee_amount
    OR (part.status = 'paid') <> (moved.received = part.total_amount)""",
    # A paid instalment has all the shares of its columns; an unpaid one without money has none.
    "an instalment's shares": """
SELECT 'invoices_ledgerentry', moved.id, format(
           'instalment %%s asks for %%s, %%s, %%s; of %%s came in %%s, %%s, %%s, and of %%s went'
           ' back %%s, %%s, %%s (net, tax, fee)',
           part.id, part.net_amount, part.tax_amount, part.service_fee_amount, moved.received,
           moved.net, moved.tax, moved.fee, moved.refunded, moved.net_back, moved.tax_back,
           moved.fee_back)
  FROM scope JOIN invoices_installment part ON part.invoice_id = scope.id
  JOIN LATERAL (
       SELECT max(id) AS id,
              coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS received,
              coalesce(sum(net_amount) FILTER (WHERE kind <> 'refund'), 0) AS net,
              coalesce(sum(tax_amount) FILTER (WHERE kind <> 'refund'), 0) AS tax,
              coalesce(sum(service_fee_amount) FILTER (WHERE kind <> 'refund'), 0) AS fee,
              coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded,
              coalesce(-sum(net_amount) FILTER (WHERE kind = 'refund'), 0) AS net_back,
              coalesce(-sum(tax_amount) FILTER (WHERE kind = 'refund'), 0) AS tax_back,
              coalesce(-sum(service_fee_amount) FILTER (WHERE kind = 'refund'), 0) AS fee_back
         FROM invoices_ledgerentry WHERE installment_id = part.id) moved ON moved.id IS NOT NULL
 WHERE (moved.received, moved.refunded) <> (part.paid_amount, part.refunded_amount)
    OR least(moved.net, moved.tax, moved.fee) < 0
    OR least(moved.net_back, moved.tax_back, moved.fee_back) < 0
    OR (moved.received = part.total_amount AND (moved.net, moved.tax, moved.fee)
        <> (part.net_amount::numeric, part.tax_amount::numeric, part.service_fee_amount::numeric))
    OR (moved.refunded = moved.received AND (moved.net, moved.tax, moved.fee)
        <> (moved.net_back, moved.tax_back, moved.fee_back))
    OR (moved.received = 0 AND (moved.net, moved.tax, moved.fee) <> (0, 0, 0))""",
    "a transaction's units": """
SELECT 'invoices_transaction', booked.id, format(
           '%%s %%s, but its ledger entries sum to %%s, of %%s moments (invoice %%s in %%s)',
           booked.amount, booked.currency_code, placed.amount, placed.moments, scope.id,
           scope.currency_code)
  FROM scope JOIN invoices_transaction booked ON booked.invoice_id = scope.id
  LEFT JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount,
                            count(DISTINCT booked_at) AS moments
                       FROM invoices_ledgerentry WHERE transaction_id = booked.id) placed ON true
 WHERE booked.amount <> placed.amount OR booked.currency_code <> scope.currency_code
    OR placed.moments <> 1""",
    "a ledger entry's place": """
SELECT 'invoices_ledgerentry', entry.id, format(
           '%%s of %%s %%s at gateway %%s is of a %%s of invoice %%s in %%s at gateway %%s, and in'
           ' an instalment of invoice %%s',
           entry.kind, entry.amount, entry.currency_code, entry.gateway_id, booked.kind,
           booked.invoice_id, booked.currency_code, booked.gateway_id, part.invoice_id)
  FROM scope JOIN invoices_ledgerentry entry ON entry.invoice_id = scope.id
  JOIN invoices_transaction booked ON booked.id = entry.transaction_id
  LEFT JOIN invoices_installment part ON part.id = entry.installment_id
 WHERE part.invoice_id <> scope.id
    OR (entry.tenant_id, entry.gateway_id, entry.invoice_id, entry.kind, entry.currency_code)
       <> (booked.tenant_id, booked.gateway_id, booked.invoice_id, booked.kind,
           booked.currency_code)
    OR (entry.kind <> 'transfer' AND (entry.amount > 0) <> (entry.kind = 'payment'))""",
    "a transfer's two sides": """
SELECT 'invoices_transaction', moved.id, format(
           '%%s %%s of invoice %%s, but its other side is %%s %%s of invoice %%s',
           moved.amount, moved.currency_code, moved.invoice_id, other.amount, other.currency_code,
           other.invoice_id)
  FROM scope JOIN invoices_transaction moved ON moved.invoice_id = scope.id
  LEFT JOIN invoices_transaction other
         ON (other.id = moved.moved_from_id OR other.moved_from_id = moved.id)
 WHERE moved.kind = 'transfer'
   AND ((moved.tenant_id, moved.currency_code, moved.gateway_id, moved.amount) IS DISTINCT FROM
        (other.tenant_id, other.currency_code, other.gateway_id, -other.amount)
        OR other.invoice_id = moved.invoice_id OR other.kind <> 'transfer')""",
    "a ledger entry's shares": """
SELECT 'invoices_ledgerentry', entry.id, format(
           '%%s = %%s + %%s + %%s (net, tax, fee), and its invoices_ledgertax rows sum to %%s',
           entry.amount, entry.net_amount, entry.tax_amount, entry.service_fee_amount, rates.tax)
  FROM scope JOIN invoices_ledgerentry entry ON entry.invoice_id = scope.id
  LEFT JOIN LATERAL (SELECT coalesce(sum(tax_amount), 0) AS tax FROM invoices_ledgertax
                      WHERE entry_id = entry.id) rates ON true
 WHERE entry.tax_amount <> rates.tax
    OR entry.net_amount + entry.tax_amount + entry.service_fee_amount
       <> CASE WHEN entry.installment_id IS NULL THEN 0 ELSE entry.amount END
    OR (entry.installment_id IS NULL
        AND (entry.net_amount, entry.tax_amount, entry.service_fee_amount) <> (0, 0, 0))""",
    # At each rate: no more comes in than the lines ask for, all of it when the invoice is paid, and
    # no more goes back than came in.
    "an invoice's tax by rate": """
SELECT 'invoices_ledgertax', invoice_id, format(
           'invoice %%s at rate %%s: its lines ask for %%s, %%s came in and %%s was refunded',
           invoice_id, tax_rate, asked, received, refunded)
  FROM (SELECT invoice_id, tax_rate, max(is_paid) AS is_paid, sum(asked) AS asked,
               sum(received) AS received, sum(refunded) AS refunded
          FROM (SELECT scope.id AS invoice_id, line.tax_rate,
                       (scope.status = 'fully_paid')::int AS is_paid, line.tax_amount AS asked,
                       0 AS received, 0 AS refunded
                  FROM scope JOIN invoices_lineitem line ON line.invoice_id = scope.id
                 UNION ALL
                SELECT scope.id, tax.tax_rate, (scope.status = 'fully_paid')::int, 0,
                       CASE entry.kind WHEN 'refund' THEN 0 ELSE tax.tax_amount END,
                       CASE entry.kind WHEN 'refund' THEN -tax.tax_amount ELSE 0 END
                  FROM scope JOIN invoices_ledgerentry entry ON entry.invoice_id = scope.id
                  JOIN invoices_ledgertax tax ON tax.entry_id = entry.id) moved
         GROUP BY invoice_id, tax_rate) rates
 WHERE received > asked OR refunded > received OR refunded < 0
    OR (is_paid = 1 AND received <> asked)""",
    "a settlement line's match": """
SELECT 'payments_settlementline', line.id, format(
           '%%s %%s of %%s %%s is of transaction %%s, a %%s of %%s %%s',
           line.state, line.kind, line.gross_amount, line.currency_code, booked.id, booked.kind,
           booked.amount, booked.currency_code)
  FROM scope JOIN invoices_transaction booked ON booked.invoice_id = scope.id
  JOIN payments_settlementline line ON line.transaction_id = booked.id
 WHERE (line.tenant_id, line.gateway_id) IS DISTINCT FROM (booked.tenant_id, booked.gateway_id)
    OR line.kind <> CASE booked.kind WHEN 'reversal' THEN 'chargeback' ELSE booked.kind END
    OR (line.state IN ('matched', 'fee_differs')
        AND (line.gross_amount, line.currency_code) <> (booked.amount, booked.currency_code))
    OR (line.state = 'amount_differs'
        AND (line.gross_amount, line.currency_code) = (booked.amount, booked.currency_code))
    OR line.state NOT IN ('matched', 'fee_differs', 'amount_differs', 'duplicate')
    OR (line.state IN ('amount_differs', 'fee_differs', 'duplicate') AND NOT EXISTS (
        SELECT FROM payments_settlementmismatch mismatch
         WHERE mismatch.line_id = line.id AND mismatch.state = line.state))""",
    "what went back beside what it was of": """
SELECT 'invoices_transaction', paid.id, format(
           '%%s was paid, but %%s went back', paid.amount, -taken.amount)
  FROM scope JOIN invoices_transaction paid ON paid.invoice_id = scope.id
  JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM invoices_transaction
                 WHERE reverses_id = paid.id) taken ON true
 WHERE paid.kind = 'payment' AND paid.amount + taken.amount < 0""",
    "an invoice's balance and state": """
SELECT 'invoices_invoice', scope.id, format(
           '%%s with %%s paid, %%s over and %%s refunded, but its ledger entries sum to %%s, %%s'
           ' and %%s',
           scope.status, scope.paid_amount, scope.overpayment_amount, scope.refunded_amount,
           moved.paid, moved.over, moved.refunded)
  FROM scope LEFT JOIN LATERAL (
       SELECT coalesce(sum(amount) FILTER (WHERE kind <> 'refund'), 0) AS paid,
              coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0) AS over,
              coalesce(-sum(amount) FILTER (WHERE kind = 'refund'), 0) AS refunded,
              coalesce(sum(amount) FILTER (WHERE kind <> 'refund'
                                             AND installment_id IS NOT NULL), 0) AS allocated
         FROM invoices_ledgerentry WHERE invoice_id = scope.id) moved ON true
 WHERE (scope.paid_amount, scope.overpayment_amount, scope.refunded_amount)
       <> (moved.paid, moved.over, moved.refunded)
    OR scope.status <> CASE
           WHEN moved.allocated >= scope.total_amount THEN 'fully_paid'
           WHEN moved.paid > 0 THEN 'partially_paid'
           WHEN scope.ended_as IS NOT NULL THEN scope.ended_as
           WHEN scope.status = 'draft' THEN 'draft'
           ELSE 'pending' END""",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where the books do not add up."""

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
    """Check the invoices with ids from `first` (included) to `end` (not included).

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
    """Count the invoices that an audit with these limits checks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM invoices_invoice"
            " WHERE (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s)"
            " AND (%(since)s::timestamptz IS NULL OR updated_at >= %(since)s)",
            {"tenant": tenant_id, "since": since},
        )
        (count,) = cursor.fetchone()
    return int(count)
