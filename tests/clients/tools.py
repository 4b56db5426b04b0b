"""The generators' own environments, apart from the project's: build/clients/python and /node."""

import filecmp
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from paytrust.localstack.embedded import PROJECT

Step = Callable[[], str]

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = PROJECT / "build" / "clients"
PYTHON: Final = BUILD / "python"
NODE: Final = BUILD / "node"


class Failed(Exception):
    """A program ended with an error; the message is what it said."""


def install_python() -> None:
    """Make a virtual environment of what requirements.lock pins, unless there is one.

    Raises:
        Failed: pip said no.
    """
    lock, installed = HERE / "requirements.lock", PYTHON / "installed.lock"
    if _same(lock, installed):
        return
    shutil.rmtree(PYTHON, ignore_errors=True)
    python = shutil.which(os.environ.get("PYTHON") or "python3") or sys.executable
    options = ("--quiet", "--no-input", "--no-compile", "--require-hashes", "--requirement", lock)
    try:
        run([python, "-m", "venv", "--without-pip", PYTHON], PROJECT)
        run([python, "-m", "pip", "--python", program("python"), "install", *options], PROJECT)
    except Failed:  # this pip installs into no other environment, so it needs one with a pip
        run([python, "-m", "venv", "--clear", PYTHON], PROJECT)
        run([program("python"), "-m", "pip", "install", *options], PROJECT)
    shutil.copy(lock, installed)


def install_node() -> None:
    """Install what package-lock.json pins, unless it is there.

    Raises:
        Failed: npm said no, or there is none.
    """
    lock, installed = HERE / "package-lock.json", NODE / "installed.json"
    if _same(lock, installed):
        return
    NODE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, NODE / name)
    run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], NODE)
    shutil.copy(lock, installed)


def program(name: str) -> Path:
    """Return where a program of the Python environment lies."""
    return PYTHON / "bin" / name


def node_program(name: str) -> Path:
    """Return where a program of the Node environment lies."""
    return NODE / "node_modules" / ".bin" / name


def run(command: list[str | Path], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run a program and return what it said.

    Raises:
        Failed: it ended with an error, or is not there.
    """
    path = os.pathsep.join((str(PYTHON / "bin"), os.environ["PATH"]))  # generators call ruff
    kept = {"PATH": path, "HOME": os.environ.get("HOME", "/tmp"), "NO_COLOR": "1"}  # noqa: S108
    try:
        ended = subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=kept | (environment or {}),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not here.") from None
    said = ended.stdout + ended.stderr
    if ended.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{said[-4000:]}")
    return said


def _same(one: Path, other: Path) -> bool:
    return other.exists() and filecmp.cmp(one, other, shallow=False)
