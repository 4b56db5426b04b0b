"""Reports as tables: what was settled, and every movement of money, in whole currency."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from apikeys import tenant_wall
from apikeys.models import Tenant
from paytrust.database import release_connection
from paytrust.money import Money
from paytrust.spreadsheets import Cell
from reporting.selectors import CurrencyReport, Figures

PAGE = 5000  # rows read at a time

MOVEMENTS = """
SELECT movement.created_at, movement.id, movement.paid_at, movement.kind, movement.currency_code,
       movement.amount, movement.overpayment_amount, movement.invoice_id, invoice.external_id,
       (SELECT string_agg(part.number::text, ' ' ORDER BY part.number)
          FROM payments_allocation share
          JOIN invoices_installment part ON part.id = share.installment_id
         WHERE share.transaction_id = movement.id),
       gateway.name, movement.gateway_transaction_id, asked.reference, movement.payment_method,
       movement.payment_channel, movement.reverses_id, movement.iso20022_transaction_status,
       movement.iso20022_message_id
  FROM payments_transaction movement
  JOIN invoices_invoice invoice ON invoice.id = movement.invoice_id
  JOIN invoices_paymentrequest asked ON asked.id = movement.payment_request_id
  JOIN gateways_gateway gateway ON gateway.id = movement.gateway_id
 WHERE movement.tenant_id = %(tenant)s
   AND movement.created_at >= %(from)s AND movement.created_at < %(end)s
   AND (movement.created_at, movement.id) > (%(from)s, %(after)s)
   AND (%(currency)s::text IS NULL OR movement.currency_code = %(currency)s)
   AND (%(gateway)s::bigint IS NULL OR movement.gateway_id = %(gateway)s)
 ORDER BY movement.created_at, movement.id
 LIMIT %(limit)s
"""


def financial_rows(
    *, reports: Sequence[CurrencyReport], start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[Sequence[Cell]]:
    """Yield the financial report as a table, its head first; each figure as the report has it."""
    yield [
        *(f"{name} ({shown})" for shown in ("UTC", zone.key) for name in ("from", "until")),
        *("currency", "part", "of", "transactions", "subtotal", "tax", "service fee", "total"),
    ]
    period = [moment for shown in (UTC, zone) for moment in _shown((start, end), shown)]
    for report in reports:
        code = report.currency_code
        yield [*period, code, "settled", None, *_amounts(report.settled, code)]
        for rate, figures in sorted(report.taxes.items()):
            tax = Money(figures.total_tax_amount, code).whole()
            count = figures.transaction_count
            yield [*period, code, "tax rate", rate.normalize(), count, None, tax, None, None]
        for name, figures in sorted(report.gateways.items()):
            fee = Money(figures.total_service_fee_amount, code).whole()
            count = figures.transaction_count
            yield [*period, code, "gateway", name, count, None, None, fee, None]
        yield [*period, code, "reversals", None, *_amounts(report.reversed, code)]


def movement_rows(
    *,
    tenant: Tenant,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    currency_code: str | None = None,
    gateway_id: int | None = None,
) -> Iterator[Sequence[Cell]]:
    """Yield each payment and reversal booked from `start` up to `end`, oldest first, head first.

    Read by pages; between two of them no connection is held and no transaction is open, so that
    a slow reader costs nobody anything.
    """
    yield [
        *(f"{name} ({shown})" for shown in ("UTC", zone.key) for name in ("booked", "paid")),
        *("transaction", "kind", "currency", "amount", "overpayment", "invoice", "external id"),
        *("instalments", "gateway", "gateway transaction", "reference", "method", "channel"),
        *("reverses", "ISO 20022 status", "ISO 20022 message"),
    ]
    place: dict[str, Any] = {"from": start, "after": 0}
    bounds: dict[str, Any] = {
        "tenant": tenant.pk,
        "end": end,
        "currency": currency_code,
        "gateway": gateway_id,
    }
    while page := _page(tenant, {**bounds, **place, "limit": PAGE}):
        for booked_at, pk, paid_at, kind, code, amount, overpayment, *rest in page:
            yield [
                *_shown((booked_at, paid_at), UTC),
                *_shown((booked_at, paid_at), zone),
                *(pk, kind, code, Money(amount, code).whole(), Money(overpayment, code).whole()),
                *rest,
            ]
        place = {"from": page[-1][0], "after": page[-1][1]}


def _page(tenant: Tenant, bounds: dict[str, Any]) -> list[tuple[Any, ...]]:
    # An answer is streamed when its request has ended, so the wall is raised for each page anew.
    tenant_wall.raise_for(tenant.pk)
    try:
        with connection.cursor() as cursor:
            cursor.execute(MOVEMENTS, bounds)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found
    finally:
        tenant_wall.lower()
        if not connection.in_atomic_block:
            release_connection()


def _shown(moments: Iterable[datetime], zone: tzinfo) -> list[datetime]:
    """Return moments as a zone's clocks show them, to the second; the head names the zone."""
    return [moment.astimezone(zone).replace(tzinfo=None, microsecond=0) for moment in moments]


def _amounts(figures: Figures, currency_code: str) -> list[Cell]:
    return [
        figures.transaction_count,
        *(
            Money(amount, currency_code).whole()
            for amount in (
                figures.subtotal_amount,
                figures.total_tax_amount,
                figures.total_service_fee_amount,
                figures.total_amount,
            )
        ),
    ]
