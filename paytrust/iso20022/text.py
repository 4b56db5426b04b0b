"""Texts and identifiers that fit ISO 20022 fields, whatever characters people typed."""

import hashlib
import re
import unicodedata

MAX_35, MAX_140 = 35, 140
HASH_LENGTH = 10  # hexadecimal digits that keep shortened identifiers different
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
UNSAFE = re.compile(r"[^a-zA-Z0-9/\-?:().,'+ ]")  # EPC217-08, the SWIFT X set
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
SHORT_CALLING_CODES = (
    " 1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 "
    "63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
)
"""ITU-T E.164 country codes of one and two digits; all others have three."""


def identifier(raw: str, *, limit: int = MAX_35) -> str:
    """Return `raw` as an identifier of at most `limit` characters of the safe set.

    A UUID loses its dashes (36 characters do not fit). An identifier that must be shortened or
    changed in another way ends in a hash of the original, so that two never become the same.

    Source: EPC217-08 and the EPC's clarification paper: no `//`, no `/` at either end.
    """
    bare = raw.replace("-", "") if UUID.fullmatch(raw) else raw
    safe = _safe(bare)
    if safe and safe == bare and len(safe) <= limit:
        return safe
    mark = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]
    kept = safe[: limit - HASH_LENGTH - 1].rstrip(" /")
    return f"{kept}-{mark}" if kept else mark


def text(raw: str | None, *, limit: int = MAX_140) -> str | None:
    """Return `raw` on one line, at most `limit` characters; None if nothing is left of it."""
    return " ".join(printable(raw or "").split())[:limit].rstrip() or None


def lines(raw: str | None, *, limit: int = MAX_140) -> list[str]:
    """Cut a long text into pieces of at most `limit` characters."""
    whole = " ".join(printable(raw or "").split())
    pieces = (whole[start : start + limit].strip() for start in range(0, len(whole), limit))
    return [piece for piece in pieces if piece]


def printable(raw: str) -> str:
    """Replace what XML cannot hold (control characters, half surrogate pairs) by spaces."""
    return NOT_IN_XML.sub(" ", raw)


def phone(raw: str | None) -> str | None:
    """Return a telephone number as `+60-123456789`; None if it has no country code."""
    digits = re.sub(r"[^0-9]", "", raw or "")
    if not (raw or "").startswith("+") or len(digits) < 5:
        return None
    length = next((n for n in (1, 2) if f" {digits[:n]} " in SHORT_CALLING_CODES), 3)
    return f"+{digits[:length]}-{digits[length:]}"


def _safe(raw: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", raw) if not unicodedata.combining(c))
    mapped = UNSAFE.sub(".", plain.replace("&", "+").replace("_", "-"))
    return re.sub(r"//+", "/", mapped).strip(" /")
