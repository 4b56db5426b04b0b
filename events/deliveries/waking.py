"""Sending new deliveries at once, without one message to the broker for each."""

import time
from typing import Final

from events import tasks
from paytrust.operations import queue

PAUSE_SECONDS: Final = 0.2  # beat, each second, finds what was written within the pause


class _Woken:
    """Remembers, per process, until when the deliveries were woken."""

    until = 0.0  # time.monotonic()


def wake() -> None:
    """Enqueue due deliveries now, unless this process did so a moment ago."""
    now = time.monotonic()
    if now >= _Woken.until:
        _Woken.until = now + PAUSE_SECONDS
        queue.publish(tasks.hand_out_deliveries)
