"""Keeps the database of a release: `make release` runs `python -m tests.upgrades`.

It plays the demo on a stack of its own, whose secrets anybody may know, and writes pg_dump's
archive of that database beside this file.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from paytrust.localstack import embedded
from paytrust.localstack.ports import free_port
from tests.upgrades import FOLDER, SECRETS, dump


def main() -> None:
    """Write the database of the version that pyproject.toml names."""
    version = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())["project"][
        "version"
    ]
    file = FOLDER / f"v{version}.dump"
    if file.exists():
        sys.exit(f"{file} is there already: a release is made once. Change the version first.")
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        state = Path(folder) / "state"
        environment = (
            os.environ
            | SECRETS
            | {
                "PORT": str(free_port()),
                "SANDBOX_PORT": str(free_port()),
                "PAYTRUST_STATE": str(state),
            }
        )
        try:
            _stack("demo", environment)
            dump(embedded.start(state).database_url, file)
        finally:
            _stack("reset", environment)
    sys.stdout.write(f"{file} has {file.stat().st_size} bytes. Commit it, then tag v{version}.\n")


def _stack(action: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "paytrust.localstack.stack", action]
    subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
