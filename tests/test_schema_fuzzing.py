"""The whole API against its own OpenAPI document: no 5xx, and no answer that it does not name."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings

from tests.conftest import Merchant

SEED = "20261123"
# A schema cannot say that instalments sum to the total, or which gateway takes which currency: a
# body that fits it may still be a 400 or a 422. The check of ignored authentication sends a key of
# another form, which is a 400 here; TestAuthentication sends one of the right form.
CONFIGURATION = """
[auth.openapi.ApiKey]
api_key = "{api_key}"
[auth.openapi.AdminKey]
api_key = "{admin_key}"
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 400, 404, 409, 422]
[checks.ignored_auth]
enabled = false
"""


DOCUMENTS = ("openapi.json", "openapi-admin.json")
# By one of these it would find its own key, rotate or revoke it, and lose access. The run that
# follows links knows which keys it has made.
SPARED = ("--exclude-path-regex", r"^/(account/)?api-keys/\{")


Fuzz = Callable[..., None]


@pytest.fixture
def fuzz(merchant: Merchant, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Fuzz:
    """Let schemathesis do its worst; fail with its report, and with what we logged of it."""

    def run(document: str, *arguments: str) -> None:
        ended = schemathesis(merchant, tmp_path, document, *arguments)
        ours = [str(one.msg) for one in caplog.records if one.levelno >= logging.ERROR]
        assert ended.returncode == 0, "\n".join([ended.stdout, ended.stderr, *ours])

    return run


def schemathesis(
    merchant: Merchant, folder: Path, document: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    configuration = folder / "schemathesis.toml"
    configuration.write_text(
        CONFIGURATION.format(api_key=merchant.key, admin_key=settings.ADMIN_API_KEY)
    )
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", f"{merchant.url}/{document}", "--seed", SEED, "--no-color"),
            *("--warnings", "off", "--generation-deterministic", *arguments),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.unmeasured
class TestTheApi:
    @pytest.mark.parametrize("document", DOCUMENTS)
    def test_keeps_to_its_document(self, fuzz: Fuzz, document: str) -> None:
        limits = ("--phases", "coverage,fuzzing", "--max-examples", "3")
        fuzz(document, *limits, *SPARED)

    def test_goes_on_from_answer_to_answer(self, fuzz: Fuzz) -> None:
        """Follow the document's links: what was made is shown, changed and ended."""
        fuzz(DOCUMENTS[0], "--phases", "stateful", "--max-examples", "4")

    @pytest.mark.slow
    def test_keeps_to_its_document_for_minutes(self, fuzz: Fuzz) -> None:
        for document in DOCUMENTS:
            limits = ("--max-examples", "1000", "--max-time", "120")
            fuzz(document, *limits, *SPARED)


class TestAuthentication:
    def test_is_asked_for_by_every_operation_that_says_so(self, merchant: Merchant) -> None:
        headers = {"ApiKey": "X-API-Key", "AdminKey": "X-Admin-Key"}
        asked = 0
        for path, method, operation in _operations(merchant):
            [(way, _)] = operation["security"][0].items()
            url = f"{merchant.url}{'/'.join('1' if '{' in s else s for s in path.split('/'))}"
            for key in ({}, {headers[way]: "0" * 64}):
                answer = requests.request(method, url, headers=key, json={}, timeout=10)
                assert answer.status_code == 401, f"{method} {path} with {key}"
                assert answer.headers["WWW-Authenticate"] == headers[way]
            asked += 1
        assert asked > 40


def _operations(merchant: Merchant) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for document in DOCUMENTS:
        answer = requests.get(f"{merchant.url}/{document}", timeout=20)
        for path, operations in answer.json()["paths"].items():
            for method, operation in operations.items():
                yield path, method, operation
