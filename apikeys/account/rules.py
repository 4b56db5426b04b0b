"""What a merchant's key may do with its tenant's keys (ADR 0037)."""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from apikeys.keys import restrictions, selectors
from apikeys.keys.restrictions import InsufficientScope, Restrictions
from apikeys.models import ApiKey
from paytrust.errors import PayTrustError

MOST_KEYS: Final = 100  # active ones of a tenant; those that operators make are not limited


class ApiKeyInUse(PayTrustError):
    """This call uses this key. Revoke it with another one of yours."""

    status = HTTPStatus.CONFLICT
    code = "api_key_in_use"


class OldSecret(PayTrustError):
    """This key was rotated. Its old secret still serves your calls, but it changes no keys."""

    status = HTTPStatus.FORBIDDEN
    code = "old_api_key"


class TooManyApiKeys(PayTrustError):
    """You have 100 active keys. Revoke those that you do not use."""

    status = HTTPStatus.CONFLICT
    code = "too_many_api_keys"


def require_current(caller: ApiKey) -> None:
    """Refuse a secret that was replaced: who found it must not lock its owner out.

    Raises:
        OldSecret: the caller's secret is in its grace.
    """
    if caller.successor_id is not None:
        raise OldSecret


def require_full(caller: ApiKey) -> None:
    """Refuse a key that may not do everything: it could give itself what it lacks.

    Raises:
        OldSecret: the caller's secret is in its grace.
        InsufficientScope: it lacks a scope.
    """
    require_current(caller)
    restrictions.require(caller, *restrictions.ALL_SCOPES)


def within(caller: ApiKey, wanted: Restrictions) -> Restrictions:
    """Return what is asked for, with the caller's own end and addresses where none are named."""
    return replace(
        wanted,
        expires_at=wanted.expires_at or caller.expires_at,
        allowed_addresses=wanted.allowed_addresses or caller.allowed_addresses,
    )


def require_covered(caller: ApiKey, other: ApiKey | Restrictions) -> None:
    """Refuse to hand out or to change a key that may do more than the one that asks for it.

    Raises:
        InsufficientScope: the other one lives longer, or may be used from more places.
    """
    if not restrictions.covers(caller, other):
        raise InsufficientScope(
            "This key is restricted to addresses or to a time. The other one must be, too, at"
            " least as far."
        )


def require_another(caller: ApiKey, key_id: int) -> None:
    """Refuse to end the key that asks for it.

    Raises:
        ApiKeyInUse: it is the caller's own.
    """
    if caller.key_id == key_id:
        raise ApiKeyInUse


def require_only_description(caller: ApiKey, key_id: int, names: Iterable[str]) -> None:
    """Refuse to restrict the key that asks for it: a mistake would lock the shop out.

    Raises:
        ApiKeyInUse: it is the caller's own, and more than its description would change.
    """
    if caller.key_id == key_id and set(names) - {"description"}:
        raise ApiKeyInUse("This call uses this key. Restrict it with another one of yours.")


def require_room(caller: ApiKey) -> None:
    """Refuse another key where there are too many.

    Raises:
        TooManyApiKeys: the tenant has as many as it may make.
    """
    active = selectors.keys_of(tenant=caller.tenant).filter(status=ApiKey.Status.ACTIVE)
    if active.count() >= MOST_KEYS:
        raise TooManyApiKeys
