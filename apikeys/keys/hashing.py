"""How API keys are made, stored and recognized."""

import hmac
import threading
from collections import OrderedDict

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from django.conf import settings

MAX_VERIFIED = 10_000  # keys remembered per process

# OWASP's minimum for Argon2id: 19 MiB, 2 passes. A key is 256 random bits, not a password.
_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def digest_of(key: str) -> str:
    """Return the keyed digest by which a key is looked up: HMAC-SHA-256, hex."""
    return hmac.digest(settings.API_KEY_PEPPER.encode(), key.encode(), "sha256").hex()


def hash_of(key: str) -> str:
    """Return the Argon2id hash that is stored. Takes tens of milliseconds."""
    return _ARGON2.hash(key)


class VerifiedKeys:
    """Verifies keys, running Argon2 at most once per key and process (FR-071).

    A key is recognized by its keyed digest together with its hash. One verification runs at a
    time, so that many first calls at once do not repeat the work or fill the memory.
    """

    def __init__(self, *, at_most: int = MAX_VERIFIED) -> None:
        self._at_most = at_most
        self._verified: OrderedDict[str, str] = OrderedDict()  # hash by digest
        self._lock = threading.Lock()

    def knows(self, *, digest: str, key_hash: str | None = None) -> bool:
        """Return whether this process has verified the key of this digest, against this hash."""
        verified = self._verified.get(digest)
        return verified is not None and key_hash in {None, verified}

    def verify(self, *, key: str, digest: str, key_hash: str) -> bool:
        """Return whether `key_hash` was made from `key`."""
        if self._verified.get(digest) == key_hash:
            return True
        with self._lock:
            if self._verified.get(digest) != key_hash:
                if not _matches(key=key, key_hash=key_hash):
                    return False
                self._verified[digest] = key_hash
                if len(self._verified) > self._at_most:
                    self._verified.popitem(last=False)
        return True

    def evict(self, *, digest: str) -> None:
        """Delete what this process remembers of a key."""
        with self._lock:
            self._verified.pop(digest, None)


def _matches(*, key: str, key_hash: str) -> bool:
    try:
        return _ARGON2.verify(key_hash, key)
    except (VerificationError, InvalidHashError):
        return False


verified_keys = VerifiedKeys()
