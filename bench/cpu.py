"""CPU time of servers, their children included."""

import ctypes
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psutil

_C_LIBRARY = ctypes.CDLL(None)


def seconds(root: psutil.Process) -> float:
    """Return the CPU seconds, user and system, that a process and its descendants have used.

    A descendant that has ended counts too: the kernel adds its time to the parent that waits for
    it. Precise to the microsecond, and for descendants that have ended to the kernel's clock tick,
    usually 10 ms per process.
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
        times, own = process.cpu_times(), _own(process.pid)
    except (psutil.NoSuchProcess, ProcessLookupError):  # ended since it was listed
        return 0.0  # its parent has its time
    return own + times.children_user + times.children_system


def _own(pid: int) -> float:
    """Return what a process used by its clock, threads that have ended included.

    Raises ProcessLookupError. Source: clock_getcpuclockid(3).
    """
    clock = ctypes.c_int()
    error = _C_LIBRARY.clock_getcpuclockid(pid, ctypes.byref(clock))
    if error:
        raise ProcessLookupError(error, f"no process {pid}")
    return time.clock_gettime(clock.value)
