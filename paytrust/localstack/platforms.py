"""Locked packages that have no wheel for a Python and a platform that we support.

`python -m paytrust.localstack.platforms [LOCK]` asks the package index, and downloads each file
once.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

from paytrust.localstack.embedded import PROJECT

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux x86-64": [f"manylinux_2_{minor}_x86_64" for minor in (39, 34, 31, 28, 17)]
    + ["manylinux2014_x86_64", "linux_x86_64"],
    "Linux arm64": [f"manylinux_2_{minor}_aarch64" for minor in (39, 34, 31, 28, 17)]
    + ["manylinux2014_aarch64", "linux_aarch64"],
    # Intel Macs are not in the list: cryptography has stopped making wheels for them.
    "macOS arm64": [
        f"macosx_{major}_0_{kind}"
        for major in (15, 14, 13, 12, 11)
        for kind in ("arm64", "universal2")
    ],
}


def missing(*, lock: Path, python: str, platforms: list[str], folder: Path) -> str:
    """Return why a lock file cannot be installed there from wheels only; empty if it can."""
    tags = [word for platform in platforms for word in ("--platform", platform)]
    found = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"),
            *("--only-binary", ":all:", "--python-version", python, "--implementation", "cp"),
            *(*tags, "--dest", str(folder), "--requirement", str(lock)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in found.stderr.splitlines() if line.startswith("ERROR")]
    return "\n".join(lines) if found.returncode else ""


def main() -> int:
    """Ask for each Python and platform, and print a line for each."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("lock", nargs="?", default=str(PROJECT / "requirements-local.lock"))
    lock = Path(parser.parse_args().lock)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for python, (name, tags) in itertools.product(PYTHONS, PLATFORMS.items()):
            reason = missing(lock=lock, python=python, platforms=tags, folder=Path(folder))
            failed = failed or bool(reason)
            sys.stdout.write(f"Python {python} on {name}: {reason or 'all wheels are there'}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
