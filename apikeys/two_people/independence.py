"""Whether two members of staff are two people: neither holds the other's account.

A person who made, changed or reset an account may know how to sign in with it. So for 30 days
neither of the two may approve what the other proposed.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import formats, timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import StaffAct
from apikeys.staff_acts import kinds
from apikeys.tenants import wall
from apikeys.two_people.models import StaffProposal
from paytrust.errors import PayTrustError
from paytrust.staff import display, roles

HELD_FOR: Final = timedelta(days=30)

STAFF_MADE = kinds.register("staff_made", _("made a colleague's account"))
STAFF_CHANGED = kinds.register("staff_changed", _("changed a colleague's account"))
RIGHTS_CHANGED = kinds.register("staff_rights", _("changed what a colleague may do"))
PASSWORD_SET = kinds.register("password_set", _("set a colleague's password"))
SIGN_IN_RESET = kinds.register("sign_in_reset", _("let a colleague sign in anew"))
HOLDING: Final = (STAFF_MADE, STAFF_CHANGED, RIGHTS_CHANGED, PASSWORD_SET, SIGN_IN_RESET)
"""The acts after which one may know how to sign in as another."""

_USER: Final = User._meta.label_lower  # noqa: SLF001  # Django's public way to its name


class OwnProposal(PayTrustError):
    """You proposed this, so another person must decide on it."""

    status = HTTPStatus.FORBIDDEN
    code = "own_proposal"
    for_staff = _("You proposed this change, so another person must decide on it.")


class NotIndependent(PayTrustError):
    """Of two accounts one made, changed or reset the other within 30 days: not two people."""

    status = HTTPStatus.FORBIDDEN
    code = "not_independent"


def require_another(*, user: User, proposer: User, now: datetime) -> None:
    """Refuse an approval by the proposer, or by an account that the proposer may control.

    Raises:
        OwnProposal: it is the proposer.
        NotIndependent: one of the two made, changed or reset the other's account; says until when.
    """
    if user.pk == proposer.pk:
        raise OwnProposal
    for holder, held in ((proposer, user), (user, proposer)):
        if since := _held_since(holder=holder, held=held, after=now - HELD_FOR):
            until = formats.date_format(timezone.localtime(since + HELD_FOR), display.MOMENT)
            raise NotIndependent(
                gettext(
                    "%(holder)s made, changed or reset the account %(held)s within the last"
                    " 30 days, so the two do not count as two people until %(until)s."
                    " Somebody else must approve."
                )
                % {
                    "holder": holder.get_username(),
                    "held": held.get_username(),
                    "until": until,
                }
            )


def others_administer(*, user: User) -> bool:
    """Return whether another account may administer, or could if it were active again.

    An inactive account counts: otherwise a person could lock the others out and then act alone.
    """
    administrators = User.objects.with_perm(
        roles.ADMINISTER,
        is_active=None,  # type: ignore[arg-type]  # the stubs do not know that it takes both
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return administrators.exclude(pk=user.pk).exists()


def _held_since(*, holder: User, held: User, after: datetime) -> datetime | None:
    """Return when one last did something to the other's account, alone or with a colleague."""
    with wall.lowered_for_staff():  # accounts are no tenant's
        return _held_since_by_all(holder=holder, held=held, after=after)


def _held_since_by_all(*, holder: User, held: User, after: datetime) -> datetime | None:
    by_act = (
        StaffAct.objects.filter(Q(outcome="done") | Q(outcome=None))
        .filter(staff=holder, act__in=HOLDING, object_type=_USER, object_id=held.pk)
        .filter(created_at__gt=after)
        .order_by("-created_at")
        .values_list("created_at", flat=True)
        .first()
    )
    by_proposal = (
        StaffProposal.objects.filter(Q(proposed_by=holder) | Q(decided_by=holder))
        .filter(kind__in=HOLDING, object_type=_USER, object_id=held.pk)
        .filter(status=StaffProposal.Status.APPLIED, decided_at__gt=after)
        .order_by("-decided_at")
        .values_list("decided_at", flat=True)
        .first()
    )
    return max((at for at in (by_act, by_proposal) if at), default=None)
