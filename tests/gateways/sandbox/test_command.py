"""`manage.py sandbox`: how it starts, refuses to start, and ends."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.management import CommandError, call_command

from paytrust.localstack.ports import free_port
from tests.gateways.sandbox.conftest import (
    ROOT,
    SERVER_KEY,
    XENDIT_KEY,
    running,
    wait_until_alive,
)

COMMAND = (sys.executable, str(ROOT / "manage.py"), "sandbox")


def fails(*arguments: str) -> str:
    """Return what it says when it does not start."""
    ended = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1
    return ended.stderr.strip()


class TestRefusals:
    def test_taken_port(self, sandbox_process: str) -> None:
        port = sandbox_process.rsplit(":", 1)[1]

        said = fails("--port", port)

        assert said == (
            "CommandError: The sandbox did not start: "
            f"cannot listen on 127.0.0.1:{port}: Address already in use."
        )

    @pytest.mark.parametrize(
        ("account", "field", "key"),
        [
            (settings.GATEWAY_CONNECTIONS["xendit"], "secret_key", "xnd_production_abc"),
            (settings.GATEWAY_CONNECTIONS["midtrans"], "server_key", "Mid-server-abc"),
        ],
        ids=["xendit", "midtrans"],
    )
    def test_production_keys(
        self, monkeypatch: pytest.MonkeyPatch, account: dict[str, Any], field: str, key: str
    ) -> None:
        monkeypatch.setitem(account, field, key)

        with pytest.raises(CommandError, match="refuses") as refused:
            call_command("sandbox", "--port", str(free_port()))

        assert key not in str(refused.value)

    def test_production(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "ENVIRONMENT", "production")

        with pytest.raises(CommandError, match="ENVIRONMENT says production"):
            call_command("sandbox", "--port", str(free_port()))

    def test_speed_of_zero(self) -> None:
        with pytest.raises(CommandError, match="speed must be a number above 0"):
            call_command("sandbox", "--port", "0", "--speed", "0")


@pytest.fixture(scope="module")
def anothers() -> Iterator[str]:
    """A sandbox with other keys, and without a database."""
    with running(
        DATABASE_URL="postgres://nobody:none@127.0.0.1:9/none",
        XENDIT_SECRET_KEY="xnd_development_other",
        MIDTRANS_SERVER_KEY="SB-Mid-o",
    ) as url:
        yield url


class TestLife:
    def test_sigterm_ends_it_without_waiting_for_calls_that_hang(self) -> None:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        process = subprocess.Popen(
            [*COMMAND, "--port", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        with process:
            wait_until_alive(url, process)
            rule = {"gateway": "xendit", "fault": "timeout"}
            requests.post(f"{url}/control/faults", json=rule, timeout=5)
            hanging = threading.Thread(target=_hang, args=(url,))
            hanging.start()
            time.sleep(0.3)
            process.terminate()
            process.wait(timeout=30)  # the call would hang for 60 s
            hanging.join(30)
            assert process.stdout is not None
            assert process.stdout.read().startswith(f"Sandbox on {url} (console: {url}/control/)")

        assert not hanging.is_alive()

    @pytest.mark.parametrize(
        ("path", "key", "status"),
        [
            ("/xendit/v2/invoices", "xnd_development_other", 200),
            ("/xendit/v2/invoices", XENDIT_KEY, 401),
            ("/midtrans/v2/x/status", "SB-Mid-o", 200),
            ("/midtrans/v2/x/status", SERVER_KEY, 401),
        ],
    )
    def test_takes_its_keys_from_the_settings(
        self, anothers: str, path: str, key: str, status: int
    ) -> None:
        answer = requests.get(f"{anothers}{path}", auth=(key, ""), timeout=5)

        assert answer.status_code == status

    def test_default_rate_limit_is_600(self, anothers: str) -> None:
        auth = ("xnd_development_other", "")
        answer = requests.get(f"{anothers}/xendit/v2/invoices", auth=auth, timeout=5)

        assert answer.headers["Rate-Limit-Limit"] == "600"


def _hang(url: str) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/xendit/v2/invoices", auth=(XENDIT_KEY, ""), timeout=30)
