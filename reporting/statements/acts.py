"""What staff say for a merchant about statements; each act is written down."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from reporting.statements import services

SET: Final = kinds.register("statement_profile_set", _("set what statements say"))


def set_profile(
    *, actor: Actor, tenant: Tenant, changes: Mapping[str, str | None], now: datetime
) -> None:
    """Change a merchant's fields on statements. Raises as `services.set_profile`."""
    with recording.recorded(
        actor=actor, act=SET, about=tenant, now=now, tenant_id=tenant.pk
    ) as entry:
        entry.message = ", ".join(sorted(changes))
        services.set_profile(tenant=tenant, changes=changes, now=now)
