"""The whole API against its own OpenAPI document: no 5xx, and no answer that it does not name."""

import subprocess
import sys
from pathlib import Path

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
expected-statuses = ["2xx", 400, 404, 406, 409, 422]
[checks.ignored_auth]
enabled = false
"""


def fuzz(merchant: Merchant, folder: Path, *arguments: str) -> None:
    """Let schemathesis do its worst, with all its checks; fail with its report."""
    configuration = folder / "schemathesis.toml"
    configuration.write_text(
        CONFIGURATION.format(api_key=merchant.key, admin_key=settings.ADMIN_API_KEY)
    )
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", f"{merchant.url}/openapi.json", "--seed", SEED, "--no-color"),
            *("--warnings", "off", "--generation-deterministic", *arguments),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


class TestTheApi:
    def test_keeps_to_its_document(self, merchant: Merchant, tmp_path: Path) -> None:
        fuzz(merchant, tmp_path, "--phases", "coverage,fuzzing", "--max-examples", "3")

    @pytest.mark.slow
    def test_keeps_to_its_document_for_minutes(self, merchant: Merchant, tmp_path: Path) -> None:
        # In a long run it would find its own key, rotate or revoke it, and lose access.
        spared = ("--exclude-path-regex", r"^/api-keys/\{")
        fuzz(merchant, tmp_path, "--max-examples", "1000", "--max-time", "180", *spared)


class TestAuthentication:
    def test_is_asked_for_by_every_operation_that_says_so(self, merchant: Merchant) -> None:
        document = requests.get(f"{merchant.url}/openapi.json", timeout=20).json()
        headers = {"ApiKey": "X-API-Key", "AdminKey": "X-Admin-Key"}
        asked = 0
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                [(way, _)] = operation["security"][0].items()
                url = f"{merchant.url}{'/'.join('1' if '{' in s else s for s in path.split('/'))}"
                for key in ({}, {headers[way]: "0" * 64}):
                    answer = requests.request(method, url, headers=key, json={}, timeout=10)
                    assert answer.status_code == 401, f"{method} {path} with {key}"
                    assert answer.headers["WWW-Authenticate"] == headers[way]
                asked += 1
        assert asked == sum(map(len, document["paths"].values())) > 20
