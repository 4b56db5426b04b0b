"""Asking gateways about payments for which no notification came (spec 4.8).

PayTrust asks about a request 10 minutes after it was recorded, after an hour, then daily, and once
more when its page has closed. It books the answer exactly as a notification's.
"""

from datetime import datetime, timedelta

import structlog

from gateways import registry
from gateways.adapter import GatewayBusy, GatewayError, PaymentReport, PaymentState
from gateways.budgets.pacing import Priority
from invoices.models import PaymentRequest
from invoices.payment_requests import leases, pages, transitions
from invoices.payment_requests.leases import PaymentInProgress
from invoices.payment_requests.states import CHECKED
from payments.booking import settling
from paytrust.errors import PayTrustError
from paytrust.operations.database import release_connection

log = structlog.get_logger(__name__)

SECOND_CHECK_AFTER = timedelta(hours=1)
EVERY = timedelta(days=1)
ASK_AGAIN_AFTER = timedelta(minutes=10)  # after a failure, and if a task is lost
PAGE_MARGIN = timedelta(minutes=10)  # a gateway's clock may be so far behind ours
NOT_PAID = {PaymentState.PENDING, PaymentState.UNKNOWN}


def claim_due(*, now: datetime, limit: int) -> list[int]:
    """Return the ids of payment requests that are due for a question, each to one caller."""
    return leases.claim_checks(now=now, until=now + ASK_AGAIN_AFTER, limit=limit)


def check(*, payment_request_id: int, now: datetime) -> str:
    """Ask the gateway about one payment request, record the answer, and return its effect.

    If the payment stayed `opening`, it is taken over if the gateway has made it; if not, it waits
    for the merchant's own retry, which makes it. A page that has closed unused ends by our own
    clock. Failures are logged; the gateway is asked again in ten minutes.

    Safe to run twice.
    """
    payment_request = PaymentRequest.objects.select_related("gateway").get(pk=payment_request_id)
    if payment_request.status not in CHECKED:
        return "unchanged"
    if payment_request.is_leased(now):
        return "in_progress"  # another caller is asking; its claim has set the next time
    try:
        outcome = _ask(payment_request, Priority.RECONCILIATION, now)
    except GatewayBusy as busy:
        _come_again(payment_request, busy, now)
        return busy.code
    except (GatewayError, PaymentInProgress) as error:
        log.warning("payment not checked", reference=payment_request.reference, reason=str(error))
        return error.code
    except PayTrustError as error:  # a retry cannot help: asked again at the usual times
        log.critical("payment not booked", reference=payment_request.reference, reason=str(error))
        outcome = error.code
    _plan_next(payment_request, now)
    return outcome


def ask(*, payment_request_id: int, now: datetime) -> str:
    """Ask the gateway about a payment in any state, and book its answer; for operators.

    Returns:
        The effect of the answer, in one word.

    Raises:
        PaymentInProgress: another caller is asking the gateway about it.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: there was no answer.
        The failures of `payments.booking.settling.settle`.
    """
    return _asked(payment_request_id, Priority.MERCHANT, now)


def ask_for_job(*, payment_request_id: int, now: datetime) -> None:
    """Ask about a payment as `ask` does; failures are logged, and the checks ask again."""
    try:
        outcome = _asked(payment_request_id, Priority.CONFIRMATION, now)
    except PayTrustError as error:
        transitions.to_be_asked(ids=[payment_request_id], at=now)
        log.warning(
            "payment not asked about", payment_request=payment_request_id, reason=str(error)
        )
        return
    log.info("payment asked about", id=payment_request_id, outcome=outcome)


def _asked(payment_request_id: int, priority: Priority, now: datetime) -> str:
    payment_request = PaymentRequest.objects.select_related("gateway").get(pk=payment_request_id)
    leases.require_free(payment_request, now)
    return _ask(payment_request, priority, now)


def _ask(payment_request: PaymentRequest, priority: Priority, now: datetime) -> str:
    adapter = registry.adapter_for(
        payment_request.gateway.code,
        account_id=payment_request.account_id,
        priority=priority,
        tenant_id=payment_request.tenant_id,
    )
    release_connection()
    report = adapter.find_payment(
        reference=payment_request.reference,
        gateway_id=payment_request.gateway_payment_id,
        currency=payment_request.currency_code,
    )
    closed = payment_request.expires_at + PAGE_MARGIN <= now
    if closed and (report is None or report.state in NOT_PAID):
        lapsed = settling.lapse(payment_request_id=payment_request.pk, now=now)
        return "lapsed" if lapsed else "unchanged"
    if report is None:
        return "unknown"  # a Snap page without a chosen method, or nothing was made
    if report.state == PaymentState.PENDING:
        return _adopt(payment_request, report, now)
    settlement = settling.settle(
        payment_request_id=payment_request.pk, report=report, event=None, now=now
    )
    return settlement.outcome


def _adopt(payment_request: PaymentRequest, report: PaymentReport, now: datetime) -> str:
    """Record the page that an earlier call made but could not record."""
    if payment_request.status != PaymentRequest.Status.OPENING or report.page is None:
        return "unchanged"
    pages.record_page(payment_request=payment_request, page=report.page, now=now)
    log.info("payment adopted", reference=payment_request.reference)
    return "adopted"


def _come_again(payment_request: PaymentRequest, busy: GatewayBusy, now: datetime) -> None:
    """Ask again as soon as the gateway's limit allows; this is not a failure."""
    transitions.asked_again(
        payment_request=payment_request, at=now + timedelta(seconds=busy.wait_seconds)
    )


def _plan_next(payment_request: PaymentRequest, now: datetime) -> None:
    """Set the time of the next question, unless the answer has ended the request."""
    payment_request.refresh_from_db(fields=["expires_at"])  # an adopted page has its own
    second = payment_request.created_at + SECOND_CHECK_AFTER
    after_page = payment_request.expires_at + PAGE_MARGIN
    times = [second if now < second else now + EVERY]
    if now < after_page:
        times.append(after_page)
    transitions.asked_again(payment_request=payment_request, at=min(times))
