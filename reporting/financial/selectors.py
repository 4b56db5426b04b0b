"""Reports: closed days from their totals, everything else from the ledger."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet, Sum

from apikeys.models import Tenant
from invoices.models import Invoice
from payments.models import WebhookEvent
from payments.webhooks.confirming import UnknownReference
from reporting.financial import figures, rollups
from reporting.financial.figures import CurrencyReport, Sums

# Rows by (kind, currency, gateway, tax rate), as `figures.Sums` has them. The statement adds
# entries beside the closed days, and subtracts entries of a closed day that are outside the
# interval. A transaction is booked at one moment, so it is at one end or in one day, and counts
# once.
SUMS = """
WITH edge AS MATERIALIZED (
    SELECT %(first_sign)s AS sign, entry.* FROM invoices_ledgerentry entry
     WHERE {of_tenant} booked_at >= %(first_from)s AND booked_at < %(first_to)s
    UNION ALL
    SELECT %(last_sign)s, entry.* FROM invoices_ledgerentry entry
     WHERE {of_tenant} booked_at >= %(last_from)s AND booked_at < %(last_to)s
), part AS (
    SELECT kind, currency_code, gateway_id, tax_rate, sum(transaction_count) AS transactions,
           sum(installment_transaction_count) AS of_installments,
           sum(overpayment_transaction_count) AS of_overpayments,
           sum(subtotal_amount) AS subtotal, sum(total_tax_amount) AS tax,
           sum(total_service_fee_amount) AS fee, sum(overpayment_amount) AS overpayment,
           sum(total_amount) AS total
      FROM reporting_dailytotal
     WHERE {of_tenant} day_date >= %(first_day)s AND day_date < %(end_day)s
     GROUP BY kind, currency_code, gateway_id, tax_rate
    UNION ALL
    SELECT kind, currency_code, gateway_id, NULL, sign * count(DISTINCT transaction_id),
           sign * count(DISTINCT transaction_id) FILTER (WHERE installment_id IS NOT NULL),
           sign * count(*) FILTER (WHERE installment_id IS NULL),
           sign * sum(net_amount), sign * sum(tax_amount), sign * sum(service_fee_amount),
           sign * coalesce(sum(amount) FILTER (WHERE installment_id IS NULL), 0),
           sign * sum(amount)
      FROM edge GROUP BY kind, currency_code, gateway_id, sign
    UNION ALL
    SELECT edge.kind, edge.currency_code, edge.gateway_id, tax.tax_rate,
           sign * count(DISTINCT transaction_id), sign * count(DISTINCT transaction_id), 0, 0,
           sign * sum(tax.tax_amount), 0, 0, sign * sum(tax.tax_amount)
      FROM edge JOIN invoices_ledgertax tax ON tax.entry_id = edge.id
     GROUP BY edge.kind, edge.currency_code, edge.gateway_id, tax.tax_rate, sign
)
SELECT part.kind, part.currency_code, gateway.name, part.tax_rate, sum(transactions)::bigint,
       sum(of_installments)::bigint, sum(of_overpayments)::bigint, sum(subtotal)::bigint,
       sum(tax)::bigint, sum(fee)::bigint, sum(overpayment)::bigint, sum(total)::bigint
  FROM part JOIN gateways_gateway gateway ON gateway.id = part.gateway_id
 WHERE (%(currency)s::text IS NULL OR part.currency_code = %(currency)s)
   AND (%(gateway)s::bigint IS NULL OR part.gateway_id = %(gateway)s)
 GROUP BY part.kind, part.currency_code, gateway.name, part.tax_rate
HAVING sum(transactions) <> 0
 ORDER BY part.currency_code, gateway.name, part.tax_rate
"""
RECEIVED = """
SELECT currency_code, width_bucket(booked_at, %(edges)s::timestamptz[]) - 1, sum(amount)::bigint
  FROM invoices_ledgerentry
 WHERE {of_tenant} booked_at >= %(start)s AND booked_at < %(end)s AND kind = 'payment'
   AND (%(currency)s::text IS NULL OR currency_code = %(currency)s)
   AND (%(gateway)s::bigint IS NULL OR gateway_id = %(gateway)s)
 GROUP BY 1, 2
"""
OF_TENANT = "tenant_id = %(tenant)s AND"
DAY = timedelta(days=1)


def financial_report(
    *,
    tenant: Tenant | None,
    start: datetime,
    end: datetime,
    currency_code: str | None = None,
    gateway_id: int | None = None,
) -> list[CurrencyReport]:
    """Return what was received and what went back, from `start` (included) to `end` (not included).

    The moment of booking counts. Exact to the microsecond for any interval: whole closed days come
    from their totals; the two ends, and days that are not closed yet, come from the ledger. Two
    statements. Without a tenant it reports all that the reader may see.

    Source: spec 6.2, FR-012, FR-013, FR-025, FR-056, FR-057.
    """
    return figures.by_currency(
        sums(
            tenant=tenant,
            start=start,
            end=end,
            currency_code=currency_code,
            gateway_id=gateway_id,
        )
    )


def sums(
    *,
    tenant: Tenant | None,
    start: datetime,
    end: datetime,
    currency_code: str | None = None,
    gateway_id: int | None = None,
) -> list[Sums]:
    """Return the sums that a report is made of."""
    chosen = {**_nearest_days(start, end), **_chosen(tenant, currency_code, gateway_id)}
    with connection.cursor() as cursor:
        cursor.execute(_of(tenant, SUMS), chosen)
        return [Sums(*row) for row in cursor.fetchall()]


def received_between(
    *,
    tenant: Tenant | None,
    edges: Sequence[datetime],
    currency_code: str | None = None,
    gateway_id: int | None = None,
) -> dict[str, list[int]]:
    """Return what came in between each two moments and the next, by currency, in minor units.

    Overpayments are included: it is the sum of the payments' amounts.
    """
    chosen = {
        **_chosen(tenant, currency_code, gateway_id),
        "edges": list(edges),
        "start": edges[0],
        "end": edges[-1],
    }
    found: dict[str, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_of(tenant, RECEIVED), chosen)
        for code, at, amount in cursor.fetchall():
            found.setdefault(code, [0] * (len(edges) - 1))[at] = amount
    return {code: found[code] for code in sorted(found)}


def _of(tenant: Tenant | None, statement: str) -> str:
    return statement.format(of_tenant=OF_TENANT if tenant else "")


def _chosen(
    tenant: Tenant | None, currency_code: str | None, gateway_id: int | None
) -> dict[str, Any]:
    of_tenant = {"tenant": tenant.pk} if tenant else {}
    return {**of_tenant, "currency": currency_code, "gateway": gateway_id}


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

    Those of the platform's account belong to no tenant: operators see them among the failed ones.
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
            refunded_amount=Sum("refunded_amount"),
        )
    )


def closed_days(start: datetime, end: datetime, newest: date | None) -> dict[str, date]:
    """Return the whole closed days within an interval, as days and as the moments that they span.

    `newest` is the last day that is closed.
    """
    first_day = start.astimezone(UTC).date()
    if start > datetime.combine(first_day, time(), UTC):
        first_day += timedelta(days=1)
    end_day = end.astimezone(UTC).date()
    end_day = min(end_day, newest + timedelta(days=1)) if newest else first_day
    if end_day <= first_day:  # no closed day: all of it comes from the ledger
        return {"first_day": first_day, "end_day": first_day, "closed_from": end, "closed_to": end}
    return {
        "first_day": first_day,
        "end_day": end_day,
        "closed_from": datetime.combine(first_day, time(), UTC),
        "closed_to": datetime.combine(end_day, time(), UTC),
    }


def _nearest_days(start: datetime, end: datetime) -> dict[str, Any]:
    """Return the closed days that fit an interval best, and the spans that make the difference.

    So at most half a day's entries are read at each end, at any hour.
    """
    newest = rollups.last_closed_day()
    inside = closed_days(start, end, newest)
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
