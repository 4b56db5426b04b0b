"""Background processes: their recorded ids, the ports that they need, and whether they answer."""

import http.client
import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import psutil

from paytrust.localstack import embedded

STOP_SECONDS = 25  # longer than gunicorn and Celery take to finish their work


def spawn(command: list[str], *, log: Path, environment: Mapping[str, str]) -> psutil.Process:
    """Start a Python program in the project's folder; it continues after we end."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, *command],
            cwd=embedded.PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C and the end of the terminal do not reach it
        )
    child.returncode = 0  # it outlives us: stops Popen's warning that its end was not awaited
    return psutil.Process(child.pid)


def exit_code(process: psutil.Process) -> int | None:
    """Return the exit code of a child that has ended; None while it runs."""
    try:
        return process.wait(timeout=0)
    except psutil.TimeoutExpired:
        return None


def record(file: Path, processes: Mapping[str, psutil.Process]) -> None:
    """Remember processes in a file, for a later `recorded`."""
    known = {
        name: {"pid": process.pid, "began_at": process.create_time()}
        for name, process in processes.items()
    }
    embedded.write_secret(file, json.dumps(known))


def recorded(file: Path) -> dict[str, psutil.Process]:
    """Return those of the remembered processes that still run."""
    known = json.loads(file.read_text()) if file.exists() else {}
    alive = {}
    for name, entry in known.items():
        try:
            process = psutil.Process(entry["pid"])
            # The system uses process ids again: a process is ours only if it began at the recorded
            # time.
            same = abs(process.create_time() - entry["began_at"]) < 2  # seconds
            if same and process.status() != psutil.STATUS_ZOMBIE:
                alive[name] = process
        except psutil.NoSuchProcess:
            continue
    return alive


def stop(processes: Mapping[str, psutil.Process]) -> None:
    """Ask processes to end, and kill those still there after a while, with their children."""
    everyone = list(processes.values())
    for process in processes.values():
        try:
            everyone += process.children(recursive=True)
            process.terminate()  # it stops its children itself
        except psutil.NoSuchProcess:
            continue
    stubborn = embedded.still_running(everyone, seconds=STOP_SECONDS)
    for process in stubborn:
        process.kill()
    embedded.still_running(stubborn, seconds=STOP_SECONDS)


def answers(url: str, *, api_key: str = "") -> bool:
    """Return whether one of our servers answers 200."""
    headers = {"X-API-Key": api_key} if api_key else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  our own http address
    loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # without a proxy
    try:
        with loopback.open(request, timeout=5) as answer:
            return bool(answer.status == http.client.OK)
    except (OSError, http.client.HTTPException):
        return False
