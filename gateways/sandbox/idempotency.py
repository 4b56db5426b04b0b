"""Midtrans's Idempotency-Key: it keeps successful answers for five minutes."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateways.sandbox.messages import Answer
from gateways.sandbox.store import Store

LIFETIME = timedelta(minutes=5)
XENDIT_LIFETIME = timedelta(days=1)


class KeyInUse(Exception):
    """Another request with the same key has not been answered yet."""


@dataclass
class _Entry:
    until: datetime
    answer: Answer | None = None


class IdempotencyKeys:
    """Keeps answers by key; if the request of a key failed, the key is free again."""

    def __init__(self, lifetime: timedelta, *, kind: str, store: Store) -> None:
        self._lifetime, self._kind, self._store = lifetime, kind, store
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def claim(self, key: str, now: datetime) -> Answer | None:
        """Return the answer that is kept under the key, or take the key and return None.

        Raises:
            KeyInUse: the first request is still running.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.until > now:
                if entry.answer is None:
                    raise KeyInUse(key)
                return entry.answer
            self._entries[key] = _Entry(until=now + self._lifetime)
            return None

    def keep(self, key: str, answer: Answer) -> None:
        with self._lock:
            entry = self._entries[key]
            entry.answer = answer
            self._store.save(self._kind, key, (key, entry))

    def restore(self) -> None:
        """Take over the answers that an earlier process kept."""
        with self._lock:
            self._entries.update(self._store.load(self._kind))

    def release(self, key: str) -> None:
        """Free the key unless an answer is kept under it."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.answer is None:
                del self._entries[key]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
