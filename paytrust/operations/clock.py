"""PayTrust's clock in a development stack: real time plus the seconds in a file (docs/sandbox.md).

The sandbox moves both clocks together, so that a person can try due dates, expiry, retries and
deliveries. Only `paytrust.localstack`, which production does not have, makes a process follow a
file.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.utils import timezone

real_now = timezone.now


class FollowedClock:
    """Real time plus the seconds in a file; a missing file moves nothing."""

    def __init__(self, file: Path, *, real: Callable[[], datetime] = real_now) -> None:
        self._file, self._real = file, real
        self._read: tuple[int, int] | None = None
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return self._real() + self.offset()

    def offset(self) -> timedelta:
        """Return how far the clock is ahead; the file is read again only after it was replaced."""
        try:
            found = self._file.stat()
            version = (found.st_mtime_ns, found.st_ino)
            if version != self._read:
                self._offset = timedelta(seconds=float(self._file.read_text()))
                self._read = version
        except FileNotFoundError:
            self._offset, self._read = timedelta(0), None
        return self._offset


def move(file: Path, offset: timedelta) -> None:
    """Write how far every clock that follows the file is ahead of real time."""
    written = file.with_name(f"{file.name}.{os.getpid()}")
    written.write_text(f"{offset.total_seconds()}\n")
    written.replace(file)


def follow(file: Path) -> None:
    """Make `timezone.now` of this process follow the file, for all code that calls it."""
    timezone.now = FollowedClock(file).now
