"""`manage.py sandbox`: how it starts, refuses to start, and ends."""

import os
import subprocess
import sys
import threading
import time

import pytest
import requests
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.gateways.sandbox.conftest import (
    ROOT,
    SERVER_KEY,
    XENDIT_KEY,
    free_port,
    running,
    wait_until_alive,
)

COMMAND = (sys.executable, str(ROOT / "manage.py"), "sandbox")


def fails(*arguments: str, **environment: str) -> str:
    """Return what it says when it does not start."""
    ended = subprocess.run(
        [*COMMAND, *arguments],
        env={**os.environ, **environment},
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
        ("variable", "key"),
        [("XENDIT_SECRET_KEY", "xnd_production_abc"), ("MIDTRANS_SERVER_KEY", "Mid-server-abc")],
    )
    def test_production_keys(self, variable: str, key: str) -> None:
        said = fails("--port", str(free_port()), **{variable: key})

        assert "refuses" in said
        assert key not in said

    def test_production(self, settings: Settings) -> None:
        settings.ENVIRONMENT = "production"

        with pytest.raises(CommandError, match="ENVIRONMENT says production"):
            call_command("sandbox", "--port", str(free_port()))

    def test_speed_of_zero(self) -> None:
        assert "speed must be a number above 0" in fails("--port", "0", "--speed", "0")


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

    def test_needs_no_database(self) -> None:
        with running(DATABASE_URL="postgres://nobody:none@127.0.0.1:9/none") as url:
            answer = requests.get(f"{url}/xendit/v2/invoices", auth=(XENDIT_KEY, ""), timeout=5)

        assert answer.json() == []

    def test_takes_its_keys_from_the_settings(self) -> None:
        keys = {"XENDIT_SECRET_KEY": "xnd_development_other", "MIDTRANS_SERVER_KEY": "SB-Mid-o"}
        with running(**keys) as url:
            statuses = [
                requests.get(f"{url}{path}", auth=(key, ""), timeout=5).status_code
                for path, key in (
                    ("/xendit/v2/invoices", "xnd_development_other"),
                    ("/xendit/v2/invoices", XENDIT_KEY),
                    ("/midtrans/v2/x/status", "SB-Mid-o"),
                    ("/midtrans/v2/x/status", SERVER_KEY),
                )
            ]

        assert statuses == [200, 401, 200, 401]

    def test_default_rate_limit_is_600(self) -> None:
        with running() as url:
            answer = requests.get(f"{url}/xendit/v2/invoices", auth=(XENDIT_KEY, ""), timeout=5)

        assert answer.headers["Rate-Limit-Limit"] == "600"


def _hang(url: str) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/xendit/v2/invoices", auth=(XENDIT_KEY, ""), timeout=30)
