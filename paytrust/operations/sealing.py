"""Stored secrets: each of CREDENTIAL_KEYS can decrypt, and the first one encrypts.

The purpose is part of the key, so that a text encrypted for one purpose cannot be decrypted for
another.
"""

import base64
import functools
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

SEALED_START = "gAAAAA"  # how every Fernet token begins


class Unreadable(Exception):
    """No key of CREDENTIAL_KEYS decrypts the token, or it was encrypted for another purpose."""


def seal(secret: bytes, *, purpose: str) -> str:
    """Return a token that `opened` decrypts; it begins with SEALED_START."""
    return _fernet(tuple(settings.CREDENTIAL_KEYS), purpose).encrypt(secret).decode()


def opened(token: str, *, purpose: str) -> bytes:
    """Return the decrypted text.

    Raises:
        Unreadable: no key decrypts it.
    """
    try:
        return _fernet(tuple(settings.CREDENTIAL_KEYS), purpose).decrypt(token.encode())
    except InvalidToken as error:
        raise Unreadable(purpose) from error


def newest_key_name(*, purpose: str) -> str:
    """Return a name that distinguishes the newest key from others and shows nothing else of it."""
    derived = _derived(settings.CREDENTIAL_KEYS[0], purpose)
    return hashlib.sha256(b"key name" + derived).hexdigest()[:16]


@functools.lru_cache(maxsize=16)
def _fernet(keys: tuple[str, ...], purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key, purpose)) for key in keys])


def _derived(secret: str, purpose: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"paytrust {purpose}".encode())
    return base64.urlsafe_b64encode(kdf.derive(secret.encode()))
