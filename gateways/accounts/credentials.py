"""The gateways' credentials: sealed in the database, opened only for the adapters that use them.

Each of CREDENTIAL_KEYS can open, the first one seals. The sealed text names its account, so that a
token copied into another row cannot be opened.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from gateways import descriptors
from gateways.models import Gateway, GatewayAccount
from paytrust.errors import PayTrustError
from paytrust.operations import sealing

PURPOSE: Final = "gateway credentials"


class CredentialsUnreadable(PayTrustError):
    """No key of CREDENTIAL_KEYS opens a gateway account's credentials."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"


class WrongCredentials(PayTrustError):
    """These are not the credentials that the gateway's adapter needs."""


class NoSuchAccount(PayTrustError):
    """The tenant has no account of its own with the gateway."""


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """An account, its credentials open. Has no `repr` that could end up in a log."""

    id: int | None  # none: the one in the environment, whose credentials the settings hold
    gateway_code: str
    tenant_id: int | None  # none: the platform's
    credentials: Mapping[str, str]
    in_use: bool = True  # new payments are opened with it


def store(
    *, gateway_code: str, tenant_id: int | None, credentials: Mapping[str, str], now: datetime
) -> GatewayAccount:
    """Seal an account's credentials, in place of those that it had.

    Raises:
        WrongCredentials: a name is missing, unknown, or its value is empty.
        Gateway.DoesNotExist: there is no such gateway.
    """
    require_names(gateway_code, credentials)
    gateway = Gateway.objects.get(code=gateway_code)
    token = _seal(gateway_code, tenant_id, credentials)
    account, _ = GatewayAccount.objects.update_or_create(
        gateway=gateway,
        tenant_id=tenant_id,  # type: ignore[misc]  # the stubs do not know that it may be null
        ended_at=None,
        defaults={"sealed_credentials": token, "key_name": newest_key_name(), "updated_at": now},
        create_defaults={
            "sealed_credentials": token,
            "key_name": newest_key_name(),
            "created_at": now,
            "updated_at": now,
        },
    )
    return account


@transaction.atomic
def replace(
    *, gateway_code: str, tenant_id: int | None, credentials: Mapping[str, str], now: datetime
) -> GatewayAccount:
    """Open new payments with another account; what was opened stays with the one before.

    Raises:
        WrongCredentials, Gateway.DoesNotExist: as `store` does.
    """
    require_names(gateway_code, credentials)
    _in_use(gateway_code, tenant_id).update(ended_at=now, updated_at=now)
    return store(gateway_code=gateway_code, tenant_id=tenant_id, credentials=credentials, now=now)


def end(*, gateway_code: str, tenant_id: int, now: datetime) -> None:
    """Open a tenant's new payments with the platform's account again.

    Raises:
        NoSuchAccount: the tenant has no account of its own.
    """
    if not _in_use(gateway_code, tenant_id).update(ended_at=now, updated_at=now):
        raise NoSuchAccount(f"Tenant {tenant_id} has no account of its own with {gateway_code}.")


def opened() -> list[Account]:
    """Return every account, open, oldest first, in one query.

    Raises:
        CredentialsUnreadable: none of the keys opens one of them.
    """
    return [_open(row) for row in GatewayAccount.objects.select_related("gateway").order_by("pk")]


def sealed_under_older_keys() -> int:
    """Return how many accounts are not sealed under the newest key yet."""
    return GatewayAccount.objects.exclude(key_name=newest_key_name()).count()


def seal_anew(*, now: datetime) -> Iterator[GatewayAccount]:
    """Seal each account under the newest key, one transaction each; safe to stop and repeat.

    Raises:
        CredentialsUnreadable: the key that sealed an account is not among CREDENTIAL_KEYS.
    """
    stale = GatewayAccount.objects.exclude(key_name=newest_key_name())
    for pk in list(stale.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            row = GatewayAccount.objects.select_for_update(of=("self",)).get(pk=pk)
            account = _open(row)
            row.sealed_credentials = _seal(
                account.gateway_code, account.tenant_id, account.credentials
            )
            row.key_name, row.updated_at = newest_key_name(), now
            row.save(update_fields=["sealed_credentials", "key_name", "updated_at"])
        yield row


def newest_key_name() -> str:
    """Return a name for the newest key, which shows nothing of the key itself."""
    return sealing.newest_key_name(purpose=PURPOSE)


def require_names(gateway_code: str, credentials: Mapping[str, str]) -> None:
    """Refuse credentials that the gateway's adapter cannot use.

    Raises:
        WrongCredentials: a name is missing, unknown, or its value is empty.
    """
    names = descriptors.of(gateway_code).credential_names
    if credentials.keys() != names or not all(credentials.values()):
        raise WrongCredentials(f"{gateway_code} needs {', '.join(sorted(names))}.")


def _in_use(gateway_code: str, tenant_id: int | None) -> QuerySet[GatewayAccount]:
    return GatewayAccount.objects.filter(
        Q(tenant_id=tenant_id), gateway__code=gateway_code, ended_at=None
    )


def _seal(gateway_code: str, tenant_id: int | None, credentials: Mapping[str, str]) -> str:
    said = {"gateway": gateway_code, "tenant": tenant_id, "credentials": dict(credentials)}
    return sealing.seal(json.dumps(said).encode(), purpose=PURPOSE)


def _open(row: GatewayAccount) -> Account:
    try:
        said = json.loads(sealing.opened(row.sealed_credentials, purpose=PURPOSE))
    except sealing.Unreadable as error:
        raise CredentialsUnreadable(f"Gateway account {row.pk} cannot be opened.") from error
    if (said["gateway"], said["tenant"]) != (row.gateway.code, row.tenant_id):
        raise CredentialsUnreadable(f"Gateway account {row.pk} holds another account's token.")
    return Account(
        id=row.pk,
        gateway_code=said["gateway"],
        tenant_id=said["tenant"],
        credentials=said["credentials"],
        in_use=row.ended_at is None,
    )
