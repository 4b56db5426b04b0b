"""Gunicorn's settings, in a process of their own: they set how the C library keeps memory."""

import subprocess
import sys

import pytest

# Prints by how many MB a process grew because 16 threads hashed a key each.
HASHES = """
import os, sys, threading
if sys.argv[1] == "as served": import paytrust.web.gunicorn
from argon2 import PasswordHasher
import psutil
def resident(): return psutil.Process().memory_info().rss / 1e6
hasher = PasswordHasher(time_cost=1, memory_cost=19 * 1024, parallelism=1)
together = threading.Barrier(16)
def hash_key():
    together.wait()
    for _ in range(3): hasher.hash("key")
    together.wait()
hasher.hash("key")
before = resident()
threads = [threading.Thread(target=hash_key) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(resident() - before)
"""


def grown_mb(served: str) -> float:
    run = subprocess.run(
        [sys.executable, "-c", HASHES, served], capture_output=True, text=True, check=True
    )
    return float(run.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps heaps for threads so")
def test_a_web_process_does_not_keep_the_memory_of_hashed_keys() -> None:
    assert grown_mb("as served") < 10
    assert grown_mb("plainly") > 20
