"""What administrators do about colleagues: accounts, rights, passwords and sign-in.

An account without rights can do nothing, so one person may make it. A change that lets somebody
sign in, or that changes their rights, takes two people. Locking somebody out is urgent and takes
one person.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.people import limits
from apikeys.staff_acts import kinds as trail
from apikeys.staff_acts import recording
from apikeys.staff_acts.recording import Actor
from apikeys.two_people import kinds, proposals
from apikeys.two_people.independence import (
    PASSWORD_SET,
    RIGHTS_CHANGED,
    SIGN_IN_RESET,
    STAFF_CHANGED,
    STAFF_MADE,
)
from apikeys.two_people.kinds import Done, Order
from apikeys.two_people.models import StaffProposal
from apikeys.two_people.proposals import AboutYourself, NotForYou, Overtaken
from paytrust.errors import PayTrustError
from paytrust.staff import roles, sign_in

LOCKED_OUT = trail.register("staff_locked_out", _("made a colleague's account inactive"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What an account may do."""

    is_active: bool
    is_staff: bool
    is_superuser: bool
    roles: tuple[str, ...]  # names of groups, in alphabetical order
    merchants: tuple[str, ...] = ()  # names of tenants, in alphabetical order; none: all tenants


class BoundAdministrator(PayTrustError):
    """An account that works for some tenants only cannot administer the platform."""

    status = HTTPStatus.CONFLICT
    code = "bound_administrator"
    for_staff = _(
        "Who works for some tenants only cannot be a platform admin: that concerns all of them."
    )


def rights_of(user: User) -> Rights:
    """Return what an account may do now."""
    return Rights(
        is_active=user.is_active,
        is_staff=user.is_staff,
        is_superuser=user.is_superuser,
        roles=tuple(user.groups.order_by("name").values_list("name", flat=True)),
        merchants=tuple(
            Tenant.objects.filter(bound_staff__user=user)
            .order_by("name")
            .values_list("name", flat=True)
        ),
    )


def may_touch(actor: User, user: User) -> bool:
    """Return whether one may change the other: only superusers may change superusers."""
    return actor.is_superuser or not user.is_superuser


def record_made(*, actor: Actor, user: User, now: datetime) -> None:
    """Write down that somebody made an account, which has no rights yet."""
    with recording.recorded(actor=actor, act=STAFF_MADE, about=user, now=now) as entry:
        entry.message = user.get_username()


def record_changed(*, actor: Actor, user: User, fields: list[str], now: datetime) -> None:
    """Write down that somebody changed names or addresses of an account."""
    with recording.recorded(actor=actor, act=STAFF_CHANGED, about=user, now=now) as entry:
        entry.message = ", ".join(fields)


def change_rights(
    *, actor: Actor, user: User, rights: Rights, reason: str, now: datetime
) -> StaffProposal | Done:
    """Give an account other rights, by two people; an account with a role can sign in.

    Raises:
        AboutYourself, NotForYou: somebody else must do it.
        MissingReason, AlreadyWaits: say why; one change at a time.
        BoundAdministrator: it cannot be bound to tenants and administer the platform.
    """
    _require_one_of_both(rights)
    before = rights_of(user)
    if rights.is_superuser != before.is_superuser and not actor.user.is_superuser:
        raise NotForYou
    _require_may_touch(actor, user)
    return proposals.request(
        actor=actor,
        kind=RIGHTS,
        about=user,
        subject=user.get_username(),
        details=_stored(rights),
        before=_stored(before),
        reason=reason,
        now=now,
    )


def lock_out(*, actor: Actor, user: User, now: datetime) -> None:
    """Make a colleague's account inactive, at once and by one person.

    Raises:
        AboutYourself, NotForYou: somebody else must do it.
    """
    with recording.recorded(actor=actor, act=LOCKED_OUT, about=user, now=now):
        if user.pk == actor.user.pk:
            raise AboutYourself
        _require_may_touch(actor, user)
        User.objects.filter(pk=user.pk).update(is_active=False)


def set_password(
    *, actor: Actor, user: User, password: str, reason: str, now: datetime
) -> StaffProposal | Done:
    """Give a colleague another password, by two people; its hash is sealed while it waits.

    Raises:
        AboutYourself, NotForYou: somebody else must do it.
        MissingReason, AlreadyWaits: say why; one change at a time.
    """
    _require_may_touch(actor, user)
    return proposals.request(
        actor=actor,
        kind=PASSWORD,
        about=user,
        subject=user.get_username(),
        secrets={"hash": make_password(password)},
        reason=reason,
        now=now,
    )


def reset_sign_in(*, actor: Actor, user: User, reason: str, now: datetime) -> StaffProposal | Done:
    """Let a colleague sign in again who lost their second factor or is locked out.

    Raises:
        AboutYourself, NotForYou: somebody else must do it.
        MissingReason, AlreadyWaits: say why; one change at a time.
    """
    _require_may_touch(actor, user)
    return proposals.request(
        actor=actor,
        kind=SIGN_IN,
        about=user,
        subject=user.get_username(),
        reason=reason,
        now=now,
    )


def _require_may_touch(actor: Actor, user: User) -> None:
    if not may_touch(actor.user, user):
        raise NotForYou


def _require_one_of_both(rights: Rights) -> None:
    administers = rights.is_superuser or roles.ADMINISTRATOR in rights.roles
    if rights.merchants and administers:
        raise BoundAdministrator


def _stored(rights: Rights) -> dict[str, Any]:
    lists = {"roles": list(rights.roles), "merchants": list(rights.merchants)}
    return {**asdict(rights), **lists}


def _read(stored: Mapping[str, Any] | None) -> Rights:
    assert stored is not None, "rights are always stored with those before"
    lists = {name: tuple(stored.get(name, ())) for name in ("roles", "merchants")}
    return Rights(**{**stored, **lists})


def _give_rights(order: Order) -> Done:
    user = _locked(order)
    wanted = _read(order.details)
    groups = list(Group.objects.filter(name__in=wanted.roles))
    tenants = list(Tenant.objects.filter(name__in=wanted.merchants))
    found = (len(groups), len(tenants)) == (len(wanted.roles), len(wanted.merchants))
    if rights_of(user) != _read(order.before) or not found:
        raise Overtaken
    user.is_active, user.is_superuser = wanted.is_active, wanted.is_superuser
    user.is_staff = wanted.is_staff or bool(groups)  # who has a role can sign in
    user.save(update_fields=["is_active", "is_superuser", "is_staff"])
    user.groups.set(groups)
    limits.bind(user=user, tenant_ids=[tenant.pk for tenant in tenants])
    return Done(message=", ".join((*wanted.roles, *wanted.merchants)))


def _set_password(order: Order) -> Done:
    user = _locked(order)
    user.password = order.secrets["hash"]
    user.save(update_fields=["password"])
    return Done()


def _start_over(order: Order) -> Done:
    sign_in.start_over(_locked(order))
    return Done()


def _locked(order: Order) -> User:
    return User.objects.select_for_update(of=("self",)).get(pk=order.row_id)


def _rights_in_words(proposal: StaffProposal) -> list[str]:
    before, after = _read(proposal.before), _read(proposal.details)
    said = [
        *(
            gettext("%(name)s gets the role %(role)s.") % {"name": proposal.subject, "role": role}
            for role in after.roles
            if role not in before.roles
        ),
        *(
            gettext("%(name)s loses the role %(role)s.") % {"name": proposal.subject, "role": role}
            for role in before.roles
            if role not in after.roles
        ),
        *_merchants_in_words(proposal.subject, before, after),
    ]
    texts = {
        "is_active": (_("The account becomes active."), _("The account becomes inactive.")),
        "is_staff": (_("It may enter the back office."), _("It may not enter the back office.")),
        "is_superuser": (_("It may do everything."), _("It may no longer do everything.")),
    }
    for name, (yes, no) in texts.items():
        if getattr(before, name) != getattr(after, name):
            said.append(str(yes if getattr(after, name) else no))
    return said


def _merchants_in_words(name: str, before: Rights, after: Rights) -> list[str]:
    if before.merchants == after.merchants:
        return []
    if not after.merchants:
        return [gettext("%(name)s works for all tenants from then on.") % {"name": name}]
    named = ", ".join(after.merchants)
    text = gettext("%(name)s works for these tenants only: %(tenants)s.")
    return [text % {"name": name, "tenants": named}]


def _may_decide(actor: Actor, proposal: StaffProposal) -> bool:
    user = User.objects.get(pk=proposal.object_id or 0)
    becomes_one = bool(proposal.details.get("is_superuser"))
    return may_touch(actor.user, user) and (actor.user.is_superuser or not becomes_one)


RIGHTS = kinds.register(
    code=RIGHTS_CHANGED, apply=_give_rights, describe=_rights_in_words, may_decide=_may_decide
)
PASSWORD = kinds.register(
    code=PASSWORD_SET,
    apply=_set_password,
    describe=lambda proposal: [
        gettext("%(name)s signs in with another password.") % {"name": proposal.subject}
    ],
    may_decide=_may_decide,
)
SIGN_IN = kinds.register(
    code=SIGN_IN_RESET,
    apply=_start_over,
    describe=lambda proposal: [
        gettext("The authenticator and recovery codes of %(name)s end, and a lock-out is lifted.")
        % {"name": proposal.subject}
    ],
    may_decide=_may_decide,
)
