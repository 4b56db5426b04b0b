"""Waiting for events: a request that holds no database connection meanwhile."""

import threading
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings

from events.outbox.selectors import Turn
from paytrust.operations.database import release_connection

LOOK_EVERY_SECONDS: Final = 0.5

# A thread that waits serves no other request; the other threads serve those.
_places = threading.BoundedSemaphore(settings.EVENT_WAITERS)


def until_there_are_some(look: Callable[[], Turn], *, wait_seconds: int) -> Turn:
    """Look for events again and again, until there are some or the time is over.

    If the limit of waiting requests in this process is reached, the answer comes at once.
    """
    found = look()
    deadline = time.monotonic() + wait_seconds
    if found.events or not wait_seconds or not _places.acquire(blocking=False):
        return found
    try:
        while not found.events and time.monotonic() < deadline:
            release_connection()
            time.sleep(min(LOOK_EVERY_SECONDS, max(deadline - time.monotonic(), 0)))
            found = look()
    finally:
        _places.release()
    return found
