"""The SQL that adds up costs over payments and their lines, for totals and for what has none."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

SLICES: Final = (0, 15, 16, 17)
"""The hours (UTC) at which the slices of a day begin: midnights at UTC and from +7 to +9."""
OF_TENANT: Final = "tenant_id = %(tenant)s AND"

SUMS: Final = {
    "payment_count": "count(*) FILTER (WHERE is_known)",
    "amount": "sum(amount) FILTER (WHERE is_known)",
    "charged_amount": "sum(charged) FILTER (WHERE is_known)",
    "taken_amount": "sum(costs) FILTER (WHERE is_known)",
    "planned_count": "count(planned) FILTER (WHERE is_known)",
    "planned_amount": "sum(planned + planned_vat) FILTER (WHERE is_known)",
    "compared_amount": "sum(compared) FILTER (WHERE is_known AND planned IS NOT NULL)",
    "settled_count": "count(*)",
    "settled_amount": "sum(amount)",
    "settled_costs_amount": "sum(costs) FILTER (WHERE is_same_currency)",
    "settled_net_amount": "sum(net) FILTER (WHERE is_same_currency)",
}
"""The columns of a CostTotal as sums over `paid`."""

# A term of an account and a currency for a channel goes before the one for all channels; of two
# for the same, the first. So does payments.settlement.matching, line by line.
_PAID: Final = """
WITH term AS (
    SELECT DISTINCT ON (terms.gateway_id, COALESCE(terms.account_id, 0), fee.currency, fee.channel)
           terms.gateway_id, COALESCE(terms.account_id, 0) AS account_id, fee.*
      FROM payments_settlementterms terms
     CROSS JOIN ROWS FROM (jsonb_to_recordset(terms.fees) AS (
           currency text, channel text, fixed_amount bigint, basis_points bigint,
           vat_basis_points bigint)) WITH ORDINALITY AS fee (
           currency, channel, fixed_amount, basis_points, vat_basis_points, number)
     ORDER BY terms.gateway_id, COALESCE(terms.account_id, 0), fee.currency, fee.channel, number
), entry AS ({entries}), settled AS (
    SELECT entry.label, booked.tenant_id, booked.currency_code, booked.gateway_id,
           COALESCE(booked.payment_method, '') AS method, booked.amount, entry.charged,
           line.currency_code = booked.currency_code AS is_same_currency,
           line.currency_code = booked.currency_code AND line.fee_state = 'final' AS is_known,
           line.gateway_fee_amount + line.vat_amount AS compared,
           line.gateway_fee_amount + line.vat_amount + line.withholding_amount AS costs,
           line.net_amount AS net,
           COALESCE(own.fixed_amount, general.fixed_amount)
           + round(abs(line.gross_amount) * COALESCE(own.basis_points, general.basis_points)
                   / 10000.0) AS planned,
           COALESCE(own.vat_basis_points, general.vat_basis_points) AS vat_basis_points
      FROM entry JOIN invoices_transaction booked ON booked.id = entry.transaction_id
      JOIN payments_settlementline line
        ON line.transaction_id = booked.id
       AND line.state IN ('matched', 'amount_differs', 'fee_differs')
      LEFT JOIN term own
        ON own.gateway_id = line.gateway_id AND own.account_id = COALESCE(line.account_id, 0)
       AND own.currency = line.currency_code AND own.channel = line.channel
      LEFT JOIN term general
        ON general.gateway_id = line.gateway_id
       AND general.account_id = COALESCE(line.account_id, 0)
       AND general.currency = line.currency_code AND general.channel IS NULL
), paid AS (
    SELECT *, round(planned * vat_basis_points / 10000.0) AS planned_vat FROM settled
)"""
# Each end is a value of its own: with ends in rows, PostgreSQL expects a ninth of all entries.
_ENTRIES: Final = """
    SELECT %(label_{n})s{cast} AS label, transaction_id, sum(service_fee_amount) AS charged
      FROM invoices_ledgerentry
     WHERE {of_tenant} kind = 'payment'
       AND booked_at >= %(begin_{n})s AND booked_at < %(end_{n})s
     GROUP BY transaction_id"""


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment to another, and the name under which what was booked then is added up."""

    label: date | datetime
    begin: datetime
    end: datetime


def paid(spans: Sequence[Span], *, of_tenant: str = "", cast: str = "::date") -> str:
    """Return the beginning of a statement: `paid` has a row of each payment with its line."""
    selects = [
        _ENTRIES.format(n=number, of_tenant=of_tenant, cast=cast) for number in range(len(spans))
    ]
    return _PAID.format(entries="\n     UNION ALL".join(selects))


def selected(names: Iterable[str] = SUMS) -> str:
    """Return sums over `paid` as columns of these names."""
    return ", ".join(f"COALESCE({SUMS[name]}, 0)::bigint AS {name}" for name in names)


def values_of(spans: Sequence[Span]) -> dict[str, Any]:
    """Return what `paid` needs to know of its spans."""
    return {
        f"{name}_{number}": getattr(span, name)
        for number, span in enumerate(spans)
        for name in ("label", "begin", "end")
    }


def slices_of(day: date) -> Iterator[datetime]:
    """Yield when each slice of a UTC day begins."""
    for hour in SLICES:
        yield datetime.combine(day, time(hour), UTC)


def midnight(day: date) -> datetime:
    """Return when a UTC day begins."""
    return datetime.combine(day, time(), UTC)
