"""Stores, by a few statements for thousands, the lines that can be about one payment only.

Such a line names one payment, of its amount, and no stored line has that payment, waits for it, or
has the line's name or reference. So `matching.judge` would pair the two in any group and change no
other line. All that is not so is left to it. See ADR 47.
"""

from datetime import datetime
from typing import Final

from django.db import connection

from payments.settlement.models import SettlementImport
from payments.settlement.staging import FACTS, values_of

LINES_AT_ONCE: Final = 20_000

# Each EXISTS looks into an index. PostgreSQL would read whole tables instead, because it has no
# statistics of the lines that this transaction adds.
_BY_INDEX: Final = """
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off"""
_AS_BEFORE: Final = """
SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; SET LOCAL enable_seqscan = on"""
_PAIRS: Final = """
DROP TABLE IF EXISTS settlement_pair;
CREATE TEMPORARY TABLE settlement_pair (n bigint, transaction_id bigint, tenant_id bigint)
    ON COMMIT DROP"""
_PAIR: Final = """
INSERT INTO settlement_pair
WITH piece AS MATERIALIZED (
    SELECT n, reference, identity, gateway_ids, gross_amount, currency_code,
           count(*) OVER (PARTITION BY reference) AS of_reference
      FROM settlement_staged
     WHERE n BETWEEN %(first)s AND %(last)s AND is_plain AND reference IS NOT NULL
), waiting AS MATERIALIZED (
    SELECT unnest(gateway_ids) AS id
      FROM payments_settlementline
     WHERE state = 'missing_here' AND gateway_id = %(gateway)s
       AND COALESCE(account_id, 0) = ANY(%(accounts)s)
)
SELECT piece.n, booked.id, booked.tenant_id
  FROM piece
  JOIN invoices_paymentrequest request ON request.reference = piece.reference
  JOIN invoices_transaction booked ON booked.payment_request_id = request.id
 WHERE piece.of_reference = 1
   AND booked.kind = 'payment' AND booked.gateway_id = %(gateway)s
   AND booked.amount = piece.gross_amount AND booked.currency_code = piece.currency_code
   AND (%(tenant)s::bigint IS NULL OR booked.tenant_id = %(tenant)s::bigint)
   AND COALESCE(request.account_id, 0) = ANY(%(accounts)s)
   AND booked.gateway_transaction_id NOT IN (SELECT id FROM waiting)
   AND COALESCE(request.gateway_payment_id, '') NOT IN (SELECT id FROM waiting)
   AND NOT EXISTS (
       SELECT FROM invoices_transaction other
        WHERE other.payment_request_id = request.id AND other.id <> booked.id
          AND other.kind = 'payment')
   AND NOT EXISTS (
       SELECT FROM invoices_transaction other
        WHERE other.gateway_id = %(gateway)s AND other.id <> booked.id
          AND other.gateway_transaction_id = ANY(piece.gateway_ids))
   AND NOT EXISTS (
       SELECT FROM invoices_paymentrequest other
        WHERE other.gateway_id = %(gateway)s AND other.id <> request.id
          AND other.gateway_payment_id = ANY(piece.gateway_ids))
   AND NOT EXISTS (
       SELECT FROM payments_settlementline line WHERE line.transaction_id = booked.id)
   AND NOT EXISTS (
       SELECT FROM payments_settlementline line
        WHERE line.gateway_id = %(gateway)s AND line.reference = piece.reference
          AND COALESCE(line.account_id, 0) = ANY(%(accounts)s))
   AND NOT EXISTS (
       SELECT FROM payments_settlementline line
        WHERE line.gateway_id = %(gateway)s AND line.identity = piece.identity
          AND COALESCE(line.account_id, 0) = ANY(%(accounts)s))"""
_STORE: Final = f"""
WITH stored AS (
    INSERT INTO payments_settlementline (tenant_id, imported_in_id, gateway_id, account_id,
           identity, digest, {", ".join(FACTS)}, raw, state, transaction_id, created_at)
    SELECT tenant_id, %(imported_in)s, %(gateway)s, %(account)s,
           identity, digest, {", ".join(FACTS)}, raw, 'matched', transaction_id, %(now)s
      FROM settlement_pair JOIN settlement_staged USING (n)
     WHERE n BETWEEN %(first)s AND %(last)s
    RETURNING transaction_id
), ended AS (
    UPDATE payments_settlementmismatch SET ended_at = %(now)s
     WHERE transaction_id IN (SELECT transaction_id FROM stored)
       AND state = 'missing_at_gateway' AND ended_at IS NULL
)
SELECT count(*) FROM stored"""  # noqa: S608  # nosec B608  # our own names

# Else the checks of foreign keys, five for each line, wait in memory until the commit.
_CHECK: Final = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"


def store(made: SettlementImport, *, first: int, last: int, now: datetime) -> int:
    """Store and match the plain lines of staged rows from one number to another; return how many.

    The caller holds the account's lock, in a transaction.
    """
    values = values_of(made) | {"first": first, "last": last, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS)
        cursor.execute(_BY_INDEX)
        cursor.execute(_PAIR, values)
        cursor.execute(_AS_BEFORE)
        cursor.execute(_STORE, values)
        found: int = cursor.fetchone()[0]
        cursor.execute(_CHECK)
    return found
