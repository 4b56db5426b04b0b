"""What is done to the servers while something is measured."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import redis

from bench.stack import Stack
from paytrust.localstack import embedded


@contextmanager
def valkey_away(stack: Stack) -> Iterator[None]:
    """Keep Valkey stopped for the length of the block; afterwards it is empty."""
    valkey = stack.servers["valkey"]
    redis.Redis.from_url(stack.redis_url).shutdown(nosave=True)
    valkey.wait(timeout=embedded.STOP_SECONDS)
    try:
        yield
    finally:
        embedded.start(stack.state)
        stack.servers["valkey"] = stack.valkey()


def private_megabytes(root: psutil.Process) -> float:
    """Return the memory that only a process and its descendants use, in MB."""
    tree = [root, *root.children(recursive=True)]
    return sum(process.memory_full_info().uss for process in tree) / 1e6
