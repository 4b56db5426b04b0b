"""One of several processes acts, by a row in PostgreSQL that it renews (ADR 41)."""

import os
import secrets
import socket
import time
from typing import Final

import structlog
from django.db import Error, connection

from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

HELD_SECONDS: Final = 15
RENEWED_AFTER_SECONDS: Final = 5.0
_TAKE: Final = """
INSERT INTO paytrust_lease AS mine (role, holder, held_until)
VALUES (%(role)s, %(holder)s, now() + %(seconds)s * interval '1 second')
ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
    WHERE mine.holder = excluded.holder OR mine.held_until < now()"""
_GIVE_BACK: Final = "DELETE FROM paytrust_lease WHERE role = %s AND holder = %s"


class Leadership:
    """Whether this process may act in a role that only one has at a time."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._holder = f"{socket.gethostname()[:50]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._asked_at = -RENEWED_AFTER_SECONDS  # time.monotonic()
        self._held_until = 0.0  # the same, counted from before the question
        self._held = False

    def is_mine(self) -> bool:
        """Return whether this process has the lease; take or renew it if it is time to.

        While the database is away the lease lasts until its end, and no other process can take it.
        """
        now = time.monotonic()
        if now - self._asked_at >= RENEWED_AFTER_SECONDS:
            self._asked_at = now
            try:
                held = self._take()
            except Error as error:
                log.warning("the lease cannot be renewed", role=self._role, reason=str(error))
            else:
                self._note(held=held)
                self._held_until = now + HELD_SECONDS if held else 0.0
        return now < self._held_until

    def give_back(self) -> None:
        """Let another process act at once."""
        self._held_until = 0.0
        try:
            with connection.cursor() as cursor:
                cursor.execute(_GIVE_BACK, [self._role, self._holder])
            _release()
        except Error as error:
            log.warning("the lease runs out by itself", role=self._role, reason=str(error))

    def _take(self) -> bool:
        values: dict[str, str | int] = {
            "role": self._role,
            "holder": self._holder,
            "seconds": HELD_SECONDS,
        }
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, values)
            held: bool = cursor.rowcount == 1
        _release()
        return held

    def _note(self, *, held: bool) -> None:
        if held != self._held:
            log.info("lease taken" if held else "lease lost", role=self._role, holder=self._holder)
        self._held = held


def _release() -> None:
    if not connection.in_atomic_block:  # as in tests
        release_connection()
