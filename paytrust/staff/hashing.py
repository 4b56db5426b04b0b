"""Staff passwords: Argon2 hashes them, a few at the same time."""

import threading
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher

AT_ONCE = 2  # per process: each takes 100 MB and a core for a good part of a second
_places = threading.BoundedSemaphore(AT_ONCE)


class FewAtOnce(Argon2PasswordHasher):
    """Django's own hasher, with a queue: many sign-ins at once cannot use up memory and cores."""

    def encode(self, password: str, salt: str) -> str:
        with _places:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _places:
            return bool(super().verify(password, encoded))

    def harden_runtime(self, password: str, encoded: str) -> Any:  # noqa: ANN401  # Django's own
        with _places:
            return super().harden_runtime(password, encoded)
