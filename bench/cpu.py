"""CPU time of servers, their children included."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil


def seconds(root: psutil.Process) -> float:
    """Return the CPU seconds, user and system, that a process and its descendants have used.

    A descendant that has ended counts too: the kernel adds its time to the parent that waits for
    it. Precise to the microsecond where the kernel says how long each thread ran, and else, as for
    those that have ended, to its clock tick, usually 10 ms per process.
    """
    return sum(_own_and_waited_for(process) for process in _tree(root))


@contextmanager
def suspended(root: psutil.Process) -> Iterator[None]:
    """Keep a process and its descendants from running for the length of the block."""
    tree = _tree(root)
    for process in tree:
        process.suspend()
    try:
        yield
    finally:
        for process in tree:
            process.resume()


class Meter:
    """Measures what each of several servers uses from one reading to the next."""

    def __init__(self, servers: Mapping[str, psutil.Process]) -> None:
        self._servers = servers
        self._before = self._now()

    def milliseconds_since_start(self, *, per: int) -> dict[str, float]:
        """Return CPU milliseconds by server, divided by `per`: a number of requests."""
        return {
            name: (used - self._before[name]) * 1000 / per for name, used in self._now().items()
        }

    def _now(self) -> dict[str, float]:
        return {name: seconds(process) for name, process in self._servers.items()}


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:  # a server that is kept stopped uses nothing
        return []


def _own_and_waited_for(process: psutil.Process) -> float:
    try:
        times, running = process.cpu_times(), _of_threads(process.pid)
    except psutil.NoSuchProcess:  # ended since it was listed; its parent has its time
        return 0.0
    own = max(times.user + times.system, running)  # the ticks also have threads that have ended
    return own + times.children_user + times.children_system


def _of_threads(pid: int) -> float:
    """Return the CPU seconds of threads that run still; 0 if the kernel does not count them."""
    nanoseconds = 0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            nanoseconds += int(thread.read_text().split()[0])
        except OSError:  # it ended since it was listed
            continue
    return nanoseconds / 1_000_000_000
