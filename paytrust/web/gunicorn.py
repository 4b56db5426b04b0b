"""Gunicorn's settings: `gunicorn --config python:paytrust.web.gunicorn paytrust.wsgi`."""

import contextlib
import ctypes
import os
import resource

from paytrust import garbage

worker_class = (
    "paytrust.web.worker.Worker"  # a thread waits for the gateway, so concurrency is threads
)
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "64"))
worker_connections = int(os.environ.get("WEB_CONNECTIONS", "2000"))  # open at once, per worker
timeout = 60  # seconds a worker may hang; a gateway call ends after 10
graceful_timeout = 20  # seconds to finish requests at a stop
limit_request_line = 8190  # bytes
keepalive = 5  # seconds
# The scheme and the caller's address are Django's to read, as TRUSTED_PROXIES says. So gunicorn
# heeds no header about them, and need not compare each caller with a list.
forwarded_allow_ips, forwarder_headers = "*", ""
secure_scheme_headers: dict[str, str] = {}
control_socket_disable = True  # all stacks of a user would share its path

# The C library keeps a heap of its own for every few threads, and what one thread frees, another's
# heap cannot use. With two heaps a process of 64 threads has half the memory and the same speed.
# Large blocks, as the 19 MiB that Argon2 needs for a key, stay out of the heaps, which would keep
# them: the library does so of itself only until the first of a size is freed.
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3  # M_ of malloc.h; the workers inherit them
with contextlib.suppress(AttributeError, OSError):  # another C library has no such thing
    ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)
    ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1024 * 1024)

# Each connection is an open file, and many systems allow only 1024 by default.
_, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(
    resource.RLIMIT_NOFILE, (min(_most_files, 65_536) if _most_files > 0 else 65_536, _most_files)
)


def post_worker_init(_worker: object) -> None:
    """Leave what a worker has loaded out of its collections."""
    garbage.leave_out_what_is_loaded()
