"""Sending a refund to its gateway, asking for its result, and recording the answer.

No lock and no connection is held during the gateway's call. A refund whose result is unknown stays
`sending`; a job asks, and sends the same order again only if the gateway knows of none.
"""

from datetime import datetime, timedelta

import structlog
from django.db.models import Q

from apikeys.idempotency.once import Once
from gateways import registry
from gateways.adapter import (
    GatewayAdapter,
    GatewayBusy,
    GatewayError,
    GatewayRejected,
    GatewayTimeout,
    GatewayUnavailable,
    Reversal,
)
from gateways.budgets.pacing import Priority
from gateways.refunds import RefundOrder, RefundReason, RefundRefused, RefundReport
from invoices.models import PaymentRequest
from invoices.payment_requests.leases import PaymentInProgress
from payments.refunds import settling, transitions
from payments.refunds.models import Refund
from payments.refunds.states import Status
from paytrust.errors import PayTrustError
from paytrust.money import Money
from paytrust.operations import locking
from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

UNKNOWN = (GatewayBusy, GatewayTimeout, GatewayUnavailable)
"""The gateway may have made the refund, or can make it later."""
GIVEN_UP_AFTER = timedelta(hours=24)


def send(*, refund: Refund, now: datetime, once: Once | None = None) -> Refund:
    """Ask the gateway to make a refund that is leased to the caller, and record the answer.

    Returns:
        The refund as it is now; still `sending` if the result is unknown.

    Raises:
        RefundRefused, GatewayRejected: the gateway refused; the refund is `failed`.
    """
    return _sent(refund, _adapter(refund), now, once)


def claim_due(*, now: datetime, limit: int) -> list[int]:
    """Return the ids of refunds that are due for a question, each to one caller."""
    return locking.claim(
        Refund.objects.due(now),
        by="next_check_at",
        taken=lambda ids: transitions.handed_out(ids, now=now),
        limit=limit,
    )


def ask_soon(*, about: PaymentRequest, failed: Reversal, now: datetime) -> None:
    """Let the job ask now about a refund of a payment that failed, as a notification says."""
    it = Q(gateway_refund_id=failed.id) | Q(reference=failed.reference)
    named = Refund.objects.filter(it, transaction__payment_request=about).values_list(
        "pk", flat=True
    )
    transitions.to_be_asked(ids=list(named), at=now)


def check(*, refund_id: int, now: datetime) -> str:
    """Ask the gateway about one refund that is leased to the caller, and record its answer.

    One that was never made is sent again under its own reference; after a day it has failed.
    Failures are logged, and the gateway is asked again. Safe to run twice.

    Returns:
        Its state.
    """
    refund = _get(refund_id)
    if refund.status not in {Status.SENDING, Status.PENDING}:
        return refund.status
    adapter = _adapter(refund)
    try:
        return _asked(refund, adapter, now).status
    except UNKNOWN as error:
        log.warning("refund not asked about", reference=refund.reference, reason=str(error))
    except PaymentInProgress:
        log.info("refund not recorded yet", reference=refund.reference)
    except (GatewayError, RefundRefused) as error:  # recorded
        log.warning("refund refused", reference=refund.reference, reason=str(error))
        return Status.FAILED
    except PayTrustError as error:
        log.critical("refund not booked", reference=refund.reference, reason=str(error))
    transitions.outcome_unknown(refund=refund, now=now)
    return refund.status


def order_of(refund: Refund) -> RefundOrder:
    """Return the order for the gateway; it is the same each time."""
    payment = refund.transaction
    return RefundOrder(
        reference=refund.reference,
        amount=Money(refund.amount, refund.currency_code),
        is_whole=refund.amount == payment.amount,
        reason=RefundReason(refund.reason),
        charge_id=payment.gateway_transaction_id.split("#")[0],
        payment_id=payment.payment_request.gateway_charge_id,
    )


def _asked(refund: Refund, adapter: GatewayAdapter, now: datetime) -> Refund:
    release_connection()
    report = adapter.find_refund(order_of(refund), refund_id=refund.gateway_refund_id)
    if report is not None:
        return settling.record(refund_id=refund.pk, report=report, now=now)
    if refund.status == Status.PENDING:  # the gateway had accepted it, and now does not know it
        log.error("refund not found", reference=refund.reference)
        raise GatewayUnavailable(adapter.code, "it does not know the refund that it took")
    if now >= refund.created_at + GIVEN_UP_AFTER:
        return settling.record_failure(
            refund_id=refund.pk,
            code=GatewayUnavailable.code,
            message="The gateway did not take it within a day.",
            now=now,
        )
    transitions.tried_again(refund=refund)
    return _sent(refund, adapter, now)


def _sent(
    refund: Refund, adapter: GatewayAdapter, now: datetime, once: Once | None = None
) -> Refund:
    release_connection()
    try:
        report: RefundReport = adapter.create_refund(order_of(refund))
    except UNKNOWN as error:
        log.warning("refund not sent yet", reference=refund.reference, reason=str(error))
        transitions.outcome_unknown(refund=refund, now=now)
        return refund
    except (RefundRefused, GatewayRejected) as error:
        settling.record_failure(
            refund_id=refund.pk, code=_code_of(error), message=str(error), now=now
        )
        error.details["refund_id"] = refund.pk
        raise
    return settling.record(refund_id=refund.pk, report=report, now=now, once=once)


def _code_of(error: RefundRefused | GatewayRejected) -> str:
    """Return our own code, or else the gateway's."""
    if isinstance(error, RefundRefused):
        return error.code
    return str(error.details.get("gateway_code", error.code))


def _adapter(refund: Refund) -> GatewayAdapter:
    asked = refund.transaction.payment_request
    return registry.adapter_for(
        refund.transaction.gateway.code,
        account_id=asked.account_id,
        priority=Priority.REFUND,
        tenant_id=refund.tenant_id,
    )


def _get(refund_id: int) -> Refund:
    return Refund.objects.select_related(
        "transaction__gateway", "transaction__payment_request"
    ).get(pk=refund_id)
