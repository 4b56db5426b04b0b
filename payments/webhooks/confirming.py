"""Asking gateways whether notifications are true, and booking what they answer.

No gateway's signature or token proves the state and the amount of a payment. So a notification
moves no money by itself: PayTrust asks the gateway and books its answer (spec 4.4).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DataError, OperationalError

from gateways import registry
from gateways.adapter import (
    GatewayAdapter,
    GatewayBusy,
    GatewayError,
    GatewayTimeout,
    GatewayUnavailable,
    Notification,
    PaymentReport,
    PaymentState,
    Reversal,
)
from gateways.budgets.pacing import Priority
from invoices.models import PaymentRequest
from invoices.payment_requests import transitions
from invoices.payment_requests.leases import PaymentInProgress, in_locked_transaction
from payments.booking import reversals, settling
from payments.booking.reversals import UNDOES_PAYMENT, ReversalBeforePayment
from payments.disputes import services as disputes
from payments.models import WebhookEvent
from payments.refunds import sending as refunds
from payments.webhooks import flagging, gathering, receiving, retrying
from paytrust.errors import PayTrustError
from paytrust.operations.database import release_connection
from paytrust.operations.trips import Statement, trip

log = structlog.get_logger(__name__)


class UnknownReference(PayTrustError):
    """A notification names a payment that PayTrust never asked for."""

    code = "unknown_reference"


class NotConfirmed(PayTrustError):
    """The gateway, when asked, does not say what the notification says."""

    code = "not_confirmed"


TRANSIENT = (
    GatewayTimeout,
    GatewayUnavailable,
    PaymentInProgress,
    OperationalError,
    NotConfirmed,
    ReversalBeforePayment,
)
"""What time can cure; everything else fails at once."""

PENDING_OR_EXPIRED = frozenset({PaymentState.PENDING, PaymentState.EXPIRED})
BEHIND = {
    PaymentState.PAID: PENDING_OR_EXPIRED,  # Xendit may show EXPIRED for a late payment (A10)
    PaymentState.REVERSED: PENDING_OR_EXPIRED,
    PaymentState.EXPIRED: frozenset({PaymentState.PENDING}),
    PaymentState.FAILED: frozenset({PaymentState.PENDING}),
    PaymentState.CANCELLED: frozenset({PaymentState.PENDING}),
}
"""What the gateway's answer must not be for what a notification says: an answer behind it."""

VAGUE_CHANNELS = {"QRIS"}
"""What gateways may answer where only their notification says who issued the QR code's reader."""

AWAY = (GatewayBusy, GatewayTimeout, GatewayUnavailable)
REPEATED = {
    "booked": "already_booked",
    "refunded": "already_booked",
    "reversed": "already_booked",
    "ended": "unchanged",
}
"""What an event led to that says the same as one before it."""

LONGEST_ROUND_SECONDS = 40.0  # of a lease of 60; other tasks take the rest
LONG_SECONDS = 5.0  # for one account, while others' events are leased by the same task
PAUSE = timedelta(seconds=5)  # after which a gateway that was away is asked again
WORTH_A_PAGE = 5  # payments; fewer are asked for one by one
MARGIN = timedelta(seconds=1)  # both ends of the list's window are exclusive
RECENT = timedelta(hours=1)
LATE_OVERLAP = timedelta(hours=24)  # what the gateway itself learned late (C2)


def process(*, event_id: int, now: datetime) -> None:
    """Ask the gateway about a stored event and the events that wait with it; book the answers.

    Events about one payment lead to one question; if the gateway lists what was paid, one call
    answers for many payments. Safe to run twice, and at once. After a transient failure the next
    attempts are 1, 6 and 36 minutes after the first. The event is `failed` after the third of
    these, or at once if a retry cannot help. A gateway's limit costs an event no attempt.

    Source: FR-040, spec 4.4 to 4.7, 12.1, 12.3.
    """
    _process(gathering.take(event_id=event_id, now=now), now)


def process_due(*, now: datetime) -> bool:
    """Process events that are due as `process` does; return whether more may be due.

    Each account's are asked about by themselves. If one account's took long, the others' are given
    back, so that another task can have them.
    """
    until = time.monotonic() + LONG_SECONDS
    accounts, are_more = gathering.take_due(now=now)
    for events in accounts:
        if time.monotonic() > until:
            retrying.hand_back(events, now)
            are_more = True
        else:
            _process(events, now)
    return are_more


def _process(events: Sequence[WebhookEvent], now: datetime) -> None:
    """Ask about events of one account, which are leased, and book the answers."""
    questions = _questions(events, now)
    until = time.monotonic() + LONGEST_ROUND_SECONDS
    listed = _listed(questions)
    for number, question in enumerate(questions, start=1):
        away = _answer(question, listed.get(question.about.reference), now)
        rest = [said.event for waiting in questions[number:] for said in waiting.said]
        if isinstance(away, GatewayBusy):
            _come_again(rest, away, now)
            return
        if away or time.monotonic() > until:
            retrying.hand_back(rest, now + PAUSE if away else now)
            return


@dataclass(frozen=True, slots=True)
class Said:
    """A stored event and its content."""

    event: WebhookEvent
    notification: Notification

    @property
    def claims_only_payment(self) -> bool:
        """Return whether a row of the gateway's list can confirm all of it."""
        report = self.notification.report
        if report is None or self.notification.opens_dispute:
            return False
        return report.state == PaymentState.PAID and not report.reversals

    @property
    def claim(self) -> object:
        """Return the part that is equal in two events with the same content."""
        report = self.notification.report
        return report and (report.raw_status, report.paid_amount, report.reversals)


@dataclass(frozen=True, slots=True)
class Question:
    """One charge to ask about, and the events that wait for the answer, oldest first."""

    about: PaymentRequest
    said: list[Said]


def _questions(events: Sequence[WebhookEvent], now: datetime) -> list[Question]:
    """Group events by the charge that they are about; events without a question end here."""
    questions: dict[tuple[int, str | None], Question] = {}
    for said, found in _looked_up(_read(events, now), now):
        event = said.event
        try:
            about = _payment_of(said, found)
            report = said.notification.report
            if report is not None:
                settling.require_currency(about.currency_code, report)
            known = _known_outcome(said, about, now)
            if known is not None:
                trip(retrying.processed(event, about, known, now))
                continue
        except Exception as error:  # noqa: BLE001  # `_end` tells bugs from what may happen
            _end(event, error, now)
            continue
        key = about.pk, said.notification.gateway_id
        questions.setdefault(key, Question(about, [])).said.append(said)
    return list(questions.values())


def _read(events: Sequence[WebhookEvent], now: datetime) -> list[Said]:
    """Return the events with their content; those that cannot be read end here."""
    read = []
    for event in events:
        try:
            read.append(Said(event, _notification(event)))
        except Exception as error:  # noqa: BLE001  # `_end` tells bugs from what may happen
            _end(event, error, now)
    return read


def _looked_up(read: Sequence[Said], now: datetime) -> Sequence[tuple[Said, PaymentRequest | None]]:
    """Return events with the payments that they name, which one trip looks for.

    If one of them cannot be looked for, each is by itself.
    """
    named = [(said.event.gateway_id, said.notification) for said in read]
    try:
        found = receiving.find_payment_requests(named) if named else []
    except DataError as error:
        if len(read) == 1:
            _end(read[0].event, error, now)
            return []
        return [pair for said in read for pair in _looked_up([said], now)]
    return list(zip(read, found, strict=True))


def _notification(event: WebhookEvent) -> Notification:
    return registry.adapter_for(event.gateway.code).parse_notification(
        headers=event.headers, body=bytes(event.body)
    )


def _payment_of(said: Said, about: PaymentRequest | None) -> PaymentRequest:
    event, notification = said.event, said.notification
    if about is None or not registry.is_same_account(
        event.gateway.code, event.account_id, about.account_id
    ):
        raise UnknownReference(
            f"No payment has the reference {notification.reference!r} "
            f"or the id {notification.gateway_id!r}."
        )
    return about


def _known_outcome(said: Said, about: PaymentRequest, now: datetime) -> str | None:
    """Return the effect of an event if the gateway need not be asked about it."""
    report = said.notification.report
    if said.notification.opens_dispute:
        flagging.flag_dispute(invoice_id=about.invoice_id)
        if said.notification.dispute is not None:
            disputes.record(about=about, report=said.notification.dispute, now=now)
        if report is None:
            return "disputed"
    if said.notification.failed_refund is not None:
        refunds.ask_soon(about=about, failed=said.notification.failed_refund, now=now)
        return "unchanged"  # by this event; the answer of the gateway says what became of it
    if report is None or report.paid_amount is None or not said.claims_only_payment:
        return None
    if about.status != PaymentRequest.Status.PAID:  # it is, for good, once money was booked on it
        return None
    booked = reversals.payments_of(payment_request=about, report=report)
    confirmed_before = sum(row.amount for row in booked) >= report.paid_amount.minor
    return "already_booked" if confirmed_before else None


def _listed(questions: Sequence[Question]) -> dict[str, PaymentReport]:
    """Look for payments in the gateway's list, if there are enough of them for a page."""
    paid_at = {
        question.about.reference: _claimed_paid_at(question)
        for question in questions
        if all(said.claims_only_payment for said in question.said)
    }
    if not settings.CONFIRM_WITH_GATEWAY or len(paid_at) < WORTH_A_PAGE:
        return {}
    adapter = _adapter(questions[0].about)
    recent_from = max(paid_at.values()) - RECENT
    recent = {reference: at for reference, at in paid_at.items() if at >= recent_from}
    late = {reference: at for reference, at in paid_at.items() if at < recent_from}
    found: dict[str, PaymentReport] = {}
    for wanted, overlap in ((recent, MARGIN), (late, LATE_OVERLAP)):
        if len(wanted) < WORTH_A_PAGE:
            continue
        release_connection()
        try:
            found |= adapter.find_paid(
                references=wanted.keys(),
                after=min(wanted.values()) - overlap,
                before=max(wanted.values()) + MARGIN,
            )
        except GatewayError as error:  # each is asked for alone, or has to wait
            log.warning("list of payments not had", reason=str(error))
            break
    log.info("payments confirmed by list", wanted=len(paid_at), found=len(found))
    return found


def _claimed_paid_at(question: Question) -> datetime:
    """Return when the customer paid, as the event says; a false time only costs a call."""
    first = question.said[0]
    report = first.notification.report
    return (report.paid_at if report else None) or first.event.received_at


def _answer(question: Question, listed: PaymentReport | None, now: datetime) -> Exception | None:
    """Book the gateway's answer for each event that waits for it.

    Returns:
        The failure after which questions about other payments are useless now.
    """
    try:
        report = listed or (_ask(question) if settings.CONFIRM_WITH_GATEWAY else None)
    except Exception as error:  # noqa: BLE001  # `_end` tells bugs from what may happen
        for said in question.said:
            _end(said.event, error, now)
        return error if isinstance(error, AWAY) else None
    ended: dict[object, str | Exception] = {}
    repeats: dict[str, list[WebhookEvent]] = {}
    for said in question.said:
        before = ended.get(said.claim)
        if isinstance(before, str):
            repeats.setdefault(REPEATED.get(before, before), []).append(said.event)
        elif before is not None:
            _end(said.event, before, now)
        else:
            try:
                ended[said.claim] = _book(said, question.about, report, now)
            except Exception as error:  # noqa: BLE001  # `_end` tells bugs from what may happen
                _end(said.event, error, now)
                ended[said.claim] = error
    for outcome, events in repeats.items():
        retrying.record_repeats(events, question.about, outcome, now)
    return None


def _book(said: Said, about: PaymentRequest, report: PaymentReport | None, now: datetime) -> str:
    """Book what the gateway answered, if it confirms the event; return the effect."""
    claimed = said.notification.report
    report = claimed if report is None else _confirmed(report, said.notification)
    if report is None or report.reference not in {about.reference, ""}:
        raise UnknownReference(
            f"Asked about {about.reference}, the gateway answered about another payment."
        )
    return _settle(said, about, report, now)


def _end(event: WebhookEvent, error: Exception, now: datetime) -> None:
    """Record how an attempt failed, and whether a later one can succeed."""
    match error:
        case GatewayBusy():
            _come_again([event], error, now)
        case _ if isinstance(error, TRANSIENT):
            retrying.put_off(event, error, now)
        case PayTrustError():
            retrying.fail(event, error, now)
        case _:
            log.error("event could not be processed", event_id=event.pk, exc_info=error)
            retrying.put_off(event, error, now)


def _come_again(events: Sequence[WebhookEvent], busy: GatewayBusy, now: datetime) -> None:
    if events:
        retrying.come_again(events, busy, now, spread=gathering.spread(events[0]))


def _adapter(about: PaymentRequest) -> GatewayAdapter:
    return registry.adapter_for(
        about.gateway.code,
        account_id=about.account_id,
        priority=Priority.CONFIRMATION,
        tenant_id=about.tenant_id,
    )


def _ask(question: Question) -> PaymentReport:
    """Ask the gateway for the state of a charge, and for reversals that this does not show.

    Raises:
        NotConfirmed: the gateway does not know the payment.
    """
    about, adapter = question.about, _adapter(question.about)
    release_connection()
    report = adapter.find_payment(
        reference=about.reference,
        gateway_id=question.said[0].notification.gateway_id or _known_id(question),
        currency=about.currency_code,
    )
    if report is None and question.said[0].notification.gateway_id is not None:
        report = adapter.find_payment(  # by our own reference, spec 4.5
            reference=about.reference, currency=about.currency_code
        )
    if report is None:
        raise NotConfirmed(f"The gateway does not know {about.reference}.")
    claimed = {one.id for said in question.said for one in _claimed_reversals(said.notification)}
    found = [
        adapter.find_reversal(
            reversal_id=reversal_id,
            reference=about.reference,
            currency=about.currency_code,
            gateway_id=report.gateway_id,
            payment_id=about.gateway_charge_id,
        )
        for reversal_id in sorted(claimed - {reversal.id for reversal in report.reversals})
    ]
    return replace(
        report, reversals=(*report.reversals, *(one for one in found if one and one.confirmed))
    )


def _claimed_reversals(notification: Notification) -> tuple[Reversal, ...]:
    return notification.report.reversals if notification.report else ()


def _confirmed(report: PaymentReport, notification: Notification) -> PaymentReport:
    """Return the gateway's answer if it is at least as new as the notification.

    An older answer is not booked: the event waits until the gateway's answer agrees with it, or
    until a person looks. A charge that ended after it was paid is newer.

    Raises:
        NotConfirmed: the gateway's answer does not confirm the notification, or not yet.
    """
    claimed = notification.report.state if notification.report else PaymentState.UNKNOWN
    behind = BEHIND.get(claimed, frozenset())
    missing = {one.id for one in _claimed_reversals(notification)} - {
        one.id for one in report.reversals
    }
    undone = report.state in UNDOES_PAYMENT  # a deny after settlement lists no reversal
    if report.state in behind or (missing and not undone):
        raise NotConfirmed(
            f"The notification says {notification.report.raw_status if notification.report else ''}"
            f", the gateway says {report.raw_status}."
        )
    notified = notification.report
    if notified is None:
        return report
    channel = notified.channel if report.channel in VAGUE_CHANNELS else report.channel
    return replace(report, notified_amount=notified.paid_amount, channel=channel or report.channel)


@in_locked_transaction
def _settle(said: Said, about: PaymentRequest, report: PaymentReport, now: datetime) -> str:
    def closing(outcome: str) -> Sequence[Statement]:
        recorded = retrying.processed(said.event, about, outcome, now)
        return [recorded, *_keeping_payment_id(said, about, report)]

    settlement = settling.settle_within(
        payment_request_id=about.pk, report=report, event=said.event, closing=closing, now=now
    )
    return settlement.outcome


def _keeping_payment_id(
    said: Said, about: PaymentRequest, confirmed: PaymentReport
) -> Iterator[Statement]:
    """Yield what keeps the payment's own id, which only notifications have (gateways-2.md C1)."""
    report = said.notification.report
    if confirmed.state != PaymentState.PAID or report is None or not report.payment_id:
        return
    if said.notification.reference and about.gateway_charge_id is None:
        yield transitions.charge_known(about, report.payment_id)


def _known_id(question: Question) -> str | None:
    """Return the gateway's id of a payment whose notification names it in another way."""
    said = question.said[0].notification
    return question.about.gateway_payment_id if said.reference is None else None
