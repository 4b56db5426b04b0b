"""Making tenants and keys, and telling whose key a request bears."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import structlog
from django.db import transaction

from apikeys import hashing, selectors
from apikeys.models import ApiKey, ApiKeyAuditEntry, Tenant
from paytrust.errors import PayTrustError

log = structlog.get_logger(__name__)

WELL_FORMED_KEY = re.compile(r"[0-9a-fA-F]{64}")


class MissingApiKey(PayTrustError):
    """This call needs an API key. Send it in the X-API-Key header."""

    status = HTTPStatus.UNAUTHORIZED
    code = "missing_api_key"


class MalformedApiKey(PayTrustError):
    """The X-API-Key header holds no API key: that is 64 hexadecimal characters."""

    code = "malformed_api_key"


class InvalidApiKey(PayTrustError):
    """This API key is not valid: it is unknown, or it was rotated or revoked."""

    status = HTTPStatus.UNAUTHORIZED
    code = "invalid_api_key"


class UnknownTenant(PayTrustError):
    """There is no tenant with this id. Leave tenant_id out to make a new tenant."""

    code = "unknown_tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Where a request comes from, for the audit log."""

    ip_address: str | None
    method: str
    path: str
    request_id: str | None


def create_tenant(*, name: str, now: datetime) -> Tenant:
    """Make a tenant, or return the one that bears this name already."""
    return Tenant.objects.get_or_create(name=name, defaults={"created_at": now})[0]


@transaction.atomic
def create_key(
    *, tenant: Tenant, description: str, actor: str, ip_address: str | None, now: datetime
) -> tuple[ApiKey, str]:
    """Make an API key for a tenant; the second of the pair is the key itself, told only here."""
    key = hashing.new_key()
    api_key = ApiKey.objects.create(
        tenant=tenant,
        description=description,
        key_prefix=key[: hashing.PREFIX_LENGTH],
        key_hash=hashing.hash_of(key),
        key_digest=hashing.digest_of(key),
        created_at=now,
    )
    ApiKeyAuditEntry.objects.create(
        tenant=tenant,
        api_key=api_key,
        operation_type=ApiKeyAuditEntry.Operation.CREATED,
        actor_identifier=actor,
        ip_address=ip_address,
        success=True,
        created_at=now,
    )
    log.info("api key created", tenant_id=tenant.pk, key_prefix=api_key.key_prefix, actor=actor)
    return api_key, key


@transaction.atomic
def issue_key(
    *,
    tenant_id: int | None,
    tenant_name: str | None,
    description: str,
    actor: str,
    ip_address: str | None,
    now: datetime,
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
    return create_key(
        tenant=tenant, description=description, actor=actor, ip_address=ip_address, now=now
    )


def authenticate(*, key: str, caller: Caller, now: datetime) -> ApiKey:
    """Return the active key that a request bears, with its tenant, in one query.

    The status is read each time, so that a revoked key dies at once. Argon2 runs only the first
    time that this process meets the key. A refusal of a known key is written to the audit log.

    Raises:
        MalformedApiKey: `key` does not have the form of a key.
        InvalidApiKey: the key is unknown, rotated or revoked.
    """
    if not WELL_FORMED_KEY.fullmatch(key):
        raise MalformedApiKey
    digest = hashing.digest_of(key)
    api_key = selectors.key_by_digest(digest=digest)
    if api_key is None:
        raise InvalidApiKey
    refusal = None
    if api_key.status != ApiKey.Status.ACTIVE:
        refusal = f"the key is {api_key.status}"
    elif not hashing.verified_keys.verify(key=key, digest=digest, key_hash=api_key.key_hash):
        refusal = "the key does not match its hash"
    if refusal:
        _record_refusal(api_key=api_key, reason=refusal, caller=caller, now=now)
        raise InvalidApiKey
    return api_key


def _record_refusal(*, api_key: ApiKey, reason: str, caller: Caller, now: datetime) -> None:
    ApiKeyAuditEntry.objects.create(
        tenant_id=api_key.tenant_id,
        api_key=api_key,
        operation_type=ApiKeyAuditEntry.Operation.USED,
        actor_identifier=f"{api_key.key_prefix}...",
        ip_address=caller.ip_address,
        method=caller.method,
        path=caller.path[:500],
        status_code=InvalidApiKey.status,
        request_id=caller.request_id,
        success=False,
        error_message=reason,
        created_at=now,
    )
    log.warning("api key refused", reason=reason, key_prefix=api_key.key_prefix)
