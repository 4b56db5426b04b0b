"""The adapter of each account at a gateway; its calls are watched.

There is one per process and account. A payment keeps the id of the account that opened it, so that
a later change of accounts does not affect it; no id means the platform's account in the
environment.
"""

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import structlog
from django.conf import settings
from django.db import Error

from gateways import descriptors
from gateways.accounts import credentials
from gateways.accounts.credentials import Account
from gateways.adapter import GatewayAdapter, NotificationNotAuthentic
from gateways.budgets import breaker
from gateways.budgets.breaker import Health
from gateways.budgets.pacing import Caller, Priority
from gateways.budgets.watching import WatchedAdapter

log = structlog.get_logger(__name__)

SEEN_SECONDS: Final = 30.0  # after which a process sees that accounts have changed
MISSED_SECONDS: Final = 1.0  # the same, when no account that it knows fits


class _Accounts:
    """What this process last read of the accounts."""

    opened: list[Account] | None = None
    read_at = 0.0  # time.monotonic()


def adapter_for(
    code: str,
    *,
    account_id: int | None = None,
    priority: Priority = Priority.MERCHANT,
    tenant_id: int | None = None,
) -> WatchedAdapter:
    """Return the adapter that speaks for an account at a gateway, with its own session.

    Args:
        code: the gateway's.
        account_id: the account's; none: the platform's.
        priority: why it is called: who waits for an answer comes first (spec 12.2).
        tenant_id: for whom; tenants that share the account share its budget.

    Raises:
        KeyError: no adapter speaks for `code`.
        CredentialsUnreadable: CREDENTIAL_KEYS lacks the key that sealed an account.
    """
    own = tuple(sorted(_account(code, account_id).credentials.items()))
    caller = caller_for(code, account_id=account_id, priority=priority, tenant_id=tenant_id)
    return WatchedAdapter(_adapter(code, own), caller)


def caller_for(
    code: str,
    *,
    account_id: int | None,
    priority: Priority,
    tenant_id: int | None = None,
) -> Caller:
    """Return from whose budget calls by an account are made; the arguments are `adapter_for`'s."""
    account = _account(code, account_id)
    return Caller(
        gateway=code,
        account=_name_of(account),
        calls_per_minute=_calls_per_minute(code, tuple(sorted(account.credentials.items()))),
        priority=priority,
        tenant_id=tenant_id if account.tenant_id is None else None,
    )


def health_of(code: str, *, tenant_id: int | None) -> Health:
    """Return how a gateway is for the account with which a tenant's payments are opened."""
    account_id = None if tenant_id is None else account_for(code, tenant_id=tenant_id)
    return breaker.health_of(code, account=_name_of(_account(code, account_id)))


def accounts_in_use() -> list[tuple[str, str]]:
    """Return gateway and name of each account with which payments are opened, for metrics."""
    found = []
    for code in descriptors.codes():
        named = {_name_of(_account(code, None))}
        named |= {_name_of(account) for account in _accounts(code) if account.in_use}
        found += [(code, name) for name in sorted(named)]
    return found


def account_for(code: str, *, tenant_id: int) -> int | None:
    """Return the id of the account with which a tenant's payments are opened now.

    That is the tenant's own if there is one, else the platform's; None while that one is in the
    environment.

    Raises:
        CredentialsUnreadable: CREDENTIAL_KEYS lacks the key that sealed an account.
    """
    in_use = {
        account.tenant_id: account.id
        for account in _accounts(code)
        if account.in_use and account.tenant_id in {tenant_id, None}
    }
    return in_use.get(tenant_id, in_use.get(None))


def signing_accounts(code: str, *, headers: Mapping[str, str], body: bytes) -> list[Account]:
    """Return the accounts that can prove a notification authentic; each one is tried.

    Raises:
        NotificationNotAuthentic: there is none.
        CredentialsUnreadable: CREDENTIAL_KEYS lacks the key that sealed an account.
    """
    for seen_seconds in (SEEN_SECONDS, MISSED_SECONDS):  # another process may know a new account
        accounts = _accounts(code, seen_seconds)
        if all(account.tenant_id is not None for account in accounts):
            accounts = [_environments(code), *accounts]
        found = [account for account in accounts if _authenticates(account, headers, body)]
        if found:
            return found
    raise NotificationNotAuthentic("No account's secret fits the token or signature.")


def is_same_account(code: str, one: int | None, other: int | None) -> bool:
    """Return whether two ids name one account; no id may name one that has an id now."""
    return one == other or _account(code, one).id == _account(code, other).id


def reset_adapters() -> None:
    """Make the next call read the settings again, and delete the state of earlier calls."""
    _adapter.cache_clear()
    known, _Accounts.opened = _Accounts.opened, None
    for code in descriptors.codes():
        breaker.reset(code)
    for account in known or ():
        breaker.reset(account.gateway_code, account=_name_of(account))


@lru_cache(maxsize=256)
def _adapter(code: str, own: tuple[tuple[str, str], ...]) -> GatewayAdapter:
    return descriptors.of(code).build(_connection(code, own))


def _name_of(account: Account) -> str:
    return breaker.PLATFORM if account.id is None else str(account.id)


def _calls_per_minute(code: str, own: Iterable[tuple[str, str]]) -> int:
    ours = settings.GATEWAY_CALLS_PER_MINUTE.get(code)
    return descriptors.of(code).calls_per_minute(_connection(code, own)) if ours is None else ours


def _connection(code: str, own: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return how to reach an account: its own values, and the settings' for the rest."""
    default = descriptors.of(code).connection(lambda _variable, default: default)
    return default | settings.GATEWAY_CONNECTIONS.get(code, {}) | dict(own)


def _authenticates(account: Account, headers: Mapping[str, str], body: bytes) -> bool:
    adapter = adapter_for(account.gateway_code, account_id=account.id)
    try:
        adapter.authenticate(headers=headers, body=body)
    except NotificationNotAuthentic:
        return False
    return True


def _account(code: str, account_id: int | None) -> Account:
    """Return an account; the first that the platform sealed is the one of the environment."""
    if account_id is None:
        own = (account for account in _accounts(code) if account.tenant_id is None)
        return next(own, _environments(code))
    for seen_seconds in (SEEN_SECONDS, MISSED_SECONDS, 0.0):
        for account in _accounts(code, seen_seconds):
            if account.id == account_id:
                return account
    raise LookupError(f"{code} has no account {account_id}")


def _environments(code: str) -> Account:
    return Account(id=None, gateway_code=code, tenant_id=None, credentials={})


def _accounts(code: str, seen_seconds: float = SEEN_SECONDS) -> list[Account]:
    """Return a gateway's accounts, oldest first, as they were so many seconds ago at most."""
    known = _Accounts.opened
    if known is None or time.monotonic() - _Accounts.read_at >= seen_seconds:
        known = _read(known)
    return [account for account in known if account.gateway_code == code]


def _read(known: list[Account] | None) -> list[Account]:
    try:
        known = credentials.opened()
    except Error:
        if known is None:
            raise
        log.warning("gateway accounts not read anew")  # the last ones known still do
    _Accounts.opened, _Accounts.read_at = known, time.monotonic()
    return known
