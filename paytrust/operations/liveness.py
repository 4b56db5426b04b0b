"""A process that answers no HTTP shows that it works by touching a file, which a probe looks at.

`python -m paytrust.operations.liveness 300` ends with 0 if that was less than 300 s ago. It knows
no Django, so that it costs little. A process that waits for a broker or a database touches it too.
"""

import os
import sys
import time
from pathlib import Path


def show() -> None:
    """Touch the file that LIVENESS_FILE names, if it names one."""
    if name := os.environ.get("LIVENESS_FILE"):
        Path(name).touch()


def was_shown_within(seconds: float) -> bool:
    """Return whether the file was touched within so many seconds."""
    try:
        touched_at = Path(os.environ["LIVENESS_FILE"]).stat().st_mtime
    except (KeyError, FileNotFoundError):
        return False
    return time.time() - touched_at < seconds


if __name__ == "__main__":
    sys.exit(0 if was_shown_within(float(sys.argv[1])) else 1)
