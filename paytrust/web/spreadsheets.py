"""Tables as CSV and XLSX, row by row; no spreadsheet can take a cell for a formula."""

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from itertools import chain, islice, zip_longest
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter

from paytrust.errors import PayTrustError

Cell = str | int | Decimal | bool | datetime | None
CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BYTE_ORDER_MARK = "\ufeff"  # without it spreadsheets read a CSV in the machine's old encoding
LONGEST_TITLE = 31  # of a sheet
LINES_AT_ONCE = 200  # each piece that is sent has a fixed cost
# The start of what a spreadsheet takes for a formula, also in full width, as some machines write.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
MEASURED = 200  # rows by which a column gets its width
WIDEST, MOMENT_LENGTH = 60, 19  # characters
MOST_IN_WORKBOOK = 100_000  # rows: a workbook is whole before its first byte is sent


class TooManyRows(PayTrustError):
    """A workbook cannot hold so many rows. Ask for fewer, or for CSV."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "too_many_rows"


def safe(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula; numbers stay as they are.

    Source: OWASP, CSV injection.
    """
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell


def csv_pieces(rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """Yield a table as CSV (RFC 4180), some lines at a time."""
    lines: list[str] = []
    writer = csv.writer(_Collected(lines))
    yield BYTE_ORDER_MARK
    for row in rows:
        writer.writerow(map(safe, row))
        if len(lines) == LINES_AT_ONCE:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def xlsx_file(rows: Iterable[Sequence[Cell]], *, title: str) -> IO[bytes]:
    """Return a table as a workbook, which is never in memory as a whole. The caller closes it.

    Times must be without a zone, because spreadsheets have none.

    Raises:
        TooManyRows: there are more rows than MOST_IN_WORKBOOK, without the head.
    """
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet(title[:LONGEST_TITLE])
    sheet.freeze_panes = "A2"  # the head stays in sight
    try:
        rest = _at_most(rows, MOST_IN_WORKBOOK)
        begun = list(islice(rest, MEASURED))  # by them the columns get their widths
        for column, width in enumerate(_widths(begun), start=1):
            sheet.column_dimensions[get_column_letter(column)].width = width
        for row in chain(begun, rest):
            sheet.append([_formatted(sheet, safe(cell)) for cell in row])
    finally:
        sheet.close()  # also when the rows fail, or its temporary file stays open
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
    workbook.save(file)
    file.seek(0)
    return file


def _widths(rows: Sequence[Sequence[Cell]]) -> list[int]:
    """Return the width of each column in characters; it must be written before the first row."""
    columns = zip_longest(*rows)
    return [min(max(map(_length, column)) + 2, WIDEST) for column in columns]


def _length(cell: Cell) -> int:
    if cell is None:
        return 0
    return MOMENT_LENGTH if isinstance(cell, datetime) else len(str(cell)) + len(str(cell)) // 4


def _at_most(rows: Iterable[Sequence[Cell]], limit: int) -> Iterator[Sequence[Cell]]:
    for number, row in enumerate(rows):
        if number > limit:
            raise TooManyRows(
                f"A workbook holds {limit} rows at most: ask for fewer, or for CSV.",
                details={"limit": limit},
            )
        yield row


class _Collected:
    """A file that keeps what is written to it as a list."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def _formatted(sheet: Any, cell: Any) -> object:  # noqa: ANN401  # the stubs know no Decimal
    if isinstance(cell, str):
        return NOT_IN_XML.sub("\ufffd", cell)  # one such character would end every export
    if isinstance(cell, datetime):
        moment = WriteOnlyCell(sheet, cell)
        moment.number_format = "yyyy-mm-dd hh:mm:ss"
        return moment
    decimals = -int(cell.as_tuple().exponent) if isinstance(cell, Decimal) else None
    if decimals is None:
        return cell
    number = WriteOnlyCell(sheet, cell)
    number.number_format = f"#,##0.{'0' * decimals}" if decimals > 0 else "#,##0"
    return number
