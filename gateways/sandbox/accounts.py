"""The merchant's accounts at the two simulated gateways, and how fast simulated time runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

TEST_XENDIT_KEY = "xnd_development_TESTKEY"
TEST_CALLBACK_TOKEN = "TESTCALLBACKTOKEN0123456789abcdef"  # noqa: S105  # invented, for the simulator
TEST_SERVER_KEY = "SB-Mid-server-TESTKEY"
TEST_CLIENT_KEY = "SB-Mid-client-TESTKEY"


class ProductionKey(ValueError):
    """The simulator was given a key that moves real money."""


class UnknownSetting(ValueError):
    """There is no such setting, or its value is of another type."""


@dataclass
class XenditAccount:
    secret_key: str = TEST_XENDIT_KEY
    callback_token: str = TEST_CALLBACK_TOKEN
    webhook_url: str = "http://127.0.0.1:8000/webhooks/xendit"
    user_id: str = "64f0c0ffee00000000000001"
    merchant_name: str = "PayTrust Test Shop"
    expired_webhook: bool = True
    webhook_id: bool = True
    webhook_timeout_seconds: int = 30
    retry_timeouts: bool = False
    rate_limit_per_minute: int = 600  # 0: none
    list_shows_payments: bool = True  # no source says whether rows show what was paid
    settle_after_seconds: int = 86_400
    report_after_seconds: int = 600  # the speed divides it
    refund_after_seconds: int = 300  # the speed divides it, like the retries
    refunds_take_invoice_id: bool = True  # else only payment_request_id, as the docs say
    refunds_name_invoice: bool = True  # in answers and webhooks; else invoice_id is null
    refund_webhook_nested: bool = False  # the docs' form: `data` repeats the envelope


@dataclass
class MidtransAccount:
    server_key: str = TEST_SERVER_KEY
    client_key: str = TEST_CLIENT_KEY
    merchant_id: str = "G123456789"
    merchant_name: str = "PayTrust Test Shop"
    notification_url: str = "http://127.0.0.1:8000/webhooks/midtrans"
    webhook_timeout_seconds: int = 15
    http_status_mode: str = "current"  # "legacy": 401 comes under HTTP 200 too
    rate_limit_per_minute: int = 0  # by endpoint; 0: none, for the gateway publishes no figure
    settle_after_seconds: int = 86_400  # from capture to settlement of a card
    confirm_refund_after_seconds: int = 1_800  # the speed divides it, like the retries
    payable_after_days: int = 0  # until money can be refunded; 3 to 5 at the gateway
    shopeepay_hours: bool = False  # refunds only from 06:00 to 23:50 in Jakarta, as at the gateway
    shopeepay_partial_refunds: bool = False  # the gateway's pages contradict each other


@dataclass
class Accounts:
    xendit: XenditAccount = field(default_factory=XenditAccount)
    midtrans: MidtransAccount = field(default_factory=MidtransAccount)
    speed: float = 60.0  # divides the gateways' retry times

    def __post_init__(self) -> None:
        self.refuse_production_keys()

    def refuse_production_keys(self) -> None:
        if self.xendit.secret_key.startswith("xnd_production_"):
            raise ProductionKey("the sandbox refuses xnd_production_ keys")
        if self.midtrans.server_key.startswith("Mid-server-"):
            raise ProductionKey("the sandbox refuses Mid-server- keys without SB-")

    def change(self, changes: Mapping[str, Any]) -> None:
        """Set the values in `changes`: `speed`, or settings under `xendit` and `midtrans`.

        Raises:
            UnknownSetting: a name or a type is wrong; nothing has been changed.
            ProductionKey: a live key was given; nothing has been changed.
        """
        updates: list[tuple[object, str, object]] = []
        for name, value in changes.items():
            if name == "speed":
                updates.append((self, name, _positive(value)))
            elif name in {"xendit", "midtrans"} and isinstance(value, dict):
                account = getattr(self, name)
                updates += [
                    (account, key, _checked(account, key, new)) for key, new in value.items()
                ]
            else:
                raise UnknownSetting(f"unknown setting {name!r}")
        for owner, name, value in updates:
            setattr(owner, name, value)

    def shown(self) -> dict[str, Any]:
        """Return every setting except the secrets."""
        return {"speed": self.speed, "xendit": _open(self.xendit), "midtrans": _open(self.midtrans)}


SECRETS = {"secret_key", "callback_token", "server_key", "client_key"}


def _open(account: XenditAccount | MidtransAccount) -> dict[str, Any]:
    return {
        setting.name: getattr(account, setting.name)
        for setting in fields(account)
        if setting.name not in SECRETS
    }


def _positive(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value <= 0:
        raise UnknownSetting("speed must be a number above 0")
    return float(value)


def _checked(account: XenditAccount | MidtransAccount, name: str, value: object) -> object:
    if name not in {setting.name for setting in fields(account)}:
        raise UnknownSetting(f"unknown setting {name!r}")
    if type(value) is not type(getattr(account, name)):
        raise UnknownSetting(f"{name} must be {type(getattr(account, name)).__name__}")
    if isinstance(value, str) and value.startswith(("xnd_production_", "Mid-server-")):
        raise ProductionKey("the sandbox refuses production keys")
    return value


def from_settings(
    *, xendit: Mapping[str, str], midtrans: Mapping[str, str], webhook_base_url: str
) -> Accounts:
    """Take keys from the project's settings, and invented test keys for those that are missing.

    Raises:
        ProductionKey: a key would move real money.
    """
    base = webhook_base_url.rstrip("/")
    return Accounts(
        xendit=XenditAccount(
            secret_key=xendit.get("secret_key") or TEST_XENDIT_KEY,
            callback_token=xendit.get("callback_token") or TEST_CALLBACK_TOKEN,
            webhook_url=f"{base}/webhooks/xendit",
        ),
        midtrans=MidtransAccount(
            server_key=midtrans.get("server_key") or TEST_SERVER_KEY,
            client_key=midtrans.get("client_key") or TEST_CLIENT_KEY,
            notification_url=f"{base}/webhooks/midtrans",
        ),
    )
