"""Rows of an import on their way to the lines: a temporary table names them, however many they are.

A file names no rows. Equal ones are numbered, in an order that is not the file's, so that a row
which stands twice stays two lines, and the same row in another file is the same line.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec
from django.db import connection

from gateways.settlements import SettlementRow
from payments.settlement import accounts, matching
from payments.settlement.matching import FeeTerm, MatchState
from payments.settlement.models import SettlementImport, SettlementLine
from paytrust.operations import rows as sql_rows

LINES_AT_ONCE: Final = 2_000
COPIED_AT_ONCE: Final = 20_000  # rows; each piece is a statement of its own

FACTS: Final = (
    *("kind", "is_final", "currency_code", "gross_amount", "gateway_fee_amount", "vat_amount"),
    *("withholding_amount", "net_amount", "fee_state", "reference", "gateway_ids", "channel"),
    *("occurred_at", "settlement_at", "payout_id", "as_of"),
)
"""Columns of a line that a row tells, besides the row as it came."""

_TABLE: Final = """
DROP TABLE IF EXISTS settlement_staged;
CREATE TEMPORARY TABLE settlement_staged (
    n bigint,  -- the row's number, from 1
    identity text, digest text,
    is_named boolean,  -- the gateway names its rows
    is_plain boolean,  -- see matching.is_plain; and no other row has its name
    kind text, is_final boolean, currency_code text, gross_amount bigint,
    gateway_fee_amount bigint, vat_amount bigint, withholding_amount bigint, net_amount bigint,
    fee_state text, reference text, gateway_ids text[], channel text, occurred_at timestamptz,
    settlement_at timestamptz, payout_id text, as_of timestamptz, raw jsonb
) ON COMMIT DROP"""
_COPY: Final = (
    f"COPY settlement_staged (n, identity, digest, is_named, is_plain, {', '.join(FACTS)}, raw)"
    " FROM STDIN"
)
_INDEX: Final = "CREATE INDEX ON settlement_staged (n); ANALYZE settlement_staged"
# A list may have a row on two pages.
_DROP_REPEATED: Final = """
DELETE FROM settlement_staged WHERE n IN (
    SELECT n FROM (
        SELECT n, row_number() OVER (PARTITION BY identity, digest ORDER BY n) AS number
          FROM settlement_staged WHERE is_named
    ) named WHERE number > 1)"""
_DROP_KNOWN: Final = """
DELETE FROM settlement_staged staged USING payments_settlementline line
 WHERE line.gateway_id = %(gateway)s AND COALESCE(line.account_id, 0) = ANY(%(accounts)s)
   AND line.identity = staged.identity AND line.digest = staged.digest
   AND line.state <> 'withdrawn'"""
# A report and a list tell of one settlement at different moments: that alone is no new version.
_DROP_AGREED: Final = """
DELETE FROM settlement_staged staged USING payments_settlementline line
 WHERE line.gateway_id = %(gateway)s AND COALESCE(line.account_id, 0) = ANY(%(accounts)s)
   AND line.identity = staged.identity AND line.state NOT IN ('withdrawn', 'replaced')
   AND line.kind = staged.kind AND line.is_final = staged.is_final
   AND line.currency_code = staged.currency_code
   AND abs(line.gross_amount) = abs(staged.gross_amount)
   AND abs(line.net_amount) = abs(staged.net_amount)
   AND line.gateway_fee_amount = staged.gateway_fee_amount
   AND line.vat_amount = staged.vat_amount AND line.fee_state = staged.fee_state
   AND (line.settlement_at IS NULL) = (staged.settlement_at IS NULL)"""
_NUMBER: Final = """
WITH again AS (
    SELECT identity FROM settlement_staged GROUP BY identity HAVING count(*) > 1
), numbered AS (
    SELECT n, row_number() OVER (PARTITION BY identity ORDER BY digest, n) - 1 AS number
      FROM settlement_staged WHERE identity IN (SELECT identity FROM again)
)
UPDATE settlement_staged staged SET is_plain = false, identity = CASE
       WHEN is_named OR number = 0 THEN identity
       ELSE encode(sha256(convert_to(identity || ' ' || number, 'UTF8')), 'hex') END
  FROM numbered WHERE numbered.n = staged.n"""
_GIVEN: Final = {
    "id": "0",
    "tenant_id": "%(tenant)s::bigint",
    "imported_in_id": "%(imported_in)s::bigint",
    "gateway_id": "%(gateway)s::bigint",
    "account_id": "%(account)s::bigint",
    "state": f"'{MatchState.NOT_COMPARED}'",
    "transaction_id": "NULL::bigint",
    "created_at": "%(now)s::timestamptz",
}
"""What each line of an import has, whatever its row tells."""
_REST: Final = """
SELECT {columns} FROM settlement_staged staged
 WHERE NOT EXISTS (
       SELECT FROM payments_settlementline line
        WHERE line.imported_in_id = %(imported_in)s AND line.identity = staged.identity
          AND line.digest = staged.digest)
 ORDER BY reference, identity, digest"""

Tell = Callable[[int, int], None]
"""Hears how many rows were read, and how many of them are matched."""


def quietly(_read: int, _matched: int, /) -> None:
    """Tell of no progress."""


@dataclass(slots=True)
class Read:
    """What was read: how many rows, and of which time."""

    line_count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None

    def add(self, row: SettlementRow) -> None:
        self.line_count += 1
        at = row.occurred_at
        if at is not None:
            self.first_at = min(self.first_at or at, at)
            self.last_at = max(self.last_at or at, at)


def stage(
    made: SettlementImport,
    rows: Iterable[SettlementRow],
    *,
    terms: Sequence[FeeTerm],
    tell: Tell,
) -> Read:
    """Read all rows into a table of the transaction that is open; replaces those of before.

    A row of a list that an earlier round had, unchanged, is left out, and so is a row of a report
    that tells of the same money as a line in force.
    """
    read = Read()
    rest = iter(rows)
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)
        while some := list(islice(rest, COPIED_AT_ONCE)):
            with cursor.copy(_COPY) as copy:
                for row in some:
                    read.add(row)
                    copy.write_row(_staged(row, read.line_count, terms))
            tell(read.line_count, 0)
        cursor.execute(_INDEX)
        cursor.execute(_DROP_REPEATED)
        if made.source == SettlementImport.Source.API:
            cursor.execute(_DROP_KNOWN, values_of(made))
        elif made.source == SettlementImport.Source.REPORT:
            cursor.execute(_DROP_AGREED, values_of(made))
        cursor.execute(_NUMBER)
    return read


def rest(made: SettlementImport, *, now: datetime) -> Iterator[list[SettlementLine]]:
    """Yield lines for the staged rows that are not stored, those of one reference together."""
    fields = SettlementLine._meta.concrete_fields  # noqa: SLF001  # public
    columns = ", ".join(_GIVEN.get(str(field.column), str(field.column)) for field in fields)
    with connection.chunked_cursor() as cursor:
        cursor.execute(_REST.format(columns=columns), values_of(made) | {"now": now})
        while some := cursor.fetchmany(LINES_AT_ONCE):
            lines = [sql_rows.made(SettlementLine, values) for values in some]
            for line in lines:
                line.imported_in = made
            yield lines


def values_of(made: SettlementImport) -> dict[str, Any]:
    """Return what statements about an import's lines need to know of it."""
    return {
        "imported_in": made.pk,
        "tenant": made.tenant_id,
        "gateway": made.gateway_id,
        "account": made.account_id,
        "accounts": accounts.ids_of(made.gateway_id, made.account_id),
    }


def _staged(row: SettlementRow, number: int, terms: Sequence[FeeTerm]) -> tuple[Any, ...]:
    """Return a row's columns, as _COPY names them."""
    name = (
        (row.line_id,)
        if row.line_id is not None
        else (row.kind, row.reference, row.occurred_at, row.currency)
    )
    facts = (
        *(row.kind.value, row.is_final, row.currency, row.gross_amount, row.fee_amount),
        *(row.vat_amount, row.withholding_amount, row.net_amount, row.fee_state.value),
        *(row.reference, list(row.gateway_ids), row.channel, row.occurred_at),
        *(row.settlement_at, row.payout_id, row.as_of),
    )
    return (
        number,
        _sha256(msgspec.json.encode(name)),
        _sha256(msgspec.json.encode(facts)),
        row.line_id is not None,
        matching.is_plain(row, terms),
        *facts,
        msgspec.json.encode(row.raw).decode(),
    )


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
