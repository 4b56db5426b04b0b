"""Every payment and reversal of a tenant as a table, page by page.

PostgreSQL makes each cell, so that a page of CSV is its own COPY and a row of a workbook the same
row, read by Python. Between two pages no connection is held and no transaction is open, so that a
slow reader costs nobody anything.
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
from paytrust.operations.database import release_connection
from paytrust.web.spreadsheets import BYTE_ORDER_MARK, FORMULA, Cell

Page = TypeVar("Page")
Read = Callable[[CursorWrapper, dict[str, Any]], Page]

PAGE = 5000  # rows read at a time
HALF_A_YEAR = timedelta(days=182)  # from winter to summer


def _moment(column: str, zone: str) -> str:
    return f"date_trunc('second', {column} AT TIME ZONE {zone})"


def _text(column: str) -> str:
    """Return SQL of a text that no spreadsheet takes for a formula, as `spreadsheets.safe`."""
    signs = ", ".join(f"E'\\u{ord(sign):04x}'" for sign in FORMULA)
    return f"CASE WHEN left({column}, 1) IN ({signs}) THEN '''' || {column} ELSE {column} END"


CHOSEN = """
       movement.tenant_id = %(tenant)s
   AND (movement.created_at, movement.id) > (%(from)s, %(after)s)
   AND (%(currency)s::text IS NULL OR movement.currency_code = %(currency)s)
   AND (%(gateway)s::bigint IS NULL OR movement.gateway_id = %(gateway)s)
   AND movement.created_at >= %(from)s
"""
PAGE_ENDS = f"""
SELECT created_at, id FROM (
    SELECT movement.created_at, movement.id FROM invoices_transaction movement
     WHERE {CHOSEN} AND movement.created_at < %(end)s
     ORDER BY movement.created_at, movement.id LIMIT %(limit)s
) page ORDER BY created_at DESC, id DESC LIMIT 1
"""  # noqa: S608  # nosec B608  # constants of this module
# An amount times its currency's unit is exact, and has the currency's decimals.
UNITS = ", ".join(f"('{code}', {Decimal(1).scaleb(-of):f})" for code, of in EXPONENTS.items())
PAGE_OF_MOVEMENTS = f"""
WITH movement AS MATERIALIZED (
    SELECT * FROM invoices_transaction movement
     WHERE {CHOSEN} AND movement.created_at <= %(to)s
       AND (movement.created_at, movement.id) <= (%(to)s, %(last)s)
), filled AS (
    SELECT share.transaction_id,
           string_agg(part.number::text, ' ' ORDER BY part.number) AS numbers
      FROM movement JOIN payments_allocation share ON share.transaction_id = movement.id
      JOIN invoices_installment part ON part.id = share.installment_id
     GROUP BY share.transaction_id
)
SELECT {_moment("movement.created_at", "'UTC'")}, {_moment("movement.paid_at", "'UTC'")},
       {{moments_in_zone}} movement.id, movement.kind, movement.currency_code,
       movement.amount * unit.amount, movement.overpayment_amount * unit.amount,
       movement.invoice_id, {_text("invoice.external_id")}, filled.numbers, gateway.name,
       {_text("movement.gateway_transaction_id")}, asked.reference,
       {_text("movement.payment_method")}, {_text("movement.payment_channel")},
       movement.reverses_id, movement.iso20022_transaction_status, movement.iso20022_message_id
  FROM movement
  JOIN invoices_invoice invoice ON invoice.id = movement.invoice_id
  JOIN invoices_paymentrequest asked ON asked.id = movement.payment_request_id
  JOIN gateways_gateway gateway ON gateway.id = movement.gateway_id
  JOIN (VALUES {UNITS}) AS unit(currency, amount) ON unit.currency = movement.currency_code
  LEFT JOIN filled ON filled.transaction_id = movement.id
 ORDER BY movement.created_at, movement.id
"""  # noqa: S608  # nosec B608  # constants of this module
MOMENTS_IN_ZONE = ", ".join(
    (_moment("movement.created_at", "%(zone)s"), _moment("movement.paid_at", "%(zone)s"), "")
)


def head(zone: ZoneInfo) -> list[str]:
    """Return the names of the columns; moments are told in UTC, and in `zone` if it is another."""
    zones = dict.fromkeys(("UTC", zone.key))
    return [
        *(f"{name} ({shown})" for shown in zones for name in ("booked", "paid")),
        *("transaction", "kind", "currency", "amount", "overpayment", "invoice", "external id"),
        *("instalments", "gateway", "gateway transaction", "reference", "method", "channel"),
        *("reverses", "ISO 20022 status", "ISO 20022 message"),
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose movements booked from `start` up to but without `end` are wanted, and which."""

    tenant: Tenant
    start: datetime
    end: datetime
    zone: ZoneInfo  # in which moments are told beside UTC, without an offset
    currency_code: str | None = None
    gateway_id: int | None = None


def rows(asked: Asked) -> Iterator[Sequence[Cell]]:
    """Yield the head and then each movement, oldest first."""
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
    """Tell whether PostgreSQL knows a zone by this name, and as what Python takes it for."""
    moments = (near, near + HALF_A_YEAR)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT unnest(%s::timestamptz[]) AT TIME ZONE %s", [[*moments], zone.key]
            )
            told = [moment for (moment,) in cursor.fetchall()]
    except DataError:
        return False
    return told == [moment.astimezone(zone).replace(tzinfo=None) for moment in moments]


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
    # An answer is streamed when its request has ended, so the wall is raised for each page anew.
    # COPY passes by Django: it is behind the wall because the statement before it is.
    wall.raise_for(tenant.pk)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
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
