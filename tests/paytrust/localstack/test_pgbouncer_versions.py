"""Which PgBouncer is trusted with prepared statements."""

from pathlib import Path

import pytest

from paytrust.localstack import cluster


@pytest.mark.parametrize(
    ("said", "knows"),
    [
        ("PgBouncer 1.18.0", False),  # Debian 12
        ("PgBouncer 1.20.1", False),
        ("PgBouncer 1.21.0", True),
        ("PgBouncer 1.24.1", True),  # Debian 13
        ("PgBouncer 2.0.0", True),
        ("something else", False),
    ],
)
def test_prepared_statements_are_known_from_1_21_on(tmp_path: Path, said: str, knows: bool) -> None:
    program = tmp_path / "pgbouncer"
    program.write_text(f"#!/bin/sh\necho '{said}'\necho 'libevent 2.1.12-stable'\n")
    program.chmod(0o755)

    assert cluster.knows_prepared_statements(str(program)) is knows
