"""Rows of cells of a CSV or XLSX file, read from the disk piece by piece: its length is free."""

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from typing import IO, Final, cast

import openpyxl

from paytrust.errors import PayTrustError

TITLE_ROWS: Final = 20  # above the headers, at most
SEVEN_ZIP, ZIP, OLD_EXCEL = b"7z\xbc\xaf\x27\x1c", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
LARGEST_WORKBOOK: Final = 50 * 1024 * 1024  # bytes; its texts are held in memory
LARGEST_UNPACKED: Final = 400 * 1024 * 1024  # of a workbook
SEPARATORS: Final = (",", ";", "\t", "|")
SAMPLE: Final = 64 * 1024  # characters from which the separator is seen
PIECE: Final = 1024 * 1024  # bytes

Cells = Sequence[object]


class SettlementFileUnreadable(PayTrustError):
    """The file is no settlement file that can be read."""

    code = "settlement_file_unreadable"


def rows_of(file: BufferedIOBase) -> Iterator[tuple[int, Cells]]:
    """Yield the rows of a file with their numbers, as a spreadsheet counts them.

    Args:
        file: CSV in UTF-8, UTF-16 or Latin-1, with any usual separator, or XLSX; it can be read
            from its start again.

    Raises:
        SettlementFileUnreadable: another kind of file.
    """
    start = _start_of(file)
    if start.startswith(SEVEN_ZIP):
        raise SettlementFileUnreadable(
            "The file is a 7z archive. Unpack it with its password, then upload the CSV or XLSX."
        )
    if start.startswith(OLD_EXCEL):
        raise SettlementFileUnreadable("The file is an old XLS. Save it as XLSX or CSV.")
    return enumerate(_workbook(file) if start.startswith(ZIP) else _csv(file), 1)


def _start_of(file: BufferedIOBase) -> bytes:
    file.seek(0)
    start = file.read(len(SEVEN_ZIP))
    file.seek(0)
    return start


def _workbook(file: BufferedIOBase) -> Iterator[Cells]:
    try:
        if file.seek(0, io.SEEK_END) > LARGEST_WORKBOOK:
            raise SettlementFileUnreadable(
                f"The workbook is larger than {LARGEST_WORKBOOK // PIECE} MB. Save it as CSV."
            )
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_UNPACKED:
                raise SettlementFileUnreadable("The workbook is too large when it is unpacked.")
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError) as error:
        raise SettlementFileUnreadable(
            "The file is no XLSX workbook. Unpack an archive first."
        ) from error
    yield from sheet.iter_rows(values_only=True)


def _csv(file: BufferedIOBase) -> Iterator[Cells]:
    """Yield rows; the separator is the one that most often stands in the first lines."""
    encoding = _encoding_of(file)
    text = io.TextIOWrapper(cast("IO[bytes]", file), encoding=encoding, newline="")
    try:
        sample = "\n".join(text.read(SAMPLE).splitlines()[:TITLE_ROWS])
        separator = max(SEPARATORS, key=sample.count)
        text.seek(0)
        yield from csv.reader(text, delimiter=separator)
    except (csv.Error, UnicodeError) as error:
        raise SettlementFileUnreadable(f"The CSV cannot be read: {error}.") from error
    finally:
        if not file.closed:
            text.detach()  # or it would close the file of the caller


def _encoding_of(file: BufferedIOBase) -> str:
    """Return how a text is written: what is no UTF-8 is Latin-1, in which all bytes are letters."""
    if _start_of(file).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    encoding = "utf-8-sig"
    while piece := file.read(PIECE):
        if b"\x00" in piece:
            raise SettlementFileUnreadable("The file is neither CSV nor XLSX.")
        encoding = encoding if encoding == "latin-1" or _is_text(decoder, piece) else "latin-1"
    if encoding != "latin-1" and not _is_text(decoder, b"", is_last=True):
        encoding = "latin-1"
    file.seek(0)
    return encoding


def _is_text(decoder: codecs.IncrementalDecoder, piece: bytes, *, is_last: bool = False) -> bool:
    try:
        decoder.decode(piece, is_last)
    except UnicodeDecodeError:
        return False
    return True
