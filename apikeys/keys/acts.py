"""What platform administrators do in the back office with keys and tenants.

Each act is recorded.

The keys' own audit log (apikeys.audit.recording) is written too, as it is for the API and the
commands.
"""

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apikeys.audit.recording import Caller
from apikeys.keys import services
from apikeys.models import ApiKey, Tenant
from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor

KEY_ISSUED = kinds.register("key_issued", _("issued an API key"))
KEY_ROTATED = kinds.register("key_rotated", _("rotated an API key"))
KEY_REVOKED = kinds.register("key_revoked", _("revoked an API key"))
TENANT_CREATED = kinds.register("tenant_created", _("made a tenant"))


def issue_key(
    *, actor: Actor, caller: Caller, tenant_id: int, description: str, now: datetime
) -> tuple[ApiKey, str]:
    """Make a key for a tenant; the second of the pair is the key itself, shown only here.

    Raises:
        UnknownTenant: no tenant has this id.
    """
    with recording.recorded(
        actor=actor,
        act=KEY_ISSUED,
        about=ApiKey,
        reason=description,
        tenant_id=tenant_id,
        now=now,
    ) as entry:
        api_key, key = services.issue_key(
            tenant_id=tenant_id, tenant_name=None, description=description, caller=caller, now=now
        )
        entry.object_id = api_key.pk
    return api_key, key


def rotate_key(
    *, actor: Actor, caller: Caller, api_key: ApiKey, reason: str, now: datetime
) -> tuple[ApiKey, str]:
    """Give a key a new secret, shown only here; from this moment the old one is refused.

    Raises:
        ApiKeyNotActive: it was rotated or revoked before.
        MissingReason: say why.
    """
    reason = recording.required_reason(reason)
    with recording.recorded(
        actor=actor,
        act=KEY_ROTATED,
        about=api_key,
        reason=reason,
        tenant_id=api_key.tenant_id,
        now=now,
    ):
        return services.rotate_key(key_id=api_key.pk, caller=caller, now=now)


def revoke_key(
    *, actor: Actor, caller: Caller, api_key: ApiKey, reason: str, now: datetime
) -> ApiKey:
    """End a key for good; from this moment it is refused.

    Raises:
        MissingReason: say why.
    """
    reason = recording.required_reason(reason)
    with recording.recorded(
        actor=actor,
        act=KEY_REVOKED,
        about=api_key,
        reason=reason,
        tenant_id=api_key.tenant_id,
        now=now,
    ):
        return services.revoke_key(key_id=api_key.pk, caller=caller, now=now)


def create_tenant(*, actor: Actor, name: str, now: datetime) -> Tenant:
    """Make a tenant, or return the one that has this name already."""
    with recording.recorded(actor=actor, act=TENANT_CREATED, about=Tenant, now=now) as entry:
        tenant = services.create_tenant(name=name, now=now)
        entry.object_id = tenant.pk
        entry.message = name
    return tenant
