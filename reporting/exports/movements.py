"""Every payment, refund and reversal of a tenant as a table, page by page.

PostgreSQL makes each cell. A page of CSV is the server's own COPY, and a row of a workbook is the
same row, read by Python. Between two pages no connection is held and no transaction is open, so
that a slow reader delays no other request.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db import DataError, connection, transaction
from django.db.backends.utils import CursorWrapper

from apikeys.models import Tenant
from apikeys.tenants import wall
from paytrust.money import EXPONENTS
from paytrust.operations import replica
from paytrust.operations.database import release_connection
from paytrust.web.spreadsheets import BYTE_ORDER_MARK, FORMULA, Cell

Page = TypeVar("Page")
Read = Callable[[CursorWrapper, dict[str, Any]], Page]

PAGE = 5000  # rows read at a time
HALF_A_YEAR = timedelta(days=182)  # from winter to summer


def _moment(column: str, zone: str) -> str:
    return f"date_trunc('second', {column} AT TIME ZONE {zone})"


def _text(column: str) -> str:
    """Return SQL of a text that no spreadsheet takes for a formula, like `spreadsheets.safe`."""
    signs = ", ".join(f"E'\\u{ord(sign):04x}'" for sign in FORMULA)
    return f"CASE WHEN left({column}, 1) IN ({signs}) THEN '''' || {column} ELSE {column} END"


CHOSEN = """
       entry.tenant_id = %(tenant)s
   AND (entry.booked_at, entry.transaction_id) > (%(from)s, %(after)s)
   AND (%(currency)s::text IS NULL OR entry.currency_code = %(currency)s)
   AND (%(gateway)s::bigint IS NULL OR entry.gateway_id = %(gateway)s)
   AND entry.booked_at >= %(from)s
"""
PAGE_ENDS = f"""
SELECT booked_at, transaction_id FROM (
    SELECT entry.booked_at, entry.transaction_id FROM invoices_ledgerentry entry
     WHERE {CHOSEN} AND entry.booked_at < %(end)s
     GROUP BY entry.booked_at, entry.transaction_id
     ORDER BY entry.booked_at, entry.transaction_id LIMIT %(limit)s
) page ORDER BY booked_at DESC, transaction_id DESC LIMIT 1
"""  # noqa: S608  # nosec B608  # constants of this module
# An amount times its currency's unit is exact, and has the currency's decimals.
UNITS = ", ".join(f"('{code}', {Decimal(1).scaleb(-of):f})" for code, of in EXPONENTS.items())
PAGE_OF_MOVEMENTS = f"""
WITH entry AS MATERIALIZED (
    SELECT * FROM invoices_ledgerentry entry
     WHERE {CHOSEN} AND entry.booked_at <= %(to)s
       AND (entry.booked_at, entry.transaction_id) <= (%(to)s, %(last)s)
), moved AS (
    SELECT entry.transaction_id, entry.booked_at, sum(entry.amount) AS amount,
           sum(entry.net_amount) AS net, sum(entry.tax_amount) AS tax,
           sum(entry.service_fee_amount) AS fee,
           coalesce(sum(entry.amount) FILTER (WHERE entry.installment_id IS NULL), 0) AS over,
           string_agg(part.number::text, ' ' ORDER BY part.number) AS numbers
      FROM entry LEFT JOIN invoices_installment part ON part.id = entry.installment_id
     GROUP BY entry.transaction_id, entry.booked_at
)
SELECT {_moment("moved.booked_at", "'UTC'")}, {_moment("movement.paid_at", "'UTC'")},
       {{moments_in_zone}} movement.id, movement.kind, movement.currency_code,
       moved.amount * unit.amount, moved.net * unit.amount, moved.tax * unit.amount,
       moved.fee * unit.amount, moved.over * unit.amount, {_text("merchant.name")},
       movement.invoice_id, {_text("invoice.external_id")}, moved.numbers,
       {_text("(invoice.customer ->> 'name')")}, {_text("(invoice.customer ->> 'email')")},
       gateway.name, {_text("movement.gateway_transaction_id")}, asked.reference,
       {_text("movement.payment_method")}, {_text("movement.payment_channel")},
       movement.reverses_id, movement.iso20022_transaction_status, movement.iso20022_message_id
  FROM moved
  JOIN invoices_transaction movement ON movement.id = moved.transaction_id
  JOIN apikeys_tenant merchant ON merchant.id = movement.tenant_id
  JOIN invoices_invoice invoice ON invoice.id = movement.invoice_id
  JOIN invoices_paymentrequest asked ON asked.id = movement.payment_request_id
  JOIN gateways_gateway gateway ON gateway.id = movement.gateway_id
  JOIN (VALUES {UNITS}) AS unit(currency, amount) ON unit.currency = movement.currency_code
 ORDER BY moved.booked_at, movement.id
"""  # noqa: S608  # nosec B608  # constants of this module
MOMENTS_IN_ZONE = ", ".join(
    (_moment("moved.booked_at", "%(zone)s"), _moment("movement.paid_at", "%(zone)s"), "")
)


def head(zone: ZoneInfo) -> list[str]:
    """Return the names of the columns; times are in UTC, and in `zone` if it is another.

    Amounts have a sign: what went back is negative. amount = net + tax + service fee + overpayment.
    """
    zones = dict.fromkeys(("UTC", zone.key))
    return [
        *(f"{name} ({shown})" for shown in zones for name in ("booked", "paid")),
        *("transaction", "kind", "currency", "amount", "net", "tax", "service fee", "overpayment"),
        *("merchant", "invoice", "external id", "instalments", "customer name", "customer email"),
        *("gateway", "gateway transaction", "reference", "method", "channel"),
        *("reverses", "ISO 20022 status", "ISO 20022 message"),
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose movements to list, booked from `start` (included) to `end` (not included)."""

    tenant: Tenant
    start: datetime
    end: datetime
    zone: ZoneInfo  # the zone of times beside UTC, without an offset
    currency_code: str | None = None
    gateway_id: int | None = None


def rows(asked: Asked) -> Iterator[Sequence[Cell]]:
    """Yield the head and then each movement, the oldest first."""
    yield head(asked.zone)
    for page in _pages(_fetched, asked):
        yield from page


def csv_pieces(asked: Asked) -> Iterator[bytes]:
    """Yield the same rows as CSV (RFC 4180), a page at a time."""
    line = io.StringIO()
    csv.writer(line).writerow(head(asked.zone))
    yield f"{BYTE_ORDER_MARK}{line.getvalue()}".encode()
    yield from _pages(_copied, asked)


def is_served(zone: ZoneInfo, *, near: datetime) -> bool:
    """Return whether PostgreSQL knows a zone by this name, with the same meaning as Python."""
    moments = (near, near + HALF_A_YEAR)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT unnest(%s::timestamptz[]) AT TIME ZONE %s", [[*moments], zone.key]
            )
            shown = [moment for (moment,) in cursor.fetchall()]
    except DataError:
        return False
    return shown == [moment.astimezone(zone).replace(tzinfo=None) for moment in moments]


def _pages(read: Read[Page], asked: Asked) -> Iterator[Page]:
    chosen = {
        "tenant": asked.tenant.pk,
        "zone": asked.zone.key,
        "from": asked.start,
        "after": 0,
        "end": asked.end,
        "currency": asked.currency_code,
        "gateway": asked.gateway_id,
        "limit": PAGE,
    }
    while found := _page(read, asked.tenant, chosen):
        page, place = found
        yield page
        chosen.update(place)


def _page(
    read: Read[Page], tenant: Tenant, chosen: dict[str, Any]
) -> tuple[Page, dict[str, Any]] | None:
    # The answer is streamed after its request has ended, so each page sets the tenant's role again.
    # COPY does not go through Django; the statement before it has set the role for it.
    wall.raise_for(tenant.pk)
    try:
        with replica.reading(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PAGE_ENDS, chosen)
            ends = cursor.fetchone()
            if ends is None:
                return None
            to, last = ends
            page = read(cursor, {**chosen, "to": to, "last": last})
            return page, {"from": to, "after": last}
    finally:
        wall.lower()
        if not connection.in_atomic_block:
            release_connection()


def _fetched(cursor: CursorWrapper, chosen: dict[str, Any]) -> list[Sequence[Cell]]:
    cursor.execute(_page_of_movements(chosen), chosen)
    found: list[Sequence[Cell]] = cursor.fetchall()
    return found


def _copied(cursor: CursorWrapper, chosen: dict[str, Any]) -> bytes:
    statement = f"COPY ({_page_of_movements(chosen)}) TO STDOUT (FORMAT csv)"
    with cursor.copy(statement, chosen) as copy:
        return b"".join(b"%b\r\n" % row[:-1] for row in copy)


def _page_of_movements(chosen: dict[str, Any]) -> str:
    moments_in_zone = "" if chosen["zone"] == "UTC" else MOMENTS_IN_ZONE
    return PAGE_OF_MOVEMENTS.format(moments_in_zone=moments_in_zone)
