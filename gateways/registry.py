"""Which adapter speaks for which gateway: one per process and account, its calls watched."""

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import structlog
from django.conf import settings
from django.db import Error

from gateways import credentials, health
from gateways.adapter import GatewayAdapter
from gateways.credentials import Account
from gateways.midtrans import MidtransAdapter
from gateways.watching import WatchedAdapter
from gateways.xendit import XenditAdapter

log = structlog.get_logger(__name__)

# What an account does not know of itself, its addresses above all, comes from the settings.
_ADAPTERS: dict[str, Callable[[Mapping[str, str]], GatewayAdapter]] = {
    "xendit": lambda own: XenditAdapter(**{**settings.XENDIT, **own}),
    "midtrans": lambda own: MidtransAdapter(**{**settings.MIDTRANS, **own}),
}
CODES = tuple(_ADAPTERS)
SEEN_SECONDS: Final = 30.0  # after which a process sees that credentials have changed


class _Accounts:
    """What this process last read of the accounts."""

    opened: dict[tuple[str, int | None], Account] | None = None
    read_at = 0.0  # time.monotonic()


def adapter_for(code: str, *, tenant_id: int | None = None) -> GatewayAdapter:
    """Return the adapter of a gateway, with its own session.

    It speaks for the tenant's own account if there is one, else for the platform's; for the
    credentials in the environment while that has none in the database.

    Raises:
        KeyError: no adapter speaks for `code`.
        CredentialsUnreadable: CREDENTIAL_KEYS lacks the key that sealed an account.
    """
    accounts = _accounts()
    account = accounts.get((code, tenant_id)) or accounts.get((code, None))
    return _adapter(code, tuple(sorted(account.credentials.items())) if account else ())


def forget_adapters() -> None:
    """Make the next call read the settings again, and know nothing of how earlier ones went."""
    _adapter.cache_clear()
    _Accounts.opened = None
    for code in CODES:
        health.forget(code)


@lru_cache(maxsize=256)
def _adapter(code: str, own: tuple[tuple[str, str], ...]) -> GatewayAdapter:
    return WatchedAdapter(_ADAPTERS[code](dict(own)))


def _accounts() -> dict[tuple[str, int | None], Account]:
    known = _Accounts.opened
    if known is not None and time.monotonic() - _Accounts.read_at < SEEN_SECONDS:
        return known
    try:
        known = {
            (account.gateway_code, account.tenant_id): account for account in credentials.opened()
        }
    except Error:
        if known is None:
            raise
        log.warning("gateway accounts not read anew")  # the last ones known still do
    _Accounts.opened, _Accounts.read_at = known, time.monotonic()
    return known
