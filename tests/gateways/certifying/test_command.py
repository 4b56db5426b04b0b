"""`certify_gateway` against the sandbox, which is built from the same facts."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from gateways.certifying.findings import Finding, Findings, Verdict, table_of
from gateways.certifying.recording import HIDDEN
from tests.conftest import Sandbox


class Customer(io.StringIO):
    """Reads what the command says, and pays by the page that it names."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self._sandbox = sandbox

    def write(self, text: str, /) -> int:
        if text.startswith("Pay as a test customer"):
            self._sandbox.pay(text.strip().rsplit(" ", 1)[1], method="GOPAY")
        return super().write(text)


@pytest.fixture(autouse=True)
def _limited(committed: None, sandbox: Sandbox) -> Iterator[None]:
    """Xendit with its limit, for its headers tell of it."""

    def limit(per_minute: int) -> None:
        body = {"gateway": "xendit", "per_minute": per_minute}
        requests.post(f"{sandbox.url}/control/limits", json=body, timeout=5).raise_for_status()

    limit(600)
    yield
    limit(0)


def run(gateway: str, to: Path, out: io.StringIO, **options: Any) -> str:
    try:
        call_command("certify_gateway", gateway, to=to, stdout=out, **options)
    finally:
        print(out.getvalue())  # noqa: T201  # what a failing test is looked into by
    return out.getvalue()


def verdicts(text: str) -> dict[str, int]:
    return {one.value: text.count(f"  {one.value}  ") for one in Verdict}


@pytest.mark.parametrize(("gateway", "facts"), [("xendit", 20), ("midtrans", 18)])
class TestAgainstTheSandbox:
    def test_confirms_all_that_it_can_try(
        self, sandbox: Sandbox, tmp_path: Path, gateway: str, facts: int
    ) -> None:
        said = run(gateway, tmp_path / "new", Customer(sandbox), wait=20)

        assert verdicts(said)["differs"] == 0
        assert verdicts(said)["confirmed"] >= facts
        assert verdicts(said)["not tried"] == 1  # a payment by the gateway's own simulation
        assert " refund" in said

    def test_writes_fixtures_without_keys(
        self, sandbox: Sandbox, tmp_path: Path, gateway: str, facts: int
    ) -> None:
        run(gateway, tmp_path, io.StringIO())

        files = sorted(tmp_path.iterdir())
        texts = [file.read_text() for file in files]
        shown = [json.loads(text) for text in texts]
        assert len(files) >= 12
        assert all(one["kind"] == "exchange" and one["note"] for one in shown)
        assert {"status", "headers", "json"} <= shown[0]["response"].keys()
        assert all(HIDDEN in text for text in texts)
        connection = settings.GATEWAY_CONNECTIONS[gateway]
        secrets = [value for name, value in connection.items() if name.endswith(("key", "token"))]
        assert secrets
        assert not [text for text in texts for secret in secrets if secret in text]

    def test_without_a_customer_says_what_was_not_tried(
        self, sandbox: Sandbox, tmp_path: Path, gateway: str, facts: int
    ) -> None:
        said = run(gateway, tmp_path, io.StringIO())

        assert "nobody paid" in said
        assert verdicts(said)["differs"] == 0
        left = [one for one in sandbox.charges() if one["status"].lower() == "pending"]
        assert left == []


class TestRefuses:
    @pytest.mark.parametrize(
        ("gateway", "name"), [("xendit", "secret_key"), ("midtrans", "server_key")]
    )
    def test_a_live_key(
        self,
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        gateway: str,
        name: str,
    ) -> None:
        monkeypatch.setitem(settings.GATEWAY_CONNECTIONS[gateway], name, "xnd_production_1")

        with pytest.raises(CommandError, match="is no test key"):
            run(gateway, tmp_path / "new", io.StringIO())

        assert sandbox.charges() == []
        assert not (tmp_path / "new").exists()

    def test_an_address_that_nobody_knows(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="there are only base_url"):
            run("xendit", tmp_path, io.StringIO(), address=[("url", "http://127.0.0.1:9")])

    def test_a_gateway_that_does_not_answer(self, tmp_path: Path) -> None:
        away = [("base_url", "http://127.0.0.1:9")]
        with pytest.raises(CommandError, match="Xendit did not answer"):
            run("xendit", tmp_path, io.StringIO(), address=away)


class TestDiffers:
    def test_what_a_gateway_does_otherwise_is_shown_and_fails(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.fault("xendit", "missing_field")
        out = io.StringIO()

        with pytest.raises(CommandError, match="1 facts differ"):
            run("xendit", tmp_path, out)

        assert "differs    ['invoice_url']" in out.getvalue()


def test_a_table_cuts_what_is_long() -> None:
    found = Findings()
    assert found.check("A2", "a fact", [], seen="x" * 100) is False
    found.not_tried("C9", "another", "why")

    lines = table_of(found.rows).splitlines()

    assert lines[1].startswith("a fact   A2     differs")
    assert lines[1].endswith("xxx...")
    assert lines[2].split() == ["another", "C9", "not", "tried", "why"]
    assert found.rows[1] == Finding("C9", "another", Verdict.NOT_TRIED, "why")
