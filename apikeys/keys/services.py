"""Making, rotating and revoking keys, and finding the key that a request sent."""

import copy
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apikeys.audit import recording
from apikeys.audit.recording import Caller
from apikeys.keys import forms, hashing, selectors
from apikeys.keys.forms import KeyFormat
from apikeys.keys.known import known_keys
from apikeys.keys.restrictions import Restrictions
from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from apikeys.tenants.wall import Door
from paytrust.errors import PayTrustError

log = structlog.get_logger(__name__)

Operation = ApiKeyAuditEntry.Operation

NO_GRACE = timedelta(0)
UNRESTRICTED = Restrictions()


class MissingApiKey(PayTrustError):
    """This call needs an API key. Send it in the X-API-Key header."""

    status = HTTPStatus.UNAUTHORIZED
    code = "missing_api_key"


class MalformedApiKey(PayTrustError):
    """The X-API-Key header holds no API key: 64 hexadecimal characters, or a ptk_live_ key."""

    code = "malformed_api_key"


class InvalidApiKey(PayTrustError):
    """This API key is not valid: it is unknown, has expired, or was rotated or revoked."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_api_key"

    def __init__(self, *, known: ApiKey | None = None, reason: str = "") -> None:
        super().__init__()
        self.known, self.reason = known, reason  # for the audit log; the caller does not see it


class ApiKeyChanged(InvalidApiKey):
    """This API key was changed, rotated or revoked a moment ago. Send the request again."""


class ApiKeyNotActive(PayTrustError):
    """This key was rotated or revoked already. Only an active key can be rotated."""

    status = HTTPStatus.CONFLICT
    code = "api_key_not_active"
    for_staff = _("This key was rotated or revoked already.")


class UnknownTenant(PayTrustError):
    """There is no tenant with this id. Leave tenant_id out to make a new tenant."""

    code = "unknown_tenant"


def create_tenant(*, name: str, now: datetime) -> Tenant:
    """Make a tenant, or return the one that has this name already."""
    return Tenant.objects.get_or_create(name=name, defaults={"created_at": now})[0]


@transaction.atomic
def create_key(
    *, tenant: Tenant, description: str, actor: str, ip_address: str | None, now: datetime
) -> tuple[ApiKey, str]:
    """Make an API key for a tenant; the second of the pair is the key itself, shown only here."""
    caller = Caller(actor=actor, ip_address=ip_address)
    return _create(tenant=tenant, description=description, caller=caller, now=now)


@transaction.atomic
def issue_key(
    *,
    tenant_id: int | None,
    tenant_name: str | None,
    description: str,
    caller: Caller,
    now: datetime,
    restrictions: Restrictions = UNRESTRICTED,
    key_format: KeyFormat = KeyFormat.HEX,
) -> tuple[ApiKey, str]:
    """Make a key for the tenant with this id, or of this name, or for a new tenant if neither.

    Raises:
        UnknownTenant: no tenant has this id.
    """
    if tenant_id is None:
        tenant = create_tenant(name=tenant_name or f"Tenant {secrets.token_hex(4)}", now=now)
    else:
        found = selectors.tenant_by_id(tenant_id=tenant_id)
        if found is None:
            raise UnknownTenant(details={"tenant_id": ["There is no tenant with this id."]})
        tenant = found
    return _create(
        tenant=tenant,
        description=description,
        caller=caller,
        now=now,
        restrictions=restrictions,
        key_format=key_format,
    )


@transaction.atomic
def rotate_key(
    *,
    key_id: int,
    caller: Caller,
    now: datetime,
    grace: timedelta = NO_GRACE,
    key_format: KeyFormat | None = None,
) -> tuple[ApiKey, str]:
    """Give a key a new secret; the old one is refused once its grace is over (FR-071, FR-072).

    The key keeps its id, tenant, description and restrictions, and its form unless another one is
    asked for. The old secret stays in a separate row,
    `rotated`, so that a caller who still uses it is recognized and written to the audit log.
    Without grace nothing but the new secret is accepted: what was still in its grace ends too.
    With grace it lasts as long as it was promised.

    Raises:
        ApiKey.DoesNotExist: there is no such key.
        ApiKeyNotActive: it was rotated or revoked before.

    Source: spec 7.3 and 7.7, ADR 0037.
    """
    api_key = ApiKey.objects.select_for_update(no_key=True).get(pk=key_id)
    if api_key.status != ApiKey.Status.ACTIVE:
        raise ApiKeyNotActive
    if not grace:
        _end_old_secrets(api_key, caller=caller, now=now)
    old = _copy_of(api_key)
    key_format = key_format or forms.format_of(api_key.key_prefix)
    key = _renew(api_key, key_format=key_format, now=now)
    api_key.save(update_fields=["key_prefix", "key_hash", "key_digest", "rotated_at"])
    old.status, old.rotated_at, old.successor = ApiKey.Status.ROTATED, now, api_key
    old.grace_ends_at = now + grace if grace else None
    old.save(force_insert=True)
    recording.record(
        api_key=api_key,
        operation=Operation.ROTATED,
        caller=caller,
        status_code=HTTPStatus.OK if caller.method else None,
        old_key_hash=old.key_hash,
        now=now,
    )
    log.info(
        "api key rotated",
        api_key_id=key_id,
        key_prefix=api_key.key_prefix,
        grace_ends_at=old.grace_ends_at and old.grace_ends_at.isoformat(),
    )
    return api_key, key


@transaction.atomic
def change_key(
    *,
    key_id: int,
    changes: Mapping[str, Any],
    require_allowed: Callable[[ApiKey], None],
    caller: Caller,
    now: datetime,
) -> ApiKey:
    """Change a key's description, scopes, end or addresses, and those of its old secrets.

    `require_allowed` sees the locked key before the change and after it, and refuses by an error.
    What is asked for and is so already is no change. The audit log has both values of each field.

    Raises:
        ApiKey.DoesNotExist: there is no such key.
        ApiKeyNotActive: it was rotated or revoked before.
        Every error of `require_allowed`.
    """
    api_key = ApiKey.objects.select_for_update(no_key=True).get(pk=key_id)
    if api_key.status != ApiKey.Status.ACTIVE:
        raise ApiKeyNotActive
    require_allowed(api_key)
    changed = {
        name: (getattr(api_key, name), value)
        for name, value in changes.items()
        if getattr(api_key, name) != value
    }
    if not changed:
        return api_key
    new = {name: values[1] for name, values in changed.items()}
    for name, value in new.items():
        setattr(api_key, name, value)
    require_allowed(api_key)
    accepted = Q(successor=api_key, status=ApiKey.Status.ROTATED, grace_ends_at__gt=now)
    ApiKey.objects.filter(Q(pk=key_id) | accepted).update(**new)
    recording.record(
        api_key=api_key,
        operation=Operation.CHANGED,
        caller=caller,
        status_code=HTTPStatus.OK if caller.method else None,
        changes=changed,
        now=now,
    )
    log.info("api key changed", api_key_id=key_id, key_prefix=api_key.key_prefix, fields=[*new])
    return api_key


@transaction.atomic
def revoke_key(*, key_id: int, caller: Caller, now: datetime) -> ApiKey:
    """End a key for good with its old secrets; from this moment they are refused.

    A repeat changes nothing. The id of an old secret ends that one alone.

    Raises:
        ApiKey.DoesNotExist: there is no such key.
    """
    api_key = ApiKey.objects.select_for_update(no_key=True).get(pk=key_id)
    if api_key.status == ApiKey.Status.REVOKED:
        return api_key
    _end_old_secrets(api_key, caller=caller, now=now)
    _revoke(api_key, caller=caller, now=now)
    log.info("api key revoked", api_key_id=key_id, key_prefix=api_key.key_prefix)
    return api_key


def _end_old_secrets(api_key: ApiKey, *, caller: Caller, now: datetime) -> None:
    """End what is still in its grace. The key's row is locked, so no rotation adds one."""
    for old in ApiKey.objects.filter(
        successor=api_key, status=ApiKey.Status.ROTATED, grace_ends_at__gt=now
    ).order_by("pk"):
        _revoke(old, caller=caller, now=now)


def _revoke(api_key: ApiKey, *, caller: Caller, now: datetime) -> None:
    api_key.status, api_key.revoked_at = ApiKey.Status.REVOKED, now
    api_key.save(update_fields=["status", "revoked_at"])
    recording.record(
        api_key=api_key,
        operation=Operation.REVOKED,
        caller=caller,
        status_code=HTTPStatus.OK if caller.method else None,
        now=now,
    )


def recalled(*, key: str, now: datetime) -> tuple[ApiKey, Door] | None:
    """Return the key that a request sent as this process has read it before, without any statement.

    It is accepted only if the door opens, which asks whether the key is still as it was.

    Returns:
        The key with its tenant, and its door; None if the key must be read.
    """
    made = forms.as_made(key)
    if made is None:
        return None
    digest = hashing.digest_of(made)
    found = known_keys.recall(digest=digest, refusal=ApiKeyChanged)
    if found is None or not found[0].is_accepted(now):
        return None
    key_hash = found[0].key_hash
    return found if hashing.verified_keys.knows(digest=digest, key_hash=key_hash) else None


def authenticate(
    *, key: str, now: datetime, before_first_use: Callable[[], None] | None = None
) -> ApiKey:
    """Return the key that a request sent, with its tenant, in one query.

    It is active, or an old secret in its grace. The status is read each time, so that a revoked
    key is refused at once. Argon2 runs only when this process sees the key for the first time.
    `before_first_use` runs before Argon2 and before the query, so that it can refuse a flood at
    no cost.

    Raises:
        MalformedApiKey: `key` does not have the form of a key.
        InvalidApiKey: the key is unknown, rotated or revoked.
        Every error of `before_first_use`.
    """
    made = forms.as_made(key)
    if made is None:
        raise MalformedApiKey
    key = made
    digest = hashing.digest_of(key)
    if before_first_use and not hashing.verified_keys.knows(digest=digest):
        before_first_use()
    api_key = known_keys.read(digest=digest)
    if api_key is None:
        raise InvalidApiKey
    if not api_key.is_accepted(now):
        hashing.verified_keys.evict(digest=digest)
        reason = "has expired" if api_key.has_expired(now) else f"is {api_key.status}"
        raise InvalidApiKey(known=api_key, reason=f"the key {reason}")
    if not hashing.verified_keys.verify(key=key, digest=digest, key_hash=api_key.key_hash):
        raise InvalidApiKey(known=api_key, reason="the key does not match its hash")
    return api_key


def _create(
    *,
    tenant: Tenant,
    description: str,
    caller: Caller,
    now: datetime,
    restrictions: Restrictions = UNRESTRICTED,
    key_format: KeyFormat = KeyFormat.HEX,
) -> tuple[ApiKey, str]:
    api_key = ApiKey(
        tenant=tenant,
        description=description,
        scopes=list(restrictions.scopes),
        expires_at=restrictions.expires_at,
        allowed_addresses=list(restrictions.allowed_addresses),
        created_at=now,
    )
    key = _renew(api_key, key_format=key_format)
    api_key.save(force_insert=True)
    recording.record(
        api_key=api_key,
        operation=Operation.CREATED,
        caller=caller,
        status_code=HTTPStatus.CREATED if caller.method else None,
        now=now,
    )
    log.info(
        "api key created",
        tenant_id=tenant.pk,
        key_prefix=api_key.key_prefix,
        actor=caller.actor,
    )
    return api_key, key


def _renew(api_key: ApiKey, *, key_format: KeyFormat, now: datetime | None = None) -> str:
    key = forms.new_key(key_format)
    api_key.key_prefix = forms.shown_start(key)
    api_key.key_hash, api_key.key_digest = hashing.hash_of(key), hashing.digest_of(key)
    api_key.rotated_at = now
    return key


def _copy_of(api_key: ApiKey) -> ApiKey:
    copied = copy.copy(api_key)
    copied.pk = None
    return copied
