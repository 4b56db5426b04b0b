"""Passwords of staff: hashed by Argon2, a few at a time."""

import threading
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher

AT_ONCE = 2  # per process: each takes 100 MB and a core for a good part of a second
_places = threading.BoundedSemaphore(AT_ONCE)


class FewAtOnce(Argon2PasswordHasher):
    """Django's own; a flood of sign-ins waits for its turn, so that memory and cores do not go."""

    def encode(self, password: str, salt: str) -> str:
        with _places:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _places:
            return bool(super().verify(password, encoded))

    def harden_runtime(self, password: str, encoded: str) -> Any:  # noqa: ANN401  # Django's own
        with _places:
            return super().harden_runtime(password, encoded)
