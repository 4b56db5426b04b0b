"""Reads a gateway's settlement file by the names of its columns, row by row.

Which headers Midtrans prints is not published (gateways-2.md C7), so an account may name its own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from io import BufferedIOBase
from typing import Final
from zoneinfo import ZoneInfo

from gateways.settlements import FeeState, LineKind, SettlementRow
from payments.settlement import tables
from payments.settlement.tables import TITLE_ROWS, SettlementFileUnreadable
from paytrust.errors import PayTrustError
from paytrust.money import EXPONENTS, MAX_AMOUNT, round_half_up

JAKARTA: Final = ZoneInfo("Asia/Jakarta")  # Midtrans prints times of this zone without saying so

COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "reference": ("Order ID", "Reference", "External ID"),
    "gross": ("Amount", "Gross Amount", "Transaction Amount"),
    "fee": ("Fee", "Total Fee", "Transaction Fee"),
    "kind": ("Transaction Type", "Type"),
    "occurred_at": ("Date & Time", "Transaction Time", "Payment Date"),
    "vat": ("VAT", "Total VAT", "PPN"),
    "withholding": ("Withholding Tax", "PPh"),
    "net": ("Net Amount", "Net"),
    "settlement_at": ("Settlement Date", "Settlement Time", "Actual Settlement Time"),
    "payout_id": ("Withdrawal ID", "Payout ID", "Batch ID"),
    "gateway_id": ("Transaction ID",),
    "refund_id": ("Refund Key", "Refund ID"),
    "channel": ("Channel", "Payment Type", "Payment Method"),
    "status": ("Status", "Transaction Status"),
    "currency": ("Currency",),
}
"""Headers by what a column holds; case and spaces do not count."""
REQUIRED: Final = ("reference", "gross", "fee", "kind", "occurred_at")

KINDS: Final = (
    (LineKind.CHARGEBACK, ("chargeback", "dispute")),
    (LineKind.REFUND, ("refund",)),
    (LineKind.PAYOUT, ("withdrawal", "payout", "disbursement", "penarikan")),
    (LineKind.PAYMENT, ("payment", "settlement", "capture", "pembayaran", "charge")),
)
FINAL: Final = frozenset({"", "settlement", "settled", "success", "capture", "refund", "completed"})
PENDING: Final = frozenset({"pending", "-", "n/a", ""})
FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%d %b %Y, %H:%M:%S",
    "%d %b %Y, %H:%M",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M",
    "%d %b %Y",
)


REMEMBERED: Final = 10_000  # amounts and words
UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL has no such characters


class SettlementColumnsMissing(PayTrustError):
    """The file lacks columns that every settlement file must have."""

    code = "settlement_columns_missing"


def read_rows(
    file: BufferedIOBase, *, currency: str, columns: Mapping[str, Sequence[str]] | None = None
) -> Iterator[SettlementRow]:
    """Yield the rows of a file, in its order; no more than one of them is held in memory.

    Args:
        file: see `tables.rows_of`.
        currency: of rows that name none.
        columns: the account's own headers, by the names of COLUMNS; they come before ours.

    Raises:
        SettlementFileUnreadable: another kind of file, or a cell that cannot be read; the message
            says which one.
        SettlementColumnsMissing: `details` name the missing columns and those that were found.
    """
    table = tables.rows_of(file)
    places, headers = _headers(table, _names(columns or {}))
    for number, cells in table:
        texts = [_text(cell) for cell in cells]
        raw = {header: text for header, text in zip(headers, texts, strict=False) if header}
        if not any(raw.values()):
            continue
        row = _Cells(cells, texts, places)
        if not row.text("kind") and not row.text("reference"):
            continue  # a line of totals
        try:
            yield _row(row, raw, currency)
        except (ValueError, KeyError, InvalidOperation) as error:
            raise SettlementFileUnreadable(
                f"Row {number} cannot be read: {error}.", details={"row": number}
            ) from error


@lru_cache(maxsize=REMEMBERED, typed=True)  # fees, and many prices, come again and again
def amount_of(cell: object, currency: str) -> int:
    """Return the minor units of an amount as a spreadsheet or a person writes it.

    A single separator before exactly three digits groups thousands, because no currency here has
    three decimals: 1.500 is fifteen hundred, 1.50 is one and a half. If both separators occur, the
    last one is the decimal one. Fractions of a minor unit, which fees may have, are rounded.

    Raises:
        ValueError: it is no amount.
    """
    if isinstance(cell, bool):
        raise ValueError(f"{cell!r} is no amount")  # noqa: TRY004  # as for any other cell
    number = Decimal(str(cell)) if isinstance(cell, int | float | Decimal) else _decimal(str(cell))
    if not number.is_finite():
        raise ValueError(f"{cell!r} is no amount")
    minor = round_half_up(number.scaleb(EXPONENTS[currency]))
    if abs(minor) > MAX_AMOUNT:
        raise ValueError(f"{cell!r} is too large")
    return minor


def moment_of(cell: object) -> datetime | None:
    """Return the time in a cell, None if it is empty; a time without a zone is Jakarta's.

    Raises:
        ValueError: it is no time in a known form.
    """
    if isinstance(cell, datetime):
        return cell if cell.tzinfo else cell.replace(tzinfo=JAKARTA)
    if isinstance(cell, date):
        return datetime.combine(cell, time(), JAKARTA)
    text = _text(cell)
    if text.lower() in PENDING:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = _formatted(text)
    return read if read.tzinfo else read.replace(tzinfo=JAKARTA)


def _formatted(text: str) -> datetime:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=JAKARTA)
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no date in a known form")


def _decimal(text: str) -> Decimal:
    bare = re.sub(r"(?i)^(rp|idr|rm|myr|usd)\.?|[\s\xa0$']", "", text.strip())
    negative = bare.startswith(("-", "(", "\u2212"))
    bare = bare.strip("-()\u2212+")
    if not re.fullmatch(r"[0-9][0-9.,]*", bare, re.ASCII):
        raise ValueError(f"{text!r} is no amount")
    decimal = _decimal_mark(bare)
    whole, _mark, fraction = bare.rpartition(decimal) if decimal else (bare, "", "")
    groups = re.split("[.,]", whole)
    if any(len(group) != 3 for group in groups[1:]):
        raise ValueError(f"{text!r} is no amount")
    number = Decimal(f"{''.join(groups)}.{fraction or 0}")
    return -number if negative else number


def _decimal_mark(bare: str) -> str:
    """Return the decimal mark of a number, or nothing if it has none."""
    marks = [character for character in bare if character in ".,"]
    if not marks:
        return ""
    if len(set(marks)) == 2:
        return marks[-1]
    if len(marks) > 1 or len(bare.rpartition(marks[0])[2]) == 3:
        return ""
    return marks[0]


def _names(own: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {
        name: [_plain(header) for header in (*own.get(name, ()), *usual)]
        for name, usual in COLUMNS.items()
    }


def _headers(
    table: Iterator[tuple[int, Sequence[object]]], names: Mapping[str, Sequence[str]]
) -> tuple[dict[str, int], list[str]]:
    """Return where each column stands and what all headers are called; reads up to them."""
    best: tuple[dict[str, int], list[str]] = {}, []
    for number, cells in table:
        headers = [_text(cell) for cell in cells]
        places = _places([_plain(header) for header in headers], names)
        if all(name in places for name in REQUIRED):
            return places, headers
        if len(places) > len(best[0]):
            best = places, headers
        if number >= TITLE_ROWS:
            break
    missing = [name for name in REQUIRED if name not in best[0]]
    wanted = "; ".join(f"{name} ({' or '.join(COLUMNS[name])})" for name in missing)
    raise SettlementColumnsMissing(
        f"The file lacks columns: {wanted}.",
        details={"missing": missing, "found": [header for header in best[1] if header]},
    )


def _places(headers: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    places = {}
    for name, wanted in names.items():
        for header in wanted:
            if header in headers:
                places[name] = headers.index(header)
                break
    return places


class _Cells:
    """A row's cells by what they hold: as they came, and as texts."""

    __slots__ = ("_cells", "_places", "_texts")

    def __init__(
        self, cells: Sequence[object], texts: Sequence[str], places: Mapping[str, int]
    ) -> None:
        self._cells, self._texts, self._places = cells, texts, places

    def cell(self, name: str) -> object:
        place = self._places.get(name)
        return None if place is None or place >= len(self._cells) else self._cells[place]

    def text(self, name: str) -> str:
        place = self._places.get(name)
        return "" if place is None or place >= len(self._texts) else self._texts[place]

    def amount(self, name: str, currency: str) -> int | None:
        """Return an amount, None if the gateway has not said it yet.

        Raises:
            ValueError: it is no amount.
        """
        if self.text(name).lower() in PENDING:
            return None
        return amount_of(self.cell(name), currency)


def _row(row: _Cells, raw: Mapping[str, str], default: str) -> SettlementRow:
    currency = row.text("currency").upper() or default
    if currency not in EXPONENTS:
        raise ValueError(f"{currency} is no currency that PayTrust serves")
    kind = _kind(row.text("kind"))
    sign = -1 if kind in {LineKind.REFUND, LineKind.CHARGEBACK, LineKind.PAYOUT} else 1
    gross = row.amount("gross", currency)
    if gross is None:
        raise ValueError(f"{row.text('gross')!r} is no amount")
    if sign < 0:  # files write what goes out with a sign or without one
        gross = -abs(gross)
    fee, vat, withholding = (
        abs(row.amount(name, currency) or 0) for name in ("fee", "vat", "withholding")
    )
    costs = fee + vat + withholding
    net = row.amount("net", currency)
    if net is None:
        net = gross - costs
    elif sign < 0:
        net = -abs(net)
    return SettlementRow(
        line_id=None,
        kind=kind,
        is_final=row.text("status").lower() in FINAL,
        currency=currency,
        gross_amount=gross,
        fee_amount=fee,
        vat_amount=vat,
        withholding_amount=withholding,
        net_amount=net,
        fee_state=_fee_state(row.text("fee").lower(), gross=gross, net=net, costs=costs),
        reference=row.text("reference")[:255] or None,
        gateway_ids=tuple(
            text for name in ("refund_id", "gateway_id") if (text := row.text(name)[:255])
        ),
        channel=row.text("channel")[:50] or None,
        occurred_at=moment_of(row.cell("occurred_at")),
        settlement_at=moment_of(row.cell("settlement_at")),
        payout_id=row.text("payout_id")[:255] or None,
        as_of=None,
        raw=raw,
    )


def _fee_state(text: str, *, gross: int, net: int, costs: int) -> FeeState:
    if text in PENDING:
        return FeeState.PENDING
    return FeeState.MONTHLY if costs and net == gross else FeeState.FINAL


@lru_cache(maxsize=REMEMBERED)
def _kind(text: str) -> LineKind:
    lower = text.lower()
    for kind, words in KINDS:
        if any(word in lower for word in words):
            return kind
    return LineKind.OTHER


def _plain(header: str) -> str:
    return " ".join(header.casefold().replace("_", " ").split())


def _text(cell: object) -> str:
    """Return a cell as text that can be stored."""
    if cell is None:
        return ""
    text = str(cell)
    if not text.isprintable():  # quicker to ask than to look for each character
        text = UNSTORABLE.sub("\ufffd", text)
    return text.strip()
