"""Python's garbage collector in processes that live long."""

import gc


def leave_out_what_is_loaded() -> None:
    """Take what a process has loaded out of later collections.

    A full collection stops all threads while it looks at each object: half a second for Django and
    our modules, which never become garbage. Call it once, when a process has begun.
    """
    gc.collect()
    gc.freeze()
