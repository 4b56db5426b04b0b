"""Some seconds of `make load`, with the environment that make gives it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paytrust.localstack.embedded import PROJECT

FIGURES = {"requests", "failures", "rps", "p50_ms", "p95_ms", "p99_ms"}


@pytest.mark.slow
def test_a_short_run_writes_its_figures_and_a_report_that_needs_no_network(tmp_path: Path) -> None:
    results, report = tmp_path / "results.json", tmp_path / "report.html"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PAYTRUST_STATE": str(tmp_path / "state"),
    }
    subprocess.run(["/bin/sh", "-c", "make load-tools"], cwd=PROJECT, env=environment, check=True)

    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.load", "--seconds", "15"),
            *("--results", str(results), "--report", str(report)),
        ],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-2000:]
    written = json.loads(results.read_text())
    assert written.keys() == {"profile", "users", "seconds", "cases"}
    assert (written["profile"], written["users"], written["seconds"]) == ("smoke", 10, 15)
    assert {"POST /invoices", "GET /invoices/{id}", "webhook to booked"} <= written["cases"].keys()
    for name, case in written["cases"].items():
        assert case.keys() == FIGURES, name
        assert case["failures"] == 0, name
        assert case["requests"] > 0, name
        assert case["p50_ms"] <= case["p95_ms"] <= case["p99_ms"], name
    assert written["cases"]["POST /invoices"]["p50_ms"] > 100  # the gateway's own time
    assert 'src="http' not in report.read_text()
    assert not (tmp_path / "state" / "load" / "stack.json").exists()  # it stopped
