"""Rows of an import on their way to the lines: a temporary table sorts them, however many they are.

A file names no rows. Equal ones are numbered, in an order that is not the file's, so that a row
which stands twice stays two lines, and the same row in another file is the same line.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec
from django.db import connection

from gateways.settlements import SettlementRow

LINES_AT_ONCE: Final = 2_000
COPIED_AT_ONCE: Final = 20_000  # rows; each piece is a statement of its own

_TABLE: Final = """
DROP TABLE IF EXISTS settlement_staged;
CREATE TEMPORARY TABLE settlement_staged (
    base text COLLATE "C", digest text COLLATE "C", reference text COLLATE "C", facts text
) ON COMMIT DROP"""
_COPY: Final = "COPY settlement_staged (base, digest, reference, facts) FROM STDIN"
_SORTED: Final = (
    "SELECT base, digest, facts FROM settlement_staged ORDER BY reference, base, digest"
)

Tell = Callable[[int, int], None]
"""Hears how many rows were read, and how many of them are matched."""


def quietly(_read: int, _matched: int, /) -> None:
    """Tell of no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A row with its name, and a digest of what it says."""

    row: SettlementRow
    identity: str  # equal for versions of one row
    digest: str


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


def stage(rows: Iterable[SettlementRow], *, tell: Tell) -> Read:
    """Read all rows into a table of the transaction that is open; replaces those of before."""
    read = Read()
    rest = iter(rows)
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)
        while some := list(islice(rest, COPIED_AT_ONCE)):
            with cursor.copy(_COPY) as copy:
                for row in some:
                    copy.write_row(_staged(row))
                    read.add(row)
            tell(read.line_count, 0)
    return read


def pieces() -> Iterator[list[Named]]:
    """Yield the rows that were staged, those of one reference one after another."""
    named = _named()
    while some := list(islice(named, LINES_AT_ONCE)):
        yield some


def _staged(row: SettlementRow) -> tuple[str, str, str, str]:
    facts = msgspec.json.encode(replace(row, raw={}))
    name = (
        {"line_id": row.line_id}
        if row.line_id is not None
        else {
            "kind": row.kind,
            "reference": row.reference,
            "occurred_at": row.occurred_at,
            "currency": row.currency,
        }
    )
    base, digest = _sha256(msgspec.json.encode(name)), _sha256(facts)
    return base, digest, row.reference or "", msgspec.json.encode(row).decode()


def _named() -> Iterator[Named]:
    before: tuple[str, str] | None = None
    number = 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(_SORTED)
        while some := cursor.fetchmany(LINES_AT_ONCE):
            for base, digest, facts in some:
                number = number + 1 if before and before[0] == base else 0
                row = _READ.decode(facts)
                if row.line_id is None:
                    named = msgspec.json.encode({"row": base, "number": number})
                    yield Named(row=row, identity=_sha256(named), digest=digest)
                elif before != (base, digest):  # a list may have a row on two pages
                    yield Named(row=row, identity=base, digest=digest)
                before = base, digest


_READ: Final = msgspec.json.Decoder(SettlementRow)


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
