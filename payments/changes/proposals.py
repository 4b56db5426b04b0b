"""Changes to what a customer owes take two people: one proposes, another approves or rejects.

The proposer may take it back until a decision is made.

An approval claims the proposal first, so that only one of two at once continues. Then the same
services as the API's make the change, outside any transaction because they call gateways. Then the
end is recorded. What was owed at the proposal is compared with the lock on the invoice held, so
that a person approves only what they saw.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apikeys.audit import witnesses
from apikeys.audit.witnesses import Witness
from apikeys.models import StaffAct
from apikeys.staff_acts import kinds, recording
from apikeys.staff_acts.recording import Actor
from apikeys.two_people import independence
from apikeys.two_people.independence import OwnProposal
from apikeys.two_people.proposals import NotYourProposal
from gateways.adapter import GatewayError
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Invoice
from invoices.payment_requests.leases import PaymentInProgress
from invoices.schedule import adjusting
from invoices.schedule.adjusting import InvoiceChanged, Owed
from payments.changes import closing, transferring
from payments.models import Proposal
from payments.refunds import approving as refund_approving
from payments.webhooks import acts, readings
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint

CHANGE_PROPOSED = kinds.register("change_proposed", _("proposed a change"))
CHANGE_APPROVED = kinds.register("change_approved", _("approved a change"))
CHANGE_REJECTED = kinds.register("change_rejected", _("rejected a change"))
CHANGE_WITHDRAWN = kinds.register("change_withdrawn", _("took a proposed change back"))

LEASE = timedelta(minutes=3)  # closing and opening, 26 s each, lock time-outs, a margin
CURABLE = (GatewayError, PaymentInProgress)
"""What time can cure: the proposal stays open and may be approved again."""

Act, Status = Proposal.Act, Proposal.Status
witnesses.register(
    Witness(
        table=Proposal._meta.db_table,  # noqa: SLF001  # public
        object_type=Proposal._meta.label_lower,  # noqa: SLF001
        proposed=CHANGE_PROPOSED,
        approved=CHANGE_APPROVED,
        rejected=CHANGE_REJECTED,
        withdrawn=CHANGE_WITHDRAWN,
    )
)


class ProposalWaiting(PayTrustError):
    """A change has been proposed already; it must be decided on before another one."""

    status = HTTPStatus.CONFLICT
    code = "proposal_waiting"
    for_staff = _("A change has been proposed already; it must be decided on before another one.")


class ProposalDecided(PayTrustError):
    """This proposal has ended, or somebody is deciding on it right now."""

    status = HTTPStatus.CONFLICT
    code = "proposal_decided"
    for_staff = _("This proposal has ended, or somebody is deciding on it right now.")


def propose_adjustment(
    *, actor: Actor, invoice_id: int, named: Mapping[int, int], reason: str, now: datetime
) -> Proposal:
    """Propose new totals, in minor units, for unpaid instalments by their numbers.

    Raises:
        Invoice.DoesNotExist: unknown.
        MissingReason, ProposalWaiting: give a reason; one change at a time.
        The failures of `invoices.schedule.adjusting.owed_after_adjustment`.
    """
    document = _document(invoice_id)
    after = adjusting.owed_after_adjustment(document=document, named=named, now=now)
    proposal = Proposal(
        act=Act.ADJUST,
        tenant_id=document.invoice.tenant_id,
        invoice=document.invoice,
        named={str(number): total for number, total in sorted(named.items())},
        before=asdict(adjusting.owed_on(document)),
        after=asdict(after),
    )
    return propose(proposal=proposal, actor=actor, reason=reason, now=now)


def propose_cancellation(*, actor: Actor, invoice_id: int, reason: str, now: datetime) -> Proposal:
    """Propose to end an invoice on which nothing was paid.

    Raises:
        Invoice.DoesNotExist: unknown.
        MissingReason, ProposalWaiting: give a reason; one change at a time.
        InvoiceNotCancellable: money is on it, or it has ended.
    """
    document = _document(invoice_id)
    after = adjusting.owed_after_cancellation(document=document)
    proposal = Proposal(
        act=Act.CANCEL,
        tenant_id=document.invoice.tenant_id,
        invoice=document.invoice,
        before=asdict(adjusting.owed_on(document)),
        after=asdict(after),
    )
    return propose(proposal=proposal, actor=actor, reason=reason, now=now)


def propose_transfer(
    *, actor: Actor, invoice_id: int, target_id: int, amount: int, reason: str, now: datetime
) -> Proposal:
    """Propose to move an overpayment, in minor units, to another invoice of the same merchant.

    Raises:
        Invoice.DoesNotExist: unknown.
        MissingReason, ProposalWaiting: say why; one change at a time.
        The failures of `payments.changes.transferring.effect_of`.
    """
    effect = transferring.effect_of(
        source_id=invoice_id, target_id=target_id, amount=amount, now=now
    )
    invoice = Invoice.objects.get(pk=invoice_id)
    proposal = Proposal(
        act=Act.TRANSFER,
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        named={"target_id": target_id, "amount": amount},
        after=effect.stored(),
    )
    return propose(proposal=proposal, actor=actor, reason=reason, now=now)


def propose_ignoring(*, actor: Actor, event_id: int, reason: str, now: datetime) -> Proposal:
    """Propose that a failed notification which may be about money needs no effect.

    Raises:
        WebhookEvent.DoesNotExist: unknown.
        MissingReason, ProposalWaiting: give a reason; one proposal at a time.
        NotificationNotFailed: it is processed, is ignored, or will be tried again.
    """
    event = acts.failed_event(event_id=event_id)
    about = readings.claim_of(event).payment_request
    proposal = Proposal(
        act=Act.IGNORE_WEBHOOK,
        tenant_id=about.tenant_id if about else event.tenant_id,
        invoice_id=about.invoice_id if about else None,
        event=event,
    )
    return propose(proposal=proposal, actor=actor, reason=reason, now=now)


def approve(*, actor: Actor, proposal_id: int, now: datetime) -> Proposal:
    """Make a proposed change; the approver must not be the proposer.

    If the gateway does not answer, nothing has changed, and the proposal is open again and says
    why.

    Raises:
        Proposal.DoesNotExist: unknown.
        OwnProposal, NotIndependent: another person must approve.
        ProposalDecided: another person was faster.
        InvoiceChanged: something else is owed than the proposer saw; the proposal has ended.
        The failures of `payments.changes.closing`, `payments.changes.transferring` and
            `payments.webhooks.acts.set_aside`.
    """
    proposal = _get(proposal_id)
    with _deciding(actor, CHANGE_APPROVED, proposal, now):
        _require_another(actor, proposal)
        independence.require_another(user=actor.user, proposer=proposal.proposed_by, now=now)
        _claim(proposal, actor, now)
        try:
            _apply(proposal, now)
        except CURABLE as error:
            _reopen(proposal, error)
            raise
        except PayTrustError as error:
            _end(proposal, Status.STALE, failure_reason=str(error))
            raise
        _end(proposal, Status.APPLIED)
    return proposal


def waiting_on(*, invoice_id: int) -> Proposal | None:
    """Return the change of an invoice that waits for a second person, if there is one."""
    waiting = Proposal.objects.waiting().filter(invoice_id=invoice_id, event=None)
    return waiting.select_related("proposed_by").first()


def require_none_waiting(*, invoice_id: int) -> None:
    """Refuse a second change of an invoice; the constraint has the last word.

    Raises:
        ProposalWaiting: one change at a time.
    """
    if waiting_on(invoice_id=invoice_id) is not None:
        raise ProposalWaiting


def is_outdated(proposal: Proposal) -> bool:
    """Return whether something else is owed now than the proposer saw."""
    if proposal.invoice_id is None or proposal.before is None:
        return False
    return adjusting.owed_on(_document(proposal.invoice_id)) != _owed(proposal.before)


def require_decidable(*, actor: Actor, proposal: Proposal, now: datetime, approving: bool) -> None:
    """Refuse, before the page asks anything, what approving or rejecting would refuse.

    Raises:
        OwnProposal: the proposer must not decide.
        NotIndependent: as `approve` does; all other people may reject.
        ProposalDecided: it has ended.
    """
    _require_another(actor, proposal)
    if approving:
        independence.require_another(user=actor.user, proposer=proposal.proposed_by, now=now)
    if proposal.status not in Proposal.WAITING:
        raise ProposalDecided


def reject(*, actor: Actor, proposal_id: int, reason: str, now: datetime) -> Proposal:
    """End a proposal without its change; the person must not be the proposer.

    Raises:
        Proposal.DoesNotExist: unknown.
        OwnProposal: the proposer must not decide.
        ProposalDecided: another person was faster.
        MissingReason: give a reason.
    """
    reason = recording.required_reason(reason)
    proposal = _get(proposal_id)
    with _deciding(actor, CHANGE_REJECTED, proposal, now, reason=reason):
        _require_another(actor, proposal)
        rejected = Proposal.objects.filter(pk=proposal.pk, status=Status.OPEN).update(
            status=Status.REJECTED,
            decided_by=actor.user,
            decided_at=now,
            decision_reason=reason,
        )
        if not rejected:
            raise ProposalDecided
        if proposal.refund_id is not None:
            refund_approving.cancel(refund_id=proposal.refund_id, now=now)
    return _get(proposal_id)


def withdraw(*, actor: Actor, proposal_id: int, now: datetime) -> Proposal:
    """End one's own proposal without its change, so that another can be made.

    Raises:
        Proposal.DoesNotExist: unknown.
        NotYourProposal: another person proposed it.
        ProposalDecided: another person has decided, or is deciding now.
    """
    proposal = _get(proposal_id)
    with _deciding(actor, CHANGE_WITHDRAWN, proposal, now):
        if actor.user.pk != proposal.proposed_by_id:
            raise NotYourProposal
        withdrawn = Proposal.objects.filter(pk=proposal.pk, status=Status.OPEN).update(
            status=Status.WITHDRAWN, decided_at=now
        )
        if not withdrawn:
            raise ProposalDecided
        if proposal.refund is not None and proposal.refund.created_at == proposal.proposed_at:
            refund_approving.cancel(refund_id=proposal.refund.pk, now=now)  # the merchant's stay
    return _get(proposal_id)


def _document(invoice_id: int) -> InvoiceDocument:
    return selectors.documents_of([Invoice.objects.select_related("gateway").get(pk=invoice_id)])[0]


def _get(proposal_id: int) -> Proposal:
    return Proposal.objects.select_related("invoice__tenant", "refund", "proposed_by").get(
        pk=proposal_id
    )


def propose(
    *,
    proposal: Proposal,
    actor: Actor,
    reason: str,
    now: datetime,
    prepare: Callable[[], None] | None = None,
) -> Proposal:
    """Save a proposal, with what `prepare` makes for it in the same transaction.

    Raises:
        MissingReason, ProposalWaiting: give a reason; one change at a time.
    """
    proposal.reason = recording.required_reason(reason)
    proposal.proposed_by, proposal.proposed_at = actor.user, now
    with recording.recorded(
        actor=actor,
        act=CHANGE_PROPOSED,
        about=Proposal,
        now=now,
        reason=proposal.reason,
        tenant_id=proposal.tenant_id,
        invoice_id=proposal.invoice_id,
    ) as entry:
        try:
            with transaction.atomic():
                if prepare is not None:
                    prepare()
                proposal.save(force_insert=True)
        except IntegrityError as error:
            if (violated_constraint(error) or "").startswith("proposal_one_waiting"):
                raise ProposalWaiting from error
            raise
        entry.object_id = proposal.pk
        entry.message = str(proposal.get_act_display())
    return proposal


def _deciding(
    actor: Actor, act: str, proposal: Proposal, now: datetime, *, reason: str = ""
) -> AbstractContextManager[StaffAct]:
    return recording.recorded(
        actor=actor,
        act=act,
        about=proposal,
        now=now,
        reason=reason or proposal.reason,
        tenant_id=proposal.tenant_id,
        invoice_id=proposal.invoice_id,
    )


def _require_another(actor: Actor, proposal: Proposal) -> None:
    if actor.user.pk == proposal.proposed_by_id:
        raise OwnProposal


def _claim(proposal: Proposal, actor: Actor, now: datetime) -> None:
    """Take a proposal that no other approval holds; one conditional UPDATE."""
    free = Q(status=Status.OPEN) | Q(status=Status.APPLYING, leased_until__lte=now)
    claimed = Proposal.objects.filter(free, pk=proposal.pk).update(
        status=Status.APPLYING,
        decided_by=actor.user,
        decided_at=now,
        leased_until=now + LEASE,
        tries=F("tries") + 1,
    )
    if not claimed:
        raise ProposalDecided
    proposal.refresh_from_db()


def _apply(proposal: Proposal, now: datetime) -> None:
    try:
        _change(proposal, now)
    except InvoiceChanged:
        if not _was_made_before(proposal):
            raise


def _change(proposal: Proposal, now: datetime) -> None:
    if proposal.act == Act.IGNORE_WEBHOOK:
        assert proposal.event_id is not None, "a proposal to ignore nothing"
        acts.set_aside(event_id=proposal.event_id, now=now)
        return
    if proposal.act == Act.REFUND:
        assert proposal.refund_id is not None, "a proposal to refund nothing"
        refund_approving.approve(
            refund_id=proposal.refund_id,
            seen=proposal.after or [],
            resumed=proposal.tries > 1,
            now=now,
        )
        return
    invoice, named = proposal.invoice, proposal.named or {}
    assert invoice is not None, "a proposal to change nothing"
    if proposal.act == Act.TRANSFER:
        transferring.transfer(
            source_id=invoice.pk,
            target_id=named["target_id"],
            amount=named["amount"],
            seen=proposal.after or {},
            name=f"transfer-{proposal.pk}",
            now=now,
        )
        return
    seen = _owed(proposal.before)
    if proposal.act == Act.CANCEL:
        closing.cancel_invoice(tenant=invoice.tenant, invoice_id=invoice.pk, seen=seen, now=now)
        return
    closing.adjust_installments(
        tenant=invoice.tenant,
        invoice_id=invoice.pk,
        named={int(number): total for number, total in named.items()},
        seen=seen,
        now=now,
    )


def _was_made_before(proposal: Proposal) -> bool:
    """Return whether an approval that was interrupted had made the change already."""
    if proposal.tries < 2 or proposal.invoice_id is None or proposal.before is None:
        return False
    return adjusting.owed_on(_document(proposal.invoice_id)) == _owed(proposal.after)


def _owed(stored: Mapping[str, Any] | None) -> Owed:
    stored = stored or {}
    return Owed(
        ended_as=stored["ended_as"],
        paid_amount=stored["paid_amount"],
        installments=tuple((number, total, paid) for number, total, paid in stored["installments"]),
    )


def _reopen(proposal: Proposal, error: PayTrustError) -> None:
    """Open the proposal for approval again, and keep the failure for the reader."""
    _mine(proposal).update(
        status=Status.OPEN,
        decided_by=None,
        decided_at=None,
        leased_until=None,
        failure_reason=str(error)[:500],
    )
    proposal.refresh_from_db()


def _end(proposal: Proposal, status: Proposal.Status, *, failure_reason: str = "") -> None:
    _mine(proposal).update(status=status, leased_until=None, failure_reason=failure_reason[:500])
    proposal.refresh_from_db()


def _mine(proposal: Proposal) -> QuerySet[Proposal]:
    """Return the row, unless another approval has taken it over since."""
    return Proposal.objects.filter(pk=proposal.pk, status=Status.APPLYING, tries=proposal.tries)
