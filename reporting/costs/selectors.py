"""What gateways take of payments, against what was planned: by month, gateway and method."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from apikeys.models import Tenant

# A term of an account and a currency for a channel goes before the one for all channels; of two
# for the same, the first. So does payments.settlement.matching, line by line.
_COSTS: Final = """
WITH term AS (
    SELECT DISTINCT ON (terms.gateway_id, COALESCE(terms.account_id, 0), fee.currency, fee.channel)
           terms.gateway_id, COALESCE(terms.account_id, 0) AS account_id, fee.*
      FROM payments_settlementterms terms
     CROSS JOIN ROWS FROM (jsonb_to_recordset(terms.fees) AS (
           currency text, channel text, fixed_amount bigint, basis_points bigint,
           vat_basis_points bigint)) WITH ORDINALITY AS fee (
           currency, channel, fixed_amount, basis_points, vat_basis_points, number)
     ORDER BY terms.gateway_id, COALESCE(terms.account_id, 0), fee.currency, fee.channel, number
), paid AS (
    SELECT date_trunc('month', booked.created_at AT TIME ZONE %(zone)s)::date AS month,
           booked.currency_code, booked.gateway_id, COALESCE(booked.payment_method, '') AS method,
           booked.amount, charged.amount AS charged,
           line.gateway_fee_amount + line.vat_amount AS fee, line.withholding_amount AS withheld,
           COALESCE(own.fixed_amount, general.fixed_amount)
           + round(abs(line.gross_amount) * COALESCE(own.basis_points, general.basis_points)
                   / 10000.0) AS planned,
           COALESCE(own.vat_basis_points, general.vat_basis_points) AS vat_basis_points
      FROM invoices_transaction booked
      JOIN payments_settlementline line
        ON line.transaction_id = booked.id AND line.fee_state = 'final'
       AND line.state IN ('matched', 'amount_differs', 'fee_differs')
      LEFT JOIN term own
        ON own.gateway_id = line.gateway_id AND own.account_id = COALESCE(line.account_id, 0)
       AND own.currency = line.currency_code AND own.channel = line.channel
      LEFT JOIN term general
        ON general.gateway_id = line.gateway_id
       AND general.account_id = COALESCE(line.account_id, 0)
       AND general.currency = line.currency_code AND general.channel IS NULL
     CROSS JOIN LATERAL (
           SELECT COALESCE(sum(service_fee_amount), 0)::bigint AS amount
             FROM invoices_ledgerentry WHERE transaction_id = booked.id) charged
     WHERE booked.kind = 'payment' AND line.currency_code = booked.currency_code
       AND booked.created_at >= %(start)s AND booked.created_at < %(end)s
       AND (%(tenant)s::bigint IS NULL OR booked.tenant_id = %(tenant)s::bigint)
       AND (%(currency)s::text IS NULL OR booked.currency_code = %(currency)s)
       AND (%(gateway)s::bigint IS NULL OR booked.gateway_id = %(gateway)s::bigint)
)
SELECT month, currency_code, gateway.name, method, count(*), sum(amount)::bigint,
       sum(charged)::bigint, sum(fee + withheld)::bigint, count(planned),
       COALESCE(sum(planned + round(planned * vat_basis_points / 10000.0)), 0)::bigint,
       COALESCE(sum(fee) FILTER (WHERE planned IS NOT NULL), 0)::bigint
  FROM paid JOIN gateways_gateway gateway ON gateway.id = paid.gateway_id
 GROUP BY month, currency_code, gateway.name, method
 ORDER BY currency_code, method, month, gateway.name"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Payments of a month, a gateway and a method whose fee is known. Amounts are minor units."""

    month: date
    currency_code: str
    gateway_name: str
    method: str  # "": not known
    payment_count: int
    amount: int  # that customers paid
    charged_amount: int  # service fees in it
    taken_amount: int  # by the gateway, with its taxes
    planned_count: int  # of the payments for which the account has a term
    planned_amount: int  # fee and VAT of these by the terms
    compared_amount: int  # fee and VAT that were taken of these

    @property
    def difference_amount(self) -> int:
        """Return what was taken above the terms; negative below them."""
        return self.compared_amount - self.planned_amount

    @property
    def rate(self) -> Decimal:
        """Return the gateway's share of what customers paid."""
        return Decimal(self.taken_amount) / self.amount if self.amount else Decimal()


SUMS: Final = tuple(field.name for field in fields(Cost) if field.type in {int, "int"})


def costs(
    *,
    tenant: Tenant | None,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    currency_code: str | None = None,
    gateway_id: int | None = None,
) -> list[Cost]:
    """Return what payments cost that were booked in an interval, by months of a zone.

    A payment counts once a settlement says its final fee. Without a tenant it returns those of all
    that the reader may see.
    """
    values = {
        "tenant": tenant.pk if tenant else None,
        "start": start,
        "end": end,
        "zone": zone.key,
        "currency": currency_code,
        "gateway": gateway_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COSTS, values)
        return [Cost(*row) for row in cursor.fetchall()]


def totals(rows: Iterable[Cost], *, by: str) -> Mapping[str, Cost]:
    """Return sums of costs of one currency and method, by one of their attributes.

    The other attributes of a sum are those of its first row.
    """
    found: dict[str, Cost] = {}
    for row in rows:
        name = str(getattr(row, by))
        found[name] = _sum(found[name], row) if name in found else row
    return found


def cheapest(rows: Iterable[Cost]) -> Cost | None:
    """Return the one of several gateways that took the smallest share, if there is just one."""
    ordered = sorted(rows, key=lambda row: row.rate)
    if len(ordered) < 2 or ordered[0].rate == ordered[1].rate:
        return None
    return ordered[0]


def _sum(one: Cost, other: Cost) -> Cost:
    texts = (one.month, one.currency_code, one.gateway_name, one.method)
    return Cost(*texts, *(getattr(one, name) + getattr(other, name) for name in SUMS))
