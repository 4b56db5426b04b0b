"""Acts on the platform by two people: one proposes, another approves, then it is done.

An act writes only rows of our own database. So it is done in the transaction that ends the
proposal by one conditional UPDATE. If two people approve at once, one of them is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from apikeys.audit import witnesses
from apikeys.audit.witnesses import Witness
from apikeys.staff_acts import kinds as trail
from apikeys.staff_acts import recording
from apikeys.staff_acts.recording import Actor
from apikeys.two_people import independence, sealing
from apikeys.two_people.independence import OwnProposal
from apikeys.two_people.kinds import KINDS, Done, Kind, Order
from apikeys.two_people.models import StaffProposal
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint

PROPOSED = trail.register("staff_act_proposed", _("proposed an act that takes two people"))
APPROVED = trail.register("staff_act_approved", _("approved an act that takes two people"))
REJECTED = trail.register("staff_act_rejected", _("rejected an act that takes two people"))
WITHDRAWN = trail.register("staff_act_withdrawn", _("took back a proposed act"))
ALONE = "by one person: nobody else may administer"

Status = StaffProposal.Status
witnesses.register(
    Witness(
        table=StaffProposal._meta.db_table,  # noqa: SLF001  # public
        object_type=StaffProposal._meta.label_lower,  # noqa: SLF001
        proposed=PROPOSED,
        approved=APPROVED,
        rejected=REJECTED,
        withdrawn=WITHDRAWN,
    )
)


class AlreadyWaits(PayTrustError):
    """The same has been proposed already; it must be decided on before another one."""

    status = HTTPStatus.CONFLICT
    code = "proposal_waiting"
    for_staff = _("The same has been proposed already; it must be decided on first.")


class AlreadyDecided(PayTrustError):
    """Somebody has decided on this already."""

    status = HTTPStatus.CONFLICT
    code = "proposal_decided"
    for_staff = _("Somebody has decided on this already.")


class NotYourProposal(PayTrustError):
    """Somebody else proposed this: approve or reject it instead."""

    status = HTTPStatus.FORBIDDEN
    code = "not_your_proposal"
    for_staff = _("Somebody else proposed this change: approve or reject it instead.")


class AboutYourself(PayTrustError):
    """You may not change your own rights, nor decide on them."""

    status = HTTPStatus.FORBIDDEN
    code = "own_rights"
    for_staff = _("This is about your own account: a colleague has to do this.")


class NotForYou(PayTrustError):
    """This takes rights that you do not have."""

    status = HTTPStatus.FORBIDDEN
    code = "permission_denied"
    for_staff = _("Only a superuser decides on what concerns a superuser.")


class Overtaken(PayTrustError):
    """It has changed since the proposer saw it; propose it again."""

    status = HTTPStatus.CONFLICT
    code = "proposal_overtaken"
    for_staff = _("It is not any more as the proposer saw it: propose it anew.")


def request(
    *,
    actor: Actor,
    kind: Kind,
    about: models.Model | type[models.Model],
    subject: str,
    reason: str,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    tenant_id: int | None = None,
) -> StaffProposal | Done:
    """Propose an act; do it at once where no other account may administer (ADR 0030).

    Args:
        actor: who proposes it.
        kind: what.
        about: the row, or the kind of row that it makes.
        subject: what it is about, as people name it; one proposal of a kind waits per subject.
        reason: why.
        now: the time.
        details: what it becomes, without secrets.
        before: what is, as the proposer sees it.
        secrets: what is sealed while it waits, and never shown.
        tenant_id: whose it is, if it is a tenant's.

    Raises:
        MissingReason: say why.
        AlreadyWaits: decide on the first one.
        AboutYourself: it would change the actor's own rights.
    """
    reason = recording.required_reason(reason)
    proposal = StaffProposal(
        kind=kind.code,
        object_type=about._meta.label_lower,  # noqa: SLF001  # Django's public way to its name
        object_id=about.pk if isinstance(about, models.Model) else None,
        tenant_id=tenant_id,
        subject=subject,
        details=dict(details or {}),
        before=dict(before) if before is not None else None,
        reason=reason,
        proposed_by=actor.user,
        proposed_at=now,
    )
    if not independence.others_administer(user=actor.user):
        return _do_alone(
            actor=actor, kind=kind, about=about, proposal=proposal, secrets=secrets or {}
        )
    with recording.recorded(
        actor=actor, act=PROPOSED, about=StaffProposal, reason=reason, tenant_id=tenant_id, now=now
    ) as entry:
        _require_about_another(actor.user, proposal)
        kind.check(_order(proposal, secrets or {}, actor.user.get_username(), now))
        proposal.sealed = sealing.seal(secrets or {}, subject=subject)
        try:
            with transaction.atomic():
                proposal.save(force_insert=True)
        except IntegrityError as error:
            if violated_constraint(error) == "staff_proposal_one_waiting":
                raise AlreadyWaits from error
            raise
        entry.object_id = proposal.pk
        entry.message = f"{kind.code}: {subject}"
    return proposal


def approve(*, actor: Actor, proposal_id: int, now: datetime) -> StaffProposal:
    """Do what another proposed.

    Raises:
        StaffProposal.DoesNotExist: unknown.
        OwnProposal, NotIndependent, AboutYourself, NotForYou: somebody else must decide.
        AlreadyDecided: somebody was faster.
        The failures of the kind: nothing is done, and the proposal has ended.
    """
    proposal = _get(proposal_id)
    with recording.recorded(
        actor=actor,
        act=APPROVED,
        about=proposal,
        reason=proposal.reason,
        tenant_id=proposal.tenant_id,
        now=now,
    ) as entry:
        entry.message = f"{proposal.kind}: {proposal.subject}"
        require_decidable(actor=actor, proposal=proposal, now=now, approving=True)
        with recording.recorded(
            actor=actor,
            act=proposal.kind,
            about=_model_of(proposal),
            reason=proposal.reason,
            tenant_id=proposal.tenant_id,
            now=now,
        ) as effect:
            effect.object_id = proposal.object_id
            try:
                done = _apply(proposal, actor, now)
            except AlreadyDecided:
                raise
            except PayTrustError as error:
                _end(proposal.pk, actor, Status.STALE, now, failure_reason=str(error)[:500])
                raise
            effect.object_id = done.object_id or proposal.object_id
            by = f"proposed by {proposal.proposed_by.get_username()}"
            effect.message = f"{done.message}; {by}" if done.message else by
    return _get(proposal_id)


def reject(*, actor: Actor, proposal_id: int, reason: str, now: datetime) -> StaffProposal:
    """End a proposal without its act.

    Raises:
        StaffProposal.DoesNotExist: unknown.
        OwnProposal, AboutYourself, NotForYou: somebody else must decide.
        AlreadyDecided: somebody was faster.
        MissingReason: say why.
    """
    reason = recording.required_reason(reason)
    proposal = _get(proposal_id)
    with recording.recorded(
        actor=actor,
        act=REJECTED,
        about=proposal,
        reason=reason,
        tenant_id=proposal.tenant_id,
        now=now,
    ):
        require_decidable(actor=actor, proposal=proposal, now=now, approving=False)
        _end(proposal.pk, actor, Status.REJECTED, now, decision_reason=reason)
    return _get(proposal_id)


def withdraw(*, actor: Actor, proposal_id: int, now: datetime) -> StaffProposal:
    """End one's own proposal without its act.

    Raises:
        StaffProposal.DoesNotExist: unknown.
        NotYourProposal: somebody else proposed it.
        AlreadyDecided: somebody was faster.
    """
    proposal = _get(proposal_id)
    with recording.recorded(
        actor=actor,
        act=WITHDRAWN,
        about=proposal,
        reason=proposal.reason,
        tenant_id=proposal.tenant_id,
        now=now,
    ):
        if actor.user.pk != proposal.proposed_by_id:
            raise NotYourProposal
        _end(proposal.pk, None, Status.WITHDRAWN, now)
    return _get(proposal_id)


def require_decidable(
    *, actor: Actor, proposal: StaffProposal, now: datetime, approving: bool
) -> None:
    """Refuse, before anything is asked, what approving or rejecting would refuse.

    Raises:
        OwnProposal, AboutYourself, NotForYou: somebody else must decide.
        NotIndependent: as `approve` does; rejecting is open to everybody else.
        AlreadyDecided: it has ended.
    """
    if approving:
        independence.require_another(user=actor.user, proposer=proposal.proposed_by, now=now)
    elif actor.user.pk == proposal.proposed_by_id:
        raise OwnProposal
    _require_about_another(actor.user, proposal)
    if not KINDS[proposal.kind].may_decide(actor, proposal):
        raise NotForYou
    if proposal.status != Status.OPEN:
        raise AlreadyDecided


def _do_alone(
    *,
    actor: Actor,
    kind: Kind,
    about: models.Model | type[models.Model],
    proposal: StaffProposal,
    secrets: Mapping[str, str],
) -> Done:
    now = proposal.proposed_at
    with recording.recorded(
        actor=actor,
        act=kind.code,
        about=about,
        reason=proposal.reason,
        tenant_id=proposal.tenant_id,
        now=now,
    ) as entry:
        _require_about_another(actor.user, proposal)
        order = _order(proposal, secrets, actor.user.get_username(), now)
        kind.check(order)
        with transaction.atomic():
            done = kind.apply(order)
        entry.object_id = done.object_id or proposal.object_id
        entry.message = f"{done.message}; {ALONE}" if done.message else ALONE
    return done


@transaction.atomic
def _apply(proposal: StaffProposal, actor: Actor, now: datetime) -> Done:
    secrets = sealing.unseal(proposal.sealed, subject=proposal.subject)
    by = f"{proposal.proposed_by.get_username()}, {actor.user.get_username()}"
    _end(proposal.pk, actor, Status.APPLIED, now)  # first: a second decision is refused
    return KINDS[proposal.kind].apply(_order(proposal, secrets, by, now))


def _order(proposal: StaffProposal, secrets: Mapping[str, str], by: str, now: datetime) -> Order:
    return Order(
        object_id=proposal.object_id,
        tenant_id=proposal.tenant_id,
        details=proposal.details,
        before=proposal.before,
        secrets=secrets,
        by=by,
        reason=proposal.reason,
        now=now,
    )


def _end(proposal_id: int, actor: Actor | None, status: Status, now: datetime, **said: str) -> None:
    ended = (
        StaffProposal.objects.open()
        .filter(pk=proposal_id)
        .update(
            status=status,
            decided_by=actor.user if actor else None,
            decided_at=now,
            sealed="",
            **said,
        )
    )
    if not ended:
        raise AlreadyDecided


def _get(proposal_id: int) -> StaffProposal:
    return StaffProposal.objects.select_related("proposed_by").get(pk=proposal_id)


def _require_about_another(user: User, proposal: StaffProposal) -> None:
    is_a_user = proposal.object_type == User._meta.label_lower  # noqa: SLF001  # public
    if is_a_user and proposal.object_id == user.pk:
        raise AboutYourself


def _model_of(proposal: StaffProposal) -> type[models.Model]:
    return apps.get_model(proposal.object_type)
