import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from paytrust.localstack import embedded, processes, stack
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port
from tests.events.receivers import Shop, shop
from tests.factories import invoice_body


def starter(action: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "paytrust.localstack.stack", *action.split()],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


def processes_naming(folder: Path) -> list[list[str]]:
    """What still runs and knows the folder, by its arguments or its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if str(folder) in " ".join([*process.cmdline(), *process.environ().values()]):
                found.append(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a person without servers, with a state folder of its own."""
    named = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    state = tmp_path / "a state"
    yield named | {
        "PORT": str(free_port()),
        "SANDBOX_PORT": str(free_port()),
        "PAYTRUST_STATE": str(state),
    }
    if state.exists():
        stack.reset(stack.Stack(state, 1, 2))


def shown_by(url: str) -> str:
    return re.sub("<[^>]*>", "", requests.get(url, timeout=10).text)


def wait_for(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def traced_by(collector: Shop) -> dict[str, str]:
    address = collector.url.removesuffix("/hook")
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "100"}


def check_traces(described: dict[str, Any], collector: Shop) -> None:
    """One trace leads from a notification through a worker to the delivery of its event."""
    merchant = requests.Session()
    merchant.headers["X-API-Key"] = described["api_key"]
    endpoint = {"url": collector.url, "event_types": ["invoice.paid"]}
    created = merchant.post(f"{described['base_url']}/webhook-endpoints", json=endpoint, timeout=30)
    assert created.status_code == 201, created.text
    merchant.headers["Idempotency-Key"] = "traced"
    invoice = merchant.post(
        f"{described['base_url']}/invoices", json=invoice_body(), timeout=30
    ).json()
    requests.post(invoice["payment_url"], data={"action": "pay"}, timeout=30)

    led = {"POST /webhooks/<slug:webhook_name>", "run/payments.process_notifications", "delivery"}
    wait_for(lambda: led <= trace_of_a_delivery(collector))
    assert any(name.startswith("gateway ") for name in trace_of_a_delivery(collector))
    assert "POST /invoices" in {span.name for span in spans(collector)}
    sent = b"".join(one.body for one in collector.received if one.path == "/v1/traces")
    assert invoice["payment_url"].encode() not in sent
    assert described["api_key"].encode() not in sent


def trace_of_a_delivery(collector: Shop) -> set[str]:
    """Return the names of all spans of the trace that ends in a delivery, as far as they came."""
    came = spans(collector)
    ids = {span.trace_id for span in came if span.name == "delivery"}
    return {span.name for span in came if span.trace_id in ids}


def spans(collector: Shop) -> list[Any]:
    exported = [
        ExportTraceServiceRequest.FromString(one.body)
        for one in list(collector.received)
        if one.path == "/v1/traces"
    ]
    return [
        span
        for one in exported
        for resource in one.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


class TestStackOf:
    def test_has_defaults(self) -> None:
        assert stack.stack_of({}) == stack.Stack(PROJECT / ".paytrust", 8000, 8001)

    def test_reads_ports_and_state(self, tmp_path: Path) -> None:
        environment = {"PORT": "9000", "SANDBOX_PORT": "9001", "PAYTRUST_STATE": str(tmp_path)}

        assert stack.stack_of(environment) == stack.Stack(tmp_path, 9000, 9001)

    @pytest.mark.parametrize("value", ["0", "65536", "http", "-1", "80.5"])
    def test_refuses_what_is_no_port(self, value: str) -> None:
        with pytest.raises(stack.StackFailed, match=r"^PORT must be a number from 1 to 65535"):
            stack.stack_of({"PORT": value})

    def test_refuses_one_port_for_both(self) -> None:
        with pytest.raises(stack.StackFailed, match="both 9000"):
            stack.stack_of({"PORT": "9000", "SANDBOX_PORT": "9000"})


class TestUpAndDown:
    def test_serve_repeat_leave_nothing_and_keep_keys_for_the_next_time(
        self, environment: dict[str, str]
    ) -> None:
        state = Path(environment["PAYTRUST_STATE"])

        first = starter("up", environment)
        assert (first.returncode, first.stderr) == (0, "")
        described = json.loads((state / "stack.json").read_text())
        again = starter("up", environment)
        down = starter("down", environment)
        left = processes_naming(state)
        stopped = starter("status", environment)
        with shop() as collector:
            restarted = starter("up", environment | traced_by(collector))
            after = json.loads((state / "stack.json").read_text())
            check_traces(after, collector)

        self.check_description(described, environment)
        self.check_the_readmes_shop(after, state)
        assert (again.returncode, "already up" in again.stdout) == (0, True)
        assert (down.returncode, down.stderr, left) == (0, "", [])
        assert (stopped.returncode, restarted.returncode) == (1, 0)
        assert {**after, "processes": {}} == {**described, "processes": {}}
        assert (state / "stack.json").stat().st_mode & 0o777 == 0o600
        invoices = f"{after['base_url']}/invoices"
        assert processes.answers(invoices, api_key=after["api_key"])
        assert not processes.answers(invoices, api_key="0" * 64)
        self.check_what_the_server_refuses_itself(invoices)

    def check_what_the_server_refuses_itself(self, url: str) -> None:
        for params, headers, status in (
            ({"external_id": "x" * 9000}, {}, 414),
            ({}, {"X-API-Key": "0" * 9000}, 431),
        ):
            answer = requests.get(url, params=params, headers=headers, timeout=10)
            assert answer.status_code == status
            assert answer.json()["request_id"] == answer.headers["X-Request-Id"]

    def check_description(self, described: dict[str, Any], environment: dict[str, str]) -> None:
        assert described["base_url"] == f"http://127.0.0.1:{environment['PORT']}"
        assert re.fullmatch("[0-9a-f]{64}", described["api_key"])
        sandbox = f"http://127.0.0.1:{environment['SANDBOX_PORT']}"
        assert described["sandbox"] == {
            "xendit": f"{sandbox}/xendit",
            "midtrans": f"{sandbox}/midtrans",
            "control": f"{sandbox}/control",
        }
        assert described["credentials"]["xendit"].keys() == {"secret_key", "callback_token"}
        assert described["credentials"]["midtrans"].keys() == {"server_key", "client_key"}
        assert described["admin_user"].keys() == {"username", "password", "totp_secret"}
        assert described["processes"].keys() == {
            *("web", "worker", "deliveries", "beat", "sandbox"),
        }
        assert described.keys() - {"base_url", "api_key", "sandbox", "credentials"} == {
            *("admin_key", "admin_user", "database_url", "redis_url", "processes")
        }

    def check_the_readmes_shop(self, described: dict[str, Any], state: Path) -> None:
        """Buy, pay and refund by the commands that the README shows."""
        readme = (PROJECT / "README.md").read_text()
        section = readme.partition("## A paid order")[2].partition("## Commands")[0]
        for shown, here in (
            ("http://127.0.0.1:8000", described["base_url"]),
            (".paytrust/stack.json", str(state / "stack.json")),
            (".venv/bin/python", f"exec '{sys.executable}'"),
            ("serve 4242", "serve 0"),
        ):
            assert shown in section
            section = section.replace(shown, here)
        opening, refund = re.findall(r"^ *```sh$(.*?)^ *```$", section, re.DOTALL | re.MULTILINE)
        environment = os.environ | {"SHOP_DATABASE": str(state / "shop.sqlite3")}
        with subprocess.Popen(
            ["/bin/sh", "-c", opening],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as shop:
            try:
                assert shop.stdout is not None
                url = shop.stdout.readline().split()[-1]
                page = requests.post(f"{url}/buy", timeout=30, allow_redirects=False)
                chosen = {"action": "pay", "method": "touchngo"}
                requests.post(page.headers["Location"], data=chosen, timeout=30)
                wait_for(lambda: "Order 1: paid" in shown_by(f"{url}/orders/1"))
                exports = opening.partition("exec")[0]
                subprocess.run(
                    ["/bin/sh", "-ec", exports + refund],
                    cwd=PROJECT,
                    env=environment,
                    check=True,
                    capture_output=True,
                )
                wait_for(lambda: "Order 1: refunded" in shown_by(f"{url}/orders/1"))
            finally:
                shop.kill()

    @pytest.mark.parametrize("name", ["PORT", "SANDBOX_PORT"])
    def test_name_a_port_that_is_taken_and_start_nothing(
        self, environment: dict[str, str], name: str
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as owner:
            taken = owner.getsockname()[1]
            refused = starter("up", environment | {name: str(taken)})

        assert refused.returncode == 1
        assert refused.stderr.startswith(f"Port {taken} cannot be used")
        assert f"{name}=" in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert processes_naming(Path(environment["PAYTRUST_STATE"])) == []

    def test_say_when_the_database_cannot_be_reached(self, environment: dict[str, str]) -> None:
        nobody = f"127.0.0.1:{free_port()}"
        servers = {
            "DATABASE_URL": f"postgres://a:b@{nobody}/c",
            "REDIS_URL": f"redis://{nobody}/0",
        }

        refused = starter("up", environment | servers)

        assert refused.returncode == 1
        assert refused.stderr.startswith("The migrations failed;")
        assert processes_naming(Path(environment["PAYTRUST_STATE"])) == []

    def test_leave_nothing_when_interrupted(self, environment: dict[str, str]) -> None:
        state = Path(environment["PAYTRUST_STATE"])
        up = subprocess.Popen(
            [sys.executable, "-m", "paytrust.localstack.stack", "up"],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
        )
        with up:
            while not (state / "processes.json").exists():
                assert up.poll() is None
                time.sleep(0.02)
            up.send_signal(signal.SIGTERM)  # SIGINT is ignored by what a shell starts with `&`
            assert up.wait(60) == 128 + signal.SIGTERM

        assert processes_naming(state) == []


class TestDown:
    def test_spares_a_program_that_got_the_id_of_a_process(self, tmp_path: Path) -> None:
        bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        with bystander:
            began_at = psutil.Process(bystander.pid).create_time() - 60
            record = {"web": {"pid": bystander.pid, "began_at": began_at}}
            (tmp_path / "processes.json").write_text(json.dumps(record))

            stack.down(stack.Stack(tmp_path, 1, 2))

            assert bystander.poll() is None


class TestStop:
    def test_kills_what_does_not_heed_and_its_children(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(processes, "STOP_SECONDS", 0.5)
        deaf = (
            "import signal, subprocess, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "print('ready', flush=True); time.sleep(60)"
        )
        log = tmp_path / "deaf.log"
        process = processes.spawn(["-c", deaf], log=log, environment=dict(os.environ))
        while not log.read_text():
            time.sleep(0.02)
        family = [process, *process.children()]

        processes.stop({"deaf": process})

        assert len(family) == 2
        assert embedded.still_running(family, seconds=0) == []


class TestLogTail:
    def test_is_the_end_of_the_log(self, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_text("".join(f"{n}\n" for n in range(20)))

        assert embedded.log_tail(log, lines=2) == "    18\n    19"
