"""`make cluster`: the primary is killed under load, and a web process is replaced under load."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
import redis
import requests

from paytrust.localstack import cluster
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port
from tests.factories import invoice_body
from tests.paytrust.localstack.test_stack import processes_naming, starter

try:
    cluster.require_programs()
except cluster.ProgramMissing as missing:
    pytestmark = [pytest.mark.slow, pytest.mark.skip(reason=str(missing))]
else:
    pytestmark = [pytest.mark.slow]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    state = tmp_path / "state"
    named = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PAYTRUST_STATE": str(state),
        "PORT": str(free_port()),
        "SANDBOX_PORT": str(free_port()),
    }
    yield named
    starter("reset", named)
    shutil.rmtree(state, ignore_errors=True)


class Caller:
    """Creates invoices until it is stopped, each again until it is answered."""

    def __init__(self, stack: dict[str, Any]) -> None:
        self._stack, self._ended = stack, Event()
        self.acknowledged: list[int] = []
        self.failed: list[int] = []  # status codes; 0: no answer
        self._thread = Thread(target=self._run)

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                answer = requests.post(
                    f"{self._stack['base_url']}/invoices",
                    json=invoice_body(),
                    headers={"X-API-Key": self._stack["api_key"]},
                    timeout=30,
                )
            except requests.RequestException:
                self.failed.append(0)
                continue
            if answer.status_code == 201:
                self.acknowledged.append(answer.json()["id"])
            else:
                self.failed.append(answer.status_code)
                time.sleep(0.1)

    def wait_for(self, more: int, *, seconds: float) -> None:
        wanted, deadline = len(self.acknowledged) + more, time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, f"no more invoices: {self.failed[-5:]}"
            time.sleep(0.1)


def ids(stack: dict[str, Any]) -> set[int]:
    with psycopg.connect(stack["database_url"], prepare_threshold=None) as own:
        return {key for (key,) in own.execute("SELECT id FROM invoices_invoice").fetchall()}


def valkey_role(stack: dict[str, Any]) -> str:
    """Return what the Valkey that HAProxy leads to says it is; nothing while there is none."""
    try:
        with redis.Redis.from_url(stack["redis_url"]) as valkey:
            return str(valkey.info("replication")["role"])
    except redis.ConnectionError:
        return ""


def test_loses_nothing_when_both_primaries_are_killed(
    environment: dict[str, str], tmp_path: Path
) -> None:
    started = starter("cluster", environment)
    assert started.returncode == 0, started.stderr
    stack = json.loads((tmp_path / "state" / "stack.json").read_text())
    servers = {"pgbouncer", "haproxy", "replica", "valkey-replica"}
    assert {"web-1", "web-2", "beat-2", *servers} <= stack["processes"].keys()

    with Caller(stack) as caller:
        caller.wait_for(10, seconds=60)
        began = time.monotonic()
        promoted = starter("promote", environment)
        caller.wait_for(10, seconds=60)
        while valkey_role(stack) != "master" and time.monotonic() < began + 60:
            time.sleep(0.1)
        recovered = time.monotonic() - began

    assert promoted.returncode == 0, promoted.stderr
    assert recovered < 30
    assert valkey_role(stack) == "master"
    assert set(caller.acknowledged) <= ids(stack)
    before = ids(stack)

    assert starter("down", environment).returncode == 0
    again = starter("up", environment)
    assert again.returncode == 0, again.stderr
    assert before <= ids(json.loads((tmp_path / "state" / "stack.json").read_text()))
    assert starter("down", environment).returncode == 0
    assert processes_naming(tmp_path / "state") == []


def test_drops_no_request_when_the_web_processes_are_replaced(
    environment: dict[str, str], tmp_path: Path
) -> None:
    started = starter("cluster", environment)
    assert started.returncode == 0, started.stderr
    description = tmp_path / "state" / "stack.json"
    before = json.loads(description.read_text())

    with Caller(before) as caller:
        caller.wait_for(5, seconds=60)
        restarted = starter("restart", environment)
        caller.wait_for(20, seconds=60)

    assert restarted.returncode == 0, restarted.stderr
    after = json.loads(description.read_text())["processes"]
    replaced = {name for name, pid in after.items() if pid != before["processes"][name]}
    assert replaced == {"web-1", "web-2"}
    assert caller.failed == []


def test_a_drill_reports_what_it_found(environment: dict[str, str], tmp_path: Path) -> None:
    results = tmp_path / "results.json"

    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.faults.drills", "--results", str(results)),
            *("--invoices", "100", "--rate", "5"),
        ],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    figures = json.loads(results.read_text())
    assert figures["promotion_acknowledged"] > 100
    assert figures["restart_calls"] > 30
    assert figures["restart_failed"] == figures["promotion_lost"] == 0
    assert figures["audit_clean"]
    assert processes_naming(tmp_path / "state") == []


def test_says_what_is_missing(environment: dict[str, str]) -> None:
    refused = starter("cluster", environment | {"DATABASE_URL": "postgres://x"})

    assert refused.returncode == 1
    assert "unset DATABASE_URL" in refused.stderr
    for action in ("promote", "restart"):
        assert "No cluster runs here" in starter(action, environment).stderr
