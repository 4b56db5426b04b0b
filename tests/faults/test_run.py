"""Two minutes of `make faults`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paytrust.localstack.embedded import PROJECT


@pytest.mark.slow
def test_nothing_is_lost_in_two_minutes_of_harm(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PAYTRUST_STATE": str(tmp_path / "state"),
    }

    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--seconds", "120", "--results", str(results)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )

    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    figures = json.loads(results.read_text())
    assert figures["kills"] > 0
    assert figures["invoices"] > 0
    assert figures["refunds"] > 0
    faults = ("lost", "doubled", "unbooked", "untaken", "unfinished", "undelivered")
    assert {name: figures[name] for name in faults} == dict.fromkeys(faults, 0)
    assert figures["audit_clean"]
