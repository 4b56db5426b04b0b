"""Uploaded files, in pieces in the database: any host takes one in, any worker reads it."""

import hashlib
import io
from typing import Final

from django.db.models import Sum
from django.db.models.functions import Length

from payments.settlement.models import SettlementFilePiece, SettlementImport

PIECE_BYTES: Final = 128 * 1024  # in base64 it fits into the body of a call
LARGEST_FILE: Final = 512 * 1024 * 1024  # bytes


def length_of(made: SettlementImport, number: int) -> int:
    """Return how many bytes a piece has; 0 if the file has no such piece."""
    return max(0, min(PIECE_BYTES, (made.size_bytes or 0) - number * PIECE_BYTES))


def is_whole(made: SettlementImport) -> bool:
    """Return whether all pieces are here."""
    here = made.pieces.aggregate(bytes=Sum(Length("content")))["bytes"]
    return (here or 0) == made.size_bytes


def sha256_of(made: SettlementImport) -> str:
    """Return the digest of a whole file."""
    return hashlib.file_digest(opened(made), "sha256").hexdigest()


def opened(made: SettlementImport) -> io.BufferedReader:
    """Return a whole file for reading; one piece of it is in memory."""
    return io.BufferedReader(_Pieces(made), buffer_size=PIECE_BYTES)


def dropped(made: SettlementImport) -> None:
    """Delete a file that was read, or never will be."""
    SettlementFilePiece.objects.filter(imported_in=made).delete()


class _Pieces(io.RawIOBase):
    """The bytes of a file, read a piece at a time."""

    def __init__(self, made: SettlementImport) -> None:
        self._made, self._size, self._at = made, made.size_bytes or 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed has no name for it
        number, begin = divmod(self._at, PIECE_BYTES)
        if self._at >= self._size:
            return 0
        piece = self._made.pieces.values_list("content", flat=True).get(number=number)
        found = bytes(piece)[begin : begin + len(buffer)]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
