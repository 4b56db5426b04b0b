import os
import subprocess
import sys

import pytest

from paytrust.localstack.embedded import PROJECT
from paytrust.operations import production
from tests.environment import SETTINGS

PRODUCTION = SETTINGS | {
    "ENVIRONMENT": "production",
    "PUBLIC_BASE_URL": "https://pay.example.com",
    "TRUSTED_PROXIES": "1",
    "ALLOWED_HOSTS": "pay.example.com",
    "XENDIT_BASE_URL": "https://api.xendit.co",
    "MIDTRANS_CORE_BASE_URL": "https://api.midtrans.com",
    "MIDTRANS_SNAP_BASE_URL": "https://app.midtrans.com/snap/v1",
    "XENDIT_SECRET_KEY": "xnd_production_x",
    "MIDTRANS_SERVER_KEY": "Mid-server-x",
    "MIDTRANS_CLIENT_KEY": "Mid-client-x",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
    "REDIS_URL": "redis://127.0.0.1:9/0",
}
LONG = "0123456789abcdef0123456789abcdef"


def start(**changed: str) -> str:
    """Read the settings as a process does when it starts; return what it complains about."""
    ended = subprocess.run(
        [sys.executable, "-c", "import paytrust.settings"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **PRODUCTION, **changed},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ended.stderr.strip().splitlines()[-1] if ended.returncode else ""


def test_settings_fit_for_production_start() -> None:
    assert start() == ""
    assert start(ADMIN_API_KEYS=f"alice:{LONG}, alice:{LONG}:2,budi.2:{LONG}3") == ""


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set"),
        ({"ADMIN_API_KEY": "x" * 31}, "ADMIN_API_KEY must be set to at least 32 characters"),
        ({"API_KEY_PEPPER": ""}, "API_KEY_PEPPER must be set"),
        ({"CREDENTIAL_KEYS": ""}, "CREDENTIAL_KEYS must be one or more secrets"),
        ({"CREDENTIAL_KEYS": "x" * 32 + ",short"}, "CREDENTIAL_KEYS must be one or more secrets"),
        *(
            ({"ADMIN_API_KEYS": value}, "ADMIN_API_KEYS must be name:secret pairs")
            for value in (
                *("alice", "alice:short", f":{LONG}", f"alice:{LONG},", f"Alice:{LONG}"),
                *(LONG, f"a b:{LONG}", f"alice:{LONG},budi:short"),
            )
        ),
        *(
            ({"ADMIN_API_KEYS": value}, "ADMIN_API_KEYS must name each secret once")
            for value in (f"alice:{LONG},budi:{LONG}", f"alice:{PRODUCTION['ADMIN_API_KEY']}")
        ),
        ({"DEBUG": "true"}, "DEBUG is on"),
        ({"XENDIT_BASE_URL": "http://127.0.0.1:8001/xendit"}, "XENDIT_BASE_URL is a sandbox"),
        ({"ENVIRONMENT": "prod"}, "ENVIRONMENT must be one of"),
        ({"RATE_LIMIT_BACKEND": "disk"}, "RATE_LIMIT_BACKEND must be one of"),
    ],
)
def test_settings_refuse_to_start(changed: dict[str, str], complaint: str) -> None:
    assert complaint in start(**changed)


class TestObjections:
    def objections(self, **changed: object) -> list[str]:
        fit: dict[str, object] = {
            "debug": False,
            "public_base_url": "https://pay.example.com",
            "gateway_urls": {"XENDIT_BASE_URL": "https://api.xendit.co"},
            "gateway_credentials": {"MIDTRANS_SERVER_KEY": "Mid-server-x"},
            "trusted_proxies": 1,
            "test_credentials": ("xnd_development_", "SB-Mid-"),
        }
        return production.objections(**{**fit, **changed})  # type: ignore[arg-type]  # one of each

    def test_are_none_against_what_is_fit(self) -> None:
        assert self.objections() == []

    @pytest.mark.parametrize(
        "url",
        [
            "https://api.sandbox.midtrans.com",
            "https://localhost/xendit",
            "https://127.0.0.1/xendit",
            "https://10.0.0.8/xendit",
            "http://api.xendit.co",
        ],
    )
    def test_name_a_gateway_that_is_not_the_real_one(self, url: str) -> None:
        (found,) = self.objections(gateway_urls={"X": url})

        assert found.startswith("X is a sandbox or not https://")

    @pytest.mark.parametrize("credential", ["xnd_development_x", "SB-Mid-server-x"])
    def test_name_a_test_credential(self, credential: str) -> None:
        assert self.objections(gateway_credentials={"X": credential}) == ["X is a test credential"]

    def test_name_a_proxy_that_nobody_trusts(self) -> None:
        (found,) = self.objections(trusted_proxies=0)

        assert found.startswith("TRUSTED_PROXIES is 0 behind https")

    def test_name_an_address_in_the_clear(self) -> None:
        (found,) = self.objections(public_base_url="http://pay.example.com")

        assert found.startswith("PUBLIC_BASE_URL is not https://")
