"""The data that stays after the process ends: each step's changes, in one SQLite file (ADR 0024).

A step is what happens with the simulator's lock held. Its changes are written when it ends, in one
transaction, before any answer or webhook is sent. So a killed process loses only whole steps.
"""

import io
import logging
import pickle  # only this program reads and writes the file
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

logger = logging.getLogger(__name__)

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS things ("
    "kind TEXT NOT NULL, key TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (kind, key))"
)
WRITE = "INSERT OR REPLACE INTO things (kind, key, content) VALUES (?, ?, ?)"
DELETED = object()


class Store:
    """Keeps things by kind and key; without a file it works in the same way and stores nothing."""

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._changed: dict[tuple[str, str], tuple[object, type | None]] = {}
        self._afterwards: list[Callable[[], None]] = []
        self._database = None if file is None else _opened(file)

    def save(self, kind: str, key: str, thing: object, *, refers_to: type | None = None) -> None:
        """Write the thing when the step ends; a thing that it refers to is written as its id."""
        self._changed[kind, key] = (thing, refers_to)

    def delete(self, kind: str, key: str) -> None:
        self._changed[kind, key] = (DELETED, None)

    def then(self, job: Callable[[], None]) -> None:
        """Do something after the step's changes are written."""
        self._afterwards.append(job)

    def load(self, kind: str, known: Mapping[str, object] | None = None) -> Iterator[Any]:
        """Yield the things of a kind in the order in which their keys were first written.

        Args:
            kind: the same as in `save`.
            known: the things that this kind refers to, by id.
        """
        if self._database is None:
            return
        rows = self._database.execute(
            "SELECT content FROM things WHERE kind = ? ORDER BY rowid", (kind,)
        ).fetchall()
        for (content,) in rows:
            reader = pickle.Unpickler(io.BytesIO(content))  # noqa: S301  # nosec B301  # the state file is our own
            reader.persistent_load = lambda name: (known or {})[name]  # type: ignore[method-assign]
            yield reader.load()

    def clear(self) -> None:
        """Delete everything, also the changes of this step."""
        self._changed.clear()
        self._afterwards.clear()
        if self._database is not None:
            with self._lock, self._database:
                self._database.execute("DELETE FROM things")

    def end_step(self) -> None:
        """Write the changes, then do what waited for that."""
        changed, self._changed = self._changed, {}
        afterwards, self._afterwards = self._afterwards, []
        if changed and self._database is not None:
            with self._lock, self._database:
                for (kind, key), (thing, refers_to) in changed.items():
                    if thing is DELETED:
                        self._database.execute(
                            "DELETE FROM things WHERE kind = ? AND key = ?", (kind, key)
                        )
                    else:
                        content = _written(thing, refers_to)
                        self._database.execute(WRITE, (kind, key, content))
        for job in afterwards:
            job()


class StepLock:
    """The lock of the books; the changes are written when the outermost holder releases it."""

    def __init__(self, store: Store) -> None:
        self._lock, self._store, self._depth = threading.RLock(), store, 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            if self._depth == 1:
                self._store.end_step()
        finally:
            self._depth -= 1
            self._lock.release()


class _Writer(pickle.Pickler):
    """Writes a thing that the object refers to as an id."""

    def __init__(self, file: io.BytesIO, refers_to: type | None) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._refers_to = refers_to

    def persistent_id(self, thing: Any) -> str | None:  # noqa: ANN401  # pickle's signature
        if self._refers_to is not None and isinstance(thing, self._refers_to):
            return str(thing.id)  # type: ignore[attr-defined]
        return None


def _written(thing: object, refers_to: type | None) -> bytes:
    content = io.BytesIO()
    _Writer(content, refers_to).dump(thing)
    return content.getvalue()


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    file.chmod(0o600)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(
        "PRAGMA synchronous = OFF"
    )  # safe when the process is killed; a power failure may lose data
    database.execute(SCHEMA)
    return database
