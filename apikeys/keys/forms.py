"""The two forms of an API key: 64 hexadecimal characters, and one that names itself.

`ptk_live_` + 44 random characters + 6 of a checksum. Scanners for leaked secrets find it by its
prefix, and one that was copied wrongly is refused before anything is looked up.
"""

import re
import secrets
import string
import zlib
from enum import StrEnum
from typing import Final

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX: Final = "ptk_live_"
RANDOM_LENGTH: Final = 44  # 262 bits
CHECKSUM_LENGTH: Final = 6
HEX_BYTES: Final = 32  # 256 bits, 64 characters
SHOWN_LENGTH: Final = 4  # of what is random, so that people can recognize their keys
HEX_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
NAMED_KEY: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}")


class KeyFormat(StrEnum):
    HEX = "hex"
    PREFIXED = "prefixed"


def new_key(key_format: KeyFormat = KeyFormat.HEX) -> str:
    """Return a new API key."""
    if key_format == KeyFormat.HEX:
        return secrets.token_hex(HEX_BYTES)
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return f"{PREFIX}{random}{checksum_of(random)}"


def checksum_of(random: str) -> str:
    """Return the CRC-32 of a key's random part in base 62, six characters."""
    number = zlib.crc32(random.encode("ascii"))
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def as_made(key: str) -> str | None:
    """Return a key as it was made, or None if it has neither form.

    Hexadecimal digits are the same in capitals; in the other form capitals are other characters.
    """
    if HEX_KEY.fullmatch(key):
        return key.lower()
    if NAMED_KEY.fullmatch(key):
        random = key[len(PREFIX) : -CHECKSUM_LENGTH]
        return key if checksum_of(random) == key[-CHECKSUM_LENGTH:] else None
    return None


def shown_start(key: str) -> str:
    """Return as much of a key as may be shown: 7f3a, or ptk_live_7fA9."""
    fixed = len(PREFIX) if key.startswith(PREFIX) else 0
    return key[: fixed + SHOWN_LENGTH]


def format_of(start: str) -> KeyFormat:
    """Return the form of a key, seen from the part of it that is shown."""
    return KeyFormat.PREFIXED if start.startswith(PREFIX) else KeyFormat.HEX
