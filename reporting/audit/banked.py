"""The audit of payouts: what arrived in the bank must be what the gateway paid out."""

from collections.abc import Iterator

from django.db import connection

from reporting.audit.checks import Finding

CHECK = "a payout's entry in the bank"

QUERY = """
SELECT entry.id, format('%s %s arrived, but payout %s is %s %s', entry.currency_code, entry.amount,
                        entry.payout_id, entry.payout_currency_code, coalesce(paid.amount, 0))
  FROM payments_bankentry entry
  LEFT JOIN LATERAL (
       SELECT coalesce(-sum(net_amount) FILTER (WHERE kind = 'payout'),
                       sum(net_amount) FILTER (WHERE kind <> 'payout')) AS amount
         FROM payments_settlementline line
        WHERE line.payout_id = entry.payout_id AND line.gateway_id = entry.gateway_id
          AND line.currency_code = entry.payout_currency_code
          AND line.state NOT IN ('replaced', 'withdrawn')) paid ON true
 WHERE entry.status = 'matched'
   AND (entry.currency_code, entry.amount)
       IS DISTINCT FROM (entry.payout_currency_code, paid.amount::bigint)
 ORDER BY entry.id
"""


def audit_payouts() -> Iterator[Finding]:
    """Yield the payouts that are matched with an entry of another amount or currency."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        for entry_id, message in cursor.fetchall():
            yield Finding(
                check=CHECK, table="payments_bankentry", row_id=str(entry_id), message=message
            )
