"""Reports of one tenant: closed days from their totals, everything else from the entries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet, Sum

from apikeys.models import Tenant
from invoices.models import Invoice, SettlementEntry
from payments.models import WebhookEvent
from payments.webhooks.confirming import UnknownReference
from reporting.financial import rollups

# Rows by (kind, currency, gateway, tax rate). Without a rate: the report's columns. Entries beside
# the closed days are added, those of a closed day that are not wanted are taken off its totals.
FIGURES = """
WITH edge AS MATERIALIZED (
    SELECT %(first_sign)s AS sign, entry.* FROM invoices_settlemententry entry
     WHERE tenant_id = %(tenant)s AND booked_at >= %(first_from)s AND booked_at < %(first_to)s
    UNION ALL
    SELECT %(last_sign)s, entry.* FROM invoices_settlemententry entry
     WHERE tenant_id = %(tenant)s AND booked_at >= %(last_from)s AND booked_at < %(last_to)s
), part AS (
    SELECT kind, currency_code, gateway_id, tax_rate, sum(entry_count) AS entry_count,
           sum(subtotal_amount) AS subtotal_amount, sum(total_tax_amount) AS total_tax_amount,
           sum(total_service_fee_amount) AS total_service_fee_amount,
           sum(total_amount) AS total_amount
      FROM reporting_dailytotal
     WHERE tenant_id = %(tenant)s AND day_date >= %(first_day)s AND day_date < %(end_day)s
     GROUP BY kind, currency_code, gateway_id, tax_rate
    UNION ALL
    SELECT kind, currency_code, gateway_id, NULL, sum(sign), sum(sign * net_amount),
           sum(sign * tax_amount), sum(sign * service_fee_amount), sum(sign * total_amount)
      FROM edge GROUP BY kind, currency_code, gateway_id
    UNION ALL
    SELECT edge.kind, edge.currency_code, edge.gateway_id, tax.tax_rate, sum(sign), 0,
           sum(sign * tax.tax_amount), 0, sum(sign * tax.tax_amount)
      FROM edge JOIN invoices_settlementtax tax ON tax.entry_id = edge.id
     GROUP BY edge.kind, edge.currency_code, edge.gateway_id, tax.tax_rate
)
SELECT part.kind, part.currency_code, gateway.name, part.tax_rate, sum(part.entry_count)::bigint,
       sum(part.subtotal_amount)::bigint, sum(part.total_tax_amount)::bigint,
       sum(part.total_service_fee_amount)::bigint, sum(part.total_amount)::bigint
  FROM part JOIN gateways_gateway gateway ON gateway.id = part.gateway_id
 WHERE (%(currency)s::text IS NULL OR part.currency_code = %(currency)s)
   AND (%(gateway)s::bigint IS NULL OR part.gateway_id = %(gateway)s)
 GROUP BY part.kind, part.currency_code, gateway.name, part.tax_rate
HAVING sum(part.entry_count) <> 0
 ORDER BY part.currency_code, gateway.name, part.tax_rate
"""
DAY = timedelta(days=1)


@dataclass(slots=True)
class Figures:
    """Sums over settled instalments, or over reversed ones, in minor units of one currency."""

    transaction_count: int = 0
    subtotal_amount: int = 0
    total_tax_amount: int = 0
    total_service_fee_amount: int = 0
    total_amount: int = 0

    def add(self, counts: tuple[int, int, int, int, int]) -> None:
        self.transaction_count += counts[0]
        self.subtotal_amount += counts[1]
        self.total_tax_amount += counts[2]
        self.total_service_fee_amount += counts[3]
        self.total_amount += counts[4]


@dataclass(slots=True)
class CurrencyReport:
    """One currency's part of a report; nothing in it spans currencies."""

    currency_code: str
    settled: Figures = field(default_factory=Figures)
    reversed: Figures = field(default_factory=Figures)
    taxes: dict[Decimal, Figures] = field(default_factory=dict)
    gateways: dict[str, Figures] = field(default_factory=dict)


def financial_report(
    *,
    tenant: Tenant,
    start: datetime,
    end: datetime,
    currency_code: str | None = None,
    gateway_id: int | None = None,
) -> list[CurrencyReport]:
    """Return what was settled, and reversed, from `start` up to but without `end`.

    Exact to the microsecond for any interval: whole closed days come from their totals, the
    edges and what is not closed yet from the entries. Two statements.

    Source: FR-012, FR-013, FR-025, FR-056, FR-057.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            FIGURES,
            {
                **_nearest_days(start, end),
                "tenant": tenant.pk,
                "currency": currency_code,
                "gateway": gateway_id,
            },
        )
        return _by_currency(cursor.fetchall())


def discrepancies(
    *, tenant: Tenant, kind: str | None = None, currency_code: str | None = None
) -> QuerySet[Invoice]:
    """Return the invoices whose payments differ from what they ask for (FR-045).

    `kind` is a ReviewFlag: underpaid, overpaid, late, after_cancel, reversed.
    """
    found = Invoice.objects.for_tenant(tenant).filter(needs_review=True).select_related("gateway")
    if kind is not None:
        found = found.filter(review_flags__contains=[kind])
    return found.filter(currency_code=currency_code) if currency_code else found


def unknown_references(*, tenant: Tenant) -> QuerySet[WebhookEvent]:
    """Return notifications of a tenant's own gateway account that name no payment of ours.

    Those of the platform's account are nobody's: operators see them among the failed ones.
    """
    return WebhookEvent.objects.filter(
        tenant=tenant, status=WebhookEvent.Status.FAILED, outcome=UnknownReference.code
    ).select_related("gateway")


def discrepancy_sums(found: QuerySet[Invoice]) -> list[Any]:
    """Add up discrepancies per currency, in one query: rows of sums by column name."""
    return list(
        found.order_by("currency_code")
        .values("currency_code")
        .annotate(
            invoice_count=Count("pk"),
            total_amount=Sum("total_amount"),
            paid_amount=Sum("paid_amount"),
            overpayment_amount=Sum("overpayment_amount"),
        )
    )


def closed_part(start: datetime, end: datetime, newest: date | None) -> dict[str, date]:
    """Return the whole closed days within an interval, as days and as the moments they span.

    `newest` is the last day that is closed.
    """
    first_day = start.astimezone(UTC).date()
    if start > datetime.combine(first_day, time(), UTC):
        first_day += timedelta(days=1)
    end_day = end.astimezone(UTC).date()
    end_day = min(end_day, newest + timedelta(days=1)) if newest else first_day
    if end_day <= first_day:  # nothing closed: all of it is read from the entries
        return {"first_day": first_day, "end_day": first_day, "closed_from": end, "closed_to": end}
    return {
        "first_day": first_day,
        "end_day": end_day,
        "closed_from": datetime.combine(first_day, time(), UTC),
        "closed_to": datetime.combine(end_day, time(), UTC),
    }


def _nearest_days(start: datetime, end: datetime) -> dict[str, Any]:
    """Return the closed days that fit an interval best, and the spans that make up the difference.

    So at most half a day's entries are read at an edge, whatever hour it has.
    """
    newest = rollups.last_closed_day()
    inside = closed_part(start, end, newest)
    first_day, end_day = inside["first_day"], inside["end_day"]
    if first_day == end_day:
        return {**inside, **_span("first", 1, start, end), **_span("last", 1, end, end)}
    before, after = _midnight(first_day - DAY), _midnight(end_day + DAY)
    if start - before < _midnight(first_day) - start:
        first_day -= DAY
        first = _span("first", -1, before, start)
    else:
        first = _span("first", 1, start, _midnight(first_day))
    if newest and end_day <= newest and after - end < end - _midnight(end_day):
        end_day += DAY
        last = _span("last", -1, end, after)
    else:
        last = _span("last", 1, _midnight(end_day), end)
    return {"first_day": first_day, "end_day": end_day, **first, **last}


def _span(name: str, sign: int, begin: datetime, end: datetime) -> dict[str, Any]:
    return {f"{name}_sign": sign, f"{name}_from": begin, f"{name}_to": end}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _by_currency(
    rows: Iterable[tuple[str, str, str, Decimal | None, int, int, int, int, int]],
) -> list[CurrencyReport]:
    reports: dict[str, CurrencyReport] = {}
    for kind, currency_code, gateway_name, tax_rate, *counts in rows:
        report = reports.setdefault(currency_code, CurrencyReport(currency_code))
        numbers = (counts[0], counts[1], counts[2], counts[3], counts[4])
        if kind == SettlementEntry.Kind.REVERSED:
            if tax_rate is None:
                report.reversed.add(numbers)
        elif tax_rate is None:
            report.settled.add(numbers)
            report.gateways.setdefault(gateway_name, Figures()).add(numbers)
        else:
            report.taxes.setdefault(tax_rate, Figures()).add(numbers)
    return list(reports.values())
