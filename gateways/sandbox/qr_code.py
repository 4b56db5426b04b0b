"""A picture that looks like a QR code; no app can scan it, because no money moves here."""

import hashlib
import struct
import zlib

MODULES = 29
MARGIN = 4
SCALE = 8  # pixels per module
FINDER = 7


def picture(text: str) -> bytes:
    """Return a black and white PNG; the same text gives the same picture."""
    side = (MODULES + 2 * MARGIN) * SCALE
    rows = [_row(text, y) for y in range(-MARGIN, MODULES + MARGIN)]
    raw = b"".join((b"\x00" + row) * SCALE for row in rows)  # no filter before each line
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)  # 8-bit grey
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(raw))
        + _chunk(b"IEND", b"")
    )


def _row(text: str, y: int) -> bytes:
    cells = (x for x in range(-MARGIN, MODULES + MARGIN))
    return b"".join((b"\x00" if _is_black(text, x, y) else b"\xff") * SCALE for x in cells)


def _is_black(text: str, x: int, y: int) -> bool:
    if not (0 <= x < MODULES and 0 <= y < MODULES):
        return False
    far = MODULES - FINDER
    for left, top in ((0, 0), (far, 0), (0, far)):
        if left - 1 <= x <= left + FINDER and top - 1 <= y <= top + FINDER:
            return _is_finder(x - left, y - top)
    digest = hashlib.sha256(f"{text}:{x}:{y}".encode()).digest()
    return digest[0] % 2 == 0


def _is_finder(x: int, y: int) -> bool:
    if not (0 <= x < FINDER and 0 <= y < FINDER):
        return False
    ring = min(x, y, FINDER - 1 - x, FINDER - 1 - y)
    return ring != 1


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
