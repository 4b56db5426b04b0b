"""Files that anybody with a public key can write and only the private key's owner can read.

A fresh X25519 key agrees with the recipient's on a key for this file (HKDF-SHA-256). The content
follows in pieces of 1 MiB, each sealed by ChaCha20-Poly1305 with its number as the nonce, and the
last one marked as such, so that pieces cannot be changed, reordered, left out or cut off (the
STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar, 2015).
"""

from collections.abc import Iterator
from typing import IO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

MAGIC: Final = b"PTBK\x01"
PIECE_BYTES: Final = 1024 * 1024
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32


class NotReadable(Exception):
    """The file is no backup, was changed, or is sealed for another key."""


def public_key(pem: bytes) -> X25519PublicKey:
    """Read a public key: `openssl pkey -in private.pem -pubout`.

    Raises:
        ValueError, TypeError: it is no X25519 key in PEM.
    """
    key = load_pem_public_key(pem)
    if not isinstance(key, X25519PublicKey):
        raise TypeError("not an X25519 key")
    return key


def private_key(pem: bytes) -> X25519PrivateKey:
    """Read a private key: `openssl genpkey -algorithm X25519`.

    Raises:
        ValueError, TypeError: it is no X25519 key in PEM, or it has a password.
    """
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, X25519PrivateKey):
        raise TypeError("not an X25519 key")
    return key


def sealed(content: IO[bytes], recipient: X25519PublicKey) -> Iterator[bytes]:
    """Yield the sealed file, piece by piece."""
    own = X25519PrivateKey.generate()
    sender = own.public_key().public_bytes_raw()
    cipher = _cipher(own.exchange(recipient), sender, recipient)
    yield MAGIC + sender
    piece, number = content.read(PIECE_BYTES), 0
    while True:
        following = content.read(PIECE_BYTES)
        yield cipher.encrypt(_nonce(number, last=not following), piece, None)
        if not following:
            return
        piece, number = following, number + 1


def opened(content: IO[bytes], recipient: X25519PrivateKey) -> Iterator[bytes]:
    """Yield what was sealed, piece by piece; each piece is authentic when it comes.

    Raises:
        NotReadable: see there. Pieces may have come before.
    """
    head = content.read(len(MAGIC) + _KEY_BYTES)
    if not head.startswith(MAGIC) or len(head) != len(MAGIC) + _KEY_BYTES:
        raise NotReadable("this is no backup of PayTrust")
    sender = head[len(MAGIC) :]
    agreed = recipient.exchange(X25519PublicKey.from_public_bytes(sender))
    cipher = _cipher(agreed, sender, recipient.public_key())
    piece, number = content.read(PIECE_BYTES + _TAG_BYTES), 0
    while True:
        following = content.read(PIECE_BYTES + _TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), piece, None)
        except InvalidTag:
            raise NotReadable("the file was changed or cut off, or another key opens it") from None
        if not following:
            return
        piece, number = following, number + 1


def _cipher(agreed: bytes, sender: bytes, recipient: X25519PublicKey) -> ChaCha20Poly1305:
    info = MAGIC + sender + recipient.public_bytes_raw()
    return ChaCha20Poly1305(HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(agreed))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
