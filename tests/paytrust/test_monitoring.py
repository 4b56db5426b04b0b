"""What `deploy/monitoring` asks for exists."""

import ast
import contextlib
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port
from paytrust.operations import metrics

FOLDER = PROJECT / "deploy" / "monitoring"
APPS = ("apikeys", "events", "gateways", "invoices", "payments", "paytrust", "reporting")
PROMTOOL = shutil.which("promtool")


def made() -> set[str]:
    """Return the names of all metrics: first argument of Metric(...) and count(...)."""
    names = set(metrics.HELP)
    for path in (file for app in APPS for file in (PROJECT / app).rglob("*.py")):
        for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)):
            if ast.unparse(call.func).split(".")[-1] == "Metric" and call.args:
                names |= {str(ast.literal_eval(call.args[0]))} if literal(call.args[0]) else set()
    return names


def literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def named(text: str) -> set[str]:
    found = re.findall(r"paytrust_([a-z_]+)", text)
    return {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in found}


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_rules_ask_for_metrics_that_exist(rules: list[dict[str, Any]]) -> None:
    asked = set().union(*(named(rule["expr"]) for rule in rules))

    assert len(asked) > 10
    assert asked - made() == set()


def test_each_rule_has_a_runbook_and_a_severity(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        assert (PROJECT / rule["annotations"]["runbook"]).is_file(), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]

    assert named(" ".join(asked)) - made() == set()
    assert len({panel["id"] for panel in panels}) == len(panels) > 10


def test_what_operators_are_shown_exists() -> None:
    watching = (PROJECT / "docs/operations.md").read_text().split("## Watching")[1]

    assert named(watching.split("\n## ")[0]) - made() == set()


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_prometheus_takes_rules_and_settings(tmp_path: Path) -> None:
    assert PROMTOOL is not None
    for name in ("alerts.yml", "prometheus.yml"):
        # The token's file is on Prometheus's machine.
        text = (FOLDER / name).read_text().replace("/etc/prometheus/paytrust-token", "token")
        (tmp_path / name).write_text(text)
        (tmp_path / "token").touch()
    for kind, name in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        checked = subprocess.run(
            [PROMTOOL, "check", kind, str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


PROMETHEUS = shutil.which("prometheus")


@pytest.mark.skipif(PROMETHEUS is None, reason="Prometheus is not installed")
def test_a_real_prometheus_reads_and_judges_them(
    committed: None, live_url: str, tmp_path: Path
) -> None:
    assert PROMETHEUS is not None
    given = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    del given["scrape_configs"][0]["authorization"]  # the tests' stack has no token
    given["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    given["scrape_configs"][0]["static_configs"] = [{"targets": [live_url.split("//")[1]]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(given))
    shutil.copy(FOLDER / "alerts.yml", tmp_path)
    port = free_port()
    process = subprocess.Popen(
        [
            *(PROMETHEUS, f"--config.file={tmp_path / 'prometheus.yml'}"),
            *(f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/api/v1"
        wait_for(f'{url}/query?query=paytrust_http_requests_total{{route="metrics"}}', process)
        rules = requests.get(f"{url}/rules", timeout=5).json()["data"]["groups"][0]["rules"]
    finally:
        process.terminate()
        process.wait(timeout=30)

    assert len(rules) > 10
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


def wait_for(query: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a query finds something."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(requests.RequestException):
            if requests.get(query, timeout=5).json()["data"]["result"]:
                return
        assert process.poll() is None, "Prometheus ended"
        assert time.monotonic() < deadline, "Prometheus has read nothing"
        time.sleep(0.3)
