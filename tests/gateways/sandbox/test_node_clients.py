"""The gateways' official Node clients work against the sandbox unchanged."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.gateways.sandbox.conftest import SERVER_KEY, XENDIT_KEY, Sandbox

CLIENTS = Path(__file__).with_name("node")


@pytest.mark.slow
def test_node_clients(sandbox: Sandbox, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("the Node clients need node and npm")
    folder = shutil.copytree(CLIENTS, tmp_path / "clients")
    subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder, check=True)

    ran = subprocess.run(
        [node, "--test", "--test-reporter=tap"],
        cwd=folder,
        env={
            **os.environ,
            "SANDBOX_URL": sandbox.url,
            "XENDIT_KEY": XENDIT_KEY,
            "SERVER_KEY": SERVER_KEY,
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "# pass 22" in ran.stdout
