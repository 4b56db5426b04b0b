"""`deploy/kubernetes` runs what `make up` runs, in the way of this project.

`make check-kubernetes` holds each object to Kubernetes's own schema.
"""

import json
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from paytrust.localstack import stack
from paytrust.localstack.embedded import PROJECT

FOLDER = PROJECT / "deploy" / "kubernetes"
BASE = FOLDER / "base"
OURS = ("web", "worker", "deliveries", "beat", "migrate")


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    listed = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    assert {*listed, "kustomization.yaml"} == {path.name for path in BASE.iterdir()}
    return [one for name in listed for one in yaml.safe_load_all((BASE / name).read_text())]


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"] for one in objects if one["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    owners = of_kind(objects, "Deployment") | of_kind(objects, "Job")
    return {name: spec["template"]["spec"] for name, spec in owners.items()}


def test_runs_what_make_up_runs(objects: list[dict[str, Any]]) -> None:
    commands = {name: pod["containers"][0]["command"] for name, pod in pods(objects).items()}

    assert commands["web"] == [*stack.WEB, "--bind", "0.0.0.0:8000"]
    assert commands["worker"] == [*stack.WORKER]
    assert commands["deliveries"] == [*stack.DELIVERIES]
    assert commands["beat"] == [*stack.BEAT, "--schedule", "/tmp/celerybeat-schedule"]  # noqa: S108
    assert commands.keys() == {*OURS, "valkey"}


def test_confines_every_pod(objects: list[dict[str, Any]]) -> None:
    for name, pod in pods(objects).items():
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["automountServiceAccountToken"] is False, name
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name


def test_tells_the_owner_of_the_database_to_migrate_alone(objects: list[dict[str, Any]]) -> None:
    knows = {name for name, pod in pods(objects).items() if "paytrust-owner" in json.dumps(pod)}

    assert knows == {"migrate"}


def test_asks_others_for_readiness_only(objects: list[dict[str, Any]]) -> None:
    web = pods(objects)["web"]["containers"][0]

    assert web["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    for name in ("worker", "deliveries", "beat"):
        container = pods(objects)[name]["containers"][0]
        assert "paytrust.operations.liveness" in container["livenessProbe"]["exec"]["command"]
        assert container["env"] == [{"name": "LIVENESS_FILE", "value": "/tmp/alive"}]  # noqa: S108
        assert "readinessProbe" not in container


def test_gives_each_process_time_to_end(objects: list[dict[str, Any]]) -> None:
    grace = {
        name: pod.get("terminationGracePeriodSeconds", 30) for name, pod in pods(objects).items()
    }

    assert grace["web"] > 10 + 20  # the wait before, and gunicorn's graceful_timeout
    assert min(grace["worker"], grace["deliveries"]) > 120  # CELERY_TASK_TIME_LIMIT


def test_keeps_two_of_each_and_lets_one_go(objects: list[dict[str, Any]]) -> None:
    deployments = of_kind(objects, "Deployment")
    budgets = of_kind(objects, "PodDisruptionBudget")

    for name in ("web", "worker", "deliveries", "beat"):
        assert deployments[name]["replicas"] == 2
        assert budgets[name]["maxUnavailable"] == 1
        labels = deployments[name]["template"]["metadata"]["labels"]
        assert deployments[name]["selector"]["matchLabels"] == labels
        assert budgets[name]["selector"]["matchLabels"] == labels


def test_lets_nothing_speak_by_itself(objects: list[dict[str, Any]]) -> None:
    policies = of_kind(objects, "NetworkPolicy")

    assert policies["nothing-by-itself"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }
    [out] = policies["from-paytrust"]["podSelector"]["matchExpressions"]
    assert {*out["values"]} == {*OURS}


def test_has_no_secret(objects: list[dict[str, Any]]) -> None:
    assert not [one for one in objects if one["kind"] == "Secret"]


KUBECTL = shutil.which("kubectl")


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
def test_an_overlay_names_the_image_and_the_addresses() -> None:
    assert KUBECTL is not None
    made = subprocess.run(
        [KUBECTL, "kustomize", str(FOLDER / "overlays" / "production")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    images = {
        container["image"]
        for pod in pods(list(yaml.safe_load_all(made))).values()
        for container in pod["containers"]
    }
    assert images == {"registry.example.com/paytrust:v0.1.0", "valkey/valkey:8.1.4-bookworm"}
