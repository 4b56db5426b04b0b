import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from bench import cpu

BURN = "import time\nwhile time.process_time() < 0.3: pass"
# Burns in a child that ends, then says so and waits.
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
print("done", flush=True)
sys.stdin.read()
"""
# Burns in a thread that ends, says so, and burns less than a clock tick when it is asked to.
SHORT_BURNER = """
import sys, threading, time
def burn(seconds):
    began = time.thread_time()
    while time.thread_time() - began < seconds: pass
thread = threading.Thread(target=burn, args=(0.02,))
thread.start()
thread.join()
print("begun", flush=True)
sys.stdin.readline()
burn(0.003)
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator["subprocess.Popen[str]"]:
    with running(PARENT) as process:
        yield process


@pytest.fixture
def short_burner() -> Iterator["subprocess.Popen[str]"]:
    with running(SHORT_BURNER) as process:
        yield process


def running(script: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def becomes(process: psutil.Process, status: str) -> bool:
    """The kernel stops a process soon, not at once."""
    deadline = time.monotonic() + 5
    while process.status() != status and time.monotonic() < deadline:
        time.sleep(0.01)
    return process.status() == status


class TestSeconds:
    def test_counts_a_child_while_it_runs_and_after_it_has_ended(
        self, parent: "subprocess.Popen[str]"
    ) -> None:
        assert parent.stdout is not None
        parent.stdout.readline()

        used = cpu.seconds(psutil.Process(parent.pid))

        assert psutil.Process(parent.pid).children() == []
        assert 0.28 <= used < 2

    def test_is_finer_than_a_clock_tick_after_a_thread_has_ended(
        self, short_burner: "subprocess.Popen[str]"
    ) -> None:
        assert short_burner.stdin is not None
        assert short_burner.stdout is not None
        process = psutil.Process(short_burner.pid)
        short_burner.stdout.readline()
        before = cpu.seconds(process)

        short_burner.stdin.write("burn\n")
        short_burner.stdin.flush()
        short_burner.stdout.readline()

        assert 0.003 <= cpu.seconds(process) - before < 0.2


class TestMeter:
    def test_reads_each_server_from_its_start_on_per_request(
        self, parent: "subprocess.Popen[str]"
    ) -> None:
        meter = cpu.Meter({"burner": psutil.Process(parent.pid)})
        assert parent.stdout is not None
        parent.stdout.readline()

        used = meter.milliseconds_since_start(per=10)

        assert list(used) == ["burner"]
        assert 20 <= used["burner"] < 200


class TestSuspended:
    def test_stops_a_process_for_the_block_only(self, parent: "subprocess.Popen[str]") -> None:
        process = psutil.Process(parent.pid)

        with cpu.suspended(process):
            stopped = becomes(process, psutil.STATUS_STOPPED)
            used_before = sum(process.cpu_times())
            time.sleep(0.1)
            used_after = sum(process.cpu_times())

        assert stopped
        assert used_after == used_before
        assert parent.stdout is not None
        assert parent.stdout.readline() == "done\n"
