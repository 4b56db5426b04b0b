"""The audit log of keys: what is done with them, and each use of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from apikeys.models import ApiKey, ApiKeyAuditEntry
from paytrust.operations.trips import Statement

LAST_USED_PRECISION = timedelta(minutes=1)  # a row that is written each time would be a bottleneck
METHOD_LENGTH, PATH_LENGTH = 10, 500

_USE: Final = """
INSERT INTO apikeys_apikeyauditentry (
    tenant_id, api_key_id, operation_type, actor_identifier, ip_address, method, path,
    status_code, request_id, success, error_message, created_at)
SELECT %(tenant)s, %(key)s, 'used', %(actor)s, %(ip_address)s, %(method)s, %(path)s,
    %(status_code)s, %(request_id)s, %(success)s, %(error)s, %(now)s
WHERE """
_FIRST_USE_IN_A_WHILE: Final = f"""
WITH used AS (
    UPDATE apikeys_apikey SET last_used_at = %(now)s
    WHERE id = %(key)s AND (last_used_at IS NULL OR last_used_at < %(due)s)
){_USE}"""  # noqa: S608  # nosec B608  # two constants
# The use of a key may be lost if the database server crashes in the same half second, so a request
# that writes nothing else need not wait for the disk.
UNHURRIED: Final = "set_config('synchronous_commit', 'off', true) IS NOT NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who does something with a key, and by which request, if it is one."""

    actor: str
    ip_address: str | None = None
    method: str | None = None
    path: str | None = None
    request_id: str | None = None


def record(
    *,
    api_key: ApiKey,
    operation: ApiKeyAuditEntry.Operation,
    caller: Caller,
    status_code: int | None = None,
    old_key_hash: str | None = None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    now: datetime,
) -> ApiKeyAuditEntry:
    """Write down what is done with a key, except its use, in the transaction that does it."""
    return ApiKeyAuditEntry.objects.create(
        tenant_id=api_key.tenant_id,
        api_key=api_key,
        operation_type=operation,
        actor_identifier=caller.actor,
        ip_address=caller.ip_address,
        method=caller.method,
        path=caller.path and caller.path[:PATH_LENGTH],
        status_code=status_code,
        request_id=caller.request_id,
        success=True,
        old_key_hash=old_key_hash,
        changes=changes,
        created_at=now,
    )


def use(
    *,
    api_key: ApiKey,
    caller: Caller,
    status_code: int,
    error: str | None,
    authenticated: bool,
    now: datetime,
    where: str,
    values: Mapping[str, Any],
) -> Statement:
    """Return what writes down one request that sent a key that we know.

    Once a minute (`is_due`) the same statement also stores when the key was last used.

    Args:
        api_key: the key.
        caller: who called.
        status_code: what is answered.
        error: the code of a refusal.
        authenticated: whether the key was accepted.
        now: when.
        where: SQL of the condition under which it is written: UNHURRIED where nothing else is.
        values: those of `where`.
    """
    entry = {
        **values,
        "tenant": api_key.tenant_id,
        "key": api_key.pk,
        "actor": caller.actor,
        "ip_address": caller.ip_address,
        "method": (caller.method or "")[:METHOD_LENGTH],
        "path": (caller.path or "")[:PATH_LENGTH],
        "status_code": status_code,
        "request_id": caller.request_id,
        "success": status_code < HTTPStatus.BAD_REQUEST,
        "error": error,
        "now": now,
        "due": now - LAST_USED_PRECISION,
    }
    first = authenticated and is_due(api_key, now)
    return Statement((_FIRST_USE_IN_A_WHILE if first else _USE) + where, entry)


def is_due(api_key: ApiKey, now: datetime) -> bool:
    """Return whether it is time to store when a key was last used."""
    return api_key.last_used_at is None or api_key.last_used_at < now - LAST_USED_PRECISION
