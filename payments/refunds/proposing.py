"""Refunds that a member of staff proposes and another approves."""

from datetime import datetime

from apikeys.staff_acts.recording import Actor
from invoices.models import Invoice
from payments.changes import proposals
from payments.models import Proposal
from payments.refunds import approving, services
from payments.refunds.models import Refund
from payments.refunds.request import RefundRequest
from payments.refunds.states import Status


def propose_refund(
    *, actor: Actor, invoice_id: int, request: RefundRequest, reason: str, now: datetime
) -> Proposal:
    """Propose to give back money of a payment, through its gateway or by bank.

    Raises:
        Invoice.DoesNotExist, Transaction.DoesNotExist: unknown.
        MissingReason, ProposalWaiting: give a reason; one change at a time.
        The failures of `payments.refunds.services.request_for_approval`.
    """
    invoice = Invoice.objects.get(pk=invoice_id)
    proposal = Proposal(act=Proposal.Act.REFUND, tenant_id=invoice.tenant_id, invoice=invoice)

    def prepare() -> None:
        refund = services.request_for_approval(invoice_id=invoice_id, request=request, now=now)
        proposal.refund, proposal.after = refund, approving.sources_of(refund=refund)

    return proposals.propose(
        proposal=proposal, actor=actor, reason=reason, now=now, prepare=prepare
    )


def propose_requested(*, actor: Actor, refund_id: int, reason: str, now: datetime) -> Proposal:
    """Propose to send a refund that a merchant asked for above the tenant's limit.

    Raises:
        Refund.DoesNotExist: unknown.
        RefundNotWaiting: it was decided on already.
        MissingReason, ProposalWaiting: give a reason; one change at a time.
    """
    refund = Refund.objects.select_related("invoice", "transaction").get(pk=refund_id)
    if refund.status != Status.REQUESTED:
        raise approving.RefundNotWaiting
    proposal = Proposal(
        act=Proposal.Act.REFUND,
        tenant_id=refund.tenant_id,
        invoice=refund.invoice,
        refund=refund,
        after=approving.sources_of(refund=refund),
    )
    return proposals.propose(proposal=proposal, actor=actor, reason=reason, now=now)
