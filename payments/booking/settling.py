"""Booking money: one transaction row, where each unit went, and the invoice's new state."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import structlog
from django.db import transaction

from apikeys.models import Tenant
from events.outbox import services as outbox
from gateways.adapter import PaymentReport, PaymentState
from gateways.models import Gateway
from invoices.ledger import posting
from invoices.ledger.allocation import plan_credit
from invoices.ledger.posting import Account
from invoices.models import Installment, Invoice, InvoiceQuerySet, PaymentRequest, Transaction
from invoices.payment_requests import ending
from invoices.payment_requests.leases import in_locked_transaction
from invoices.tasks import open_payment
from invoices.telling import services as invoice_telling
from invoices.telling.services import Sight
from payments.booking import recording, reversals, telling
from payments.booking.movement import Movement
from payments.booking.recording import Draft
from payments.models import WebhookEvent
from paytrust.errors import PayTrustError
from paytrust.operations import locking, queue, rows
from paytrust.operations.trips import Rows, Statement, join

log = structlog.get_logger(__name__)

PAGE_IS_OPEN = {PaymentRequest.Status.OPENING, PaymentRequest.Status.OPEN}
CHANGED = {"booked", "ended"}
RECEIVED = {PaymentState.PAID, PaymentState.REVERSED}  # money came, even if it went back later

_ITS_INVOICE: Final = (
    "(SELECT invoice_id FROM invoices_paymentrequest WHERE id = %(payment_request)s)"
)
_REQUESTS: Final = f"""
SELECT {rows.columns(PaymentRequest, "request")} FROM invoices_paymentrequest request
WHERE request.invoice_id = {_ITS_INVOICE}
    AND (request.status IN ('opening', 'open', 'closing') OR request.id = %(payment_request)s)
ORDER BY request.id"""  # noqa: S608  # nosec B608  # our own names


class CurrencyMismatch(PayTrustError):
    """A gateway reported money in another currency than the invoice's."""

    status = HTTPStatus.CONFLICT
    code = "currency_mismatch"


class UnknownPaymentStatus(PayTrustError):
    """A gateway uses a word for a payment's state that PayTrust does not know."""

    status = HTTPStatus.CONFLICT
    code = "unknown_payment_status"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a gateway's report changed."""

    outcome: str  # booked, refunded, reversed, already_booked, ended, unchanged
    transaction: Transaction | None = None


@dataclass(frozen=True, slots=True)
class Locked:
    """An invoice and its instalments under their locks, and what was read behind the locks."""

    invoice: Invoice
    installments: Sequence[Installment]
    payment_request: PaymentRequest
    before: Sight


class Arrival(NamedTuple):
    """A payment that is not booked yet."""

    gateway_transaction_id: str
    amount: int  # minor units


Closing = Callable[[str], Sequence[Statement]]
"""What the caller writes with a settlement, by its outcome."""


def _nothing(_outcome: str) -> Sequence[Statement]:
    return ()


@in_locked_transaction
def settle(
    *,
    payment_request_id: int,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
) -> Settlement:
    """Book what a gateway says about a payment, exactly once.

    The invoice is locked first, so settlements at the same time wait for each other; a repeat
    changes nothing. The report counts what arrived on its charge so far, so only what is not booked
    yet is booked; the same is true for money taken back. A report without money never undoes a
    payment.

    Raises:
        CurrencyMismatch: the gateway settled in another currency than the invoice's.
        InvalidStatusReport: its ISO 20022 status is not valid; nothing is booked.
        ReversalBeforePayment: money was taken back that is not booked yet.
        UnknownPaymentStatus: nothing is changed; a person must look at it.
        PaymentRequest.DoesNotExist: `payment_request_id` is unknown.

    Source: FR-028, FR-043, FR-047, spec 4.5 and 4.6.
    """
    return settle_within(payment_request_id=payment_request_id, report=report, event=event, now=now)


def settle_within(
    *,
    payment_request_id: int,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
    closing: Closing = _nothing,
) -> Settlement:
    """Do what `settle` does as a part of the caller's transaction, which a failure must end.

    A payment alone, which is nearly every report, is read by one trip and written by another, with
    what the caller writes as `closing`.
    """
    wanted = {"payment_request": payment_request_id}
    of_account = posting.reading_account(values=wanted, invoice=_ITS_INVOICE)
    locked, found = _locked(payment_request_id, now, *of_account)
    account = posting.account_of(
        invoice=locked.invoice, installments=locked.installments, found=found
    )
    require_currency(locked.invoice.currency_code, report)
    arrivals = _arrivals(locked.payment_request, report)
    if len(arrivals) == 1 and not reversals.may_be_in(report):
        draft = recording.drafted(
            **_booking(locked, account, report=report, arrival=arrivals[0], event=event, now=now)
        )
        return _book_alone(locked, draft, closing)
    settlement = _settle(locked, account, report=report, arrivals=arrivals, event=event, now=now)
    if also := closing(settlement.outcome):
        join(*also)
    return settlement


def _settle(
    locked: Locked,
    account: Account,
    *,
    report: PaymentReport,
    arrivals: Sequence[Arrival],
    event: WebhookEvent | None,
    now: datetime,
) -> Settlement:
    """Book all that a report says, or end a payment that no customer can pay any more."""
    invoice, payment_request = locked.invoice, locked.payment_request
    settlement = _end(invoice, payment_request, report, now)
    for arrival in arrivals:
        row = recording.record(
            **_booking(locked, account, report=report, arrival=arrival, event=event, now=now)
        )
        settlement = settlement if settlement.transaction else Settlement("booked", row)
    if arrivals:
        _open_next(invoice)
    taken_back = reversals.book(
        invoice=invoice, payment_request=payment_request, report=report, event=event, now=now
    )
    if taken_back or settlement.outcome in CHANGED:
        movements = telling.movements(invoice=invoice, now=now)
        invoice_telling.tell(invoice=invoice, before=locked.before, movements=movements, now=now)
    if not taken_back:
        return settlement
    is_refund = taken_back[0].kind == Transaction.Kind.REFUND
    return Settlement("refunded" if is_refund else "reversed", taken_back[0])


def _book_alone(locked: Locked, draft: Draft, closing: Closing) -> Settlement:
    """Book one payment, its events and what the caller writes, in one trip."""
    now = draft.now
    if draft.plan.overtaken:  # pages of other payments change too, and their events are read
        recording.write(draft, *closing("booked"))
        movements = telling.movements(invoice=locked.invoice, now=now)
        invoice_telling.tell(
            invoice=locked.invoice, before=locked.before, movements=movements, now=now
        )
    else:
        payment = telling.movement(payment=draft.row, plan=draft.plan, now=now)
        events = invoice_telling.changed(
            invoice=locked.invoice, before=locked.before, payment=payment, now=now
        )
        deliveries, *_ = recording.write(draft, *events, *closing("booked"))
        outbox.recorded(deliveries)
    _open_next(locked.invoice)
    return Settlement("booked", draft.row)


def _open_next(invoice: Invoice) -> None:
    """Let a task open the payment that is due next, if one is."""
    if invoice.open_payment_at:
        transaction.on_commit(lambda: queue.publish(open_payment, invoice_id=invoice.pk))


def _locked(
    payment_request_id: int, now: datetime, *also: Statement
) -> tuple[Locked, Sequence[Rows]]:
    """Lock the invoice of a payment request and its instalments, and read both, in one trip.

    Returns:
        What is locked, and the rows of what is read behind the locks `also`.

    Raises:
        PaymentRequest.DoesNotExist: there is no such request.
    """
    wanted = {"payment_request": payment_request_id}
    found, of_plan, asked, *rest = join(
        Statement(_lock(InvoiceQuerySet.locked), wanted),
        posting.locking_installments(values=wanted, invoice=_ITS_INVOICE),
        Statement(_REQUESTS, wanted),
        *also,
    )
    if not found:
        raise PaymentRequest.DoesNotExist(str(payment_request_id))
    own, of_tenant = rows.width(Invoice), rows.width(Tenant)
    invoice = rows.made(Invoice, found[0][:own])
    invoice.tenant = rows.made(Tenant, found[0][own : own + of_tenant])
    invoice.gateway = rows.made(Gateway, found[0][own + of_tenant :])
    installments = posting.installments_of(invoice, of_plan)
    requests = [rows.made(PaymentRequest, row) for row in asked]
    by_id = {one.pk: one for one in installments}
    for request in requests:
        request.installment = by_id[request.installment_id]
    active = [one for one in requests if one.is_active]
    before = invoice_telling.sight_of(invoice, installments, active, now)
    payment_request = next(one for one in requests if one.pk == payment_request_id)
    return Locked(invoice, installments, payment_request, before), rest


@functools.cache
def _lock(locked: Callable[[InvoiceQuerySet], InvoiceQuerySet]) -> str:
    """Have the queryset make the SQL once for each way to lock: a test takes the lock away."""
    its_invoice = Invoice.objects.select_related("tenant", "gateway").filter(pk=0)
    return locking.lock_sql(locked(its_invoice), "id").replace("%(id)s", _ITS_INVOICE)


@in_locked_transaction
def lapse(*, payment_request_id: int, now: datetime) -> bool:
    """End an unpaid payment by our own clock; return whether this call did.

    Source: spec 4.8: a Snap page that expires unused sends no notification.
    """
    locked, _nothing_else = _locked(payment_request_id, now)
    payment_request = locked.payment_request
    if not payment_request.is_active or payment_request.expires_at > now:
        return False
    _end_as(locked, PaymentRequest.Status.EXPIRED, now)
    log.info("payment lapsed", reference=payment_request.reference)
    return True


@in_locked_transaction
def settle_closed(
    *, payment_request_id: int, report: PaymentReport | None, now: datetime
) -> PaymentRequest:
    """Record the state of a payment after we asked its gateway to close it.

    If the customer paid first the money is booked; else the request is `cancelled`. If the gateway
    does not know the payment (None), no customer can pay on it either.

    Raises:
        CurrencyMismatch: the gateway took money in another currency.
    """
    locked, _nothing_else = _locked(payment_request_id, now)
    payment_request = locked.payment_request
    if report is not None and report.state in RECEIVED:
        settle(payment_request_id=payment_request_id, report=report, event=None, now=now)
        payment_request.refresh_from_db()
    elif payment_request.status == PaymentRequest.Status.CLOSING:
        _end_as(locked, PaymentRequest.Status.CANCELLED, now)
    return payment_request


def _end_as(locked: Locked, ended_as: str, now: datetime) -> None:
    """End a payment without money, and write the events of that, in one trip."""
    ended = ending.ended(
        invoice=locked.invoice, payment_request=locked.payment_request, ended_as=ended_as, now=now
    )
    events = invoice_telling.changed(invoice=locked.invoice, before=locked.before, now=now)
    written = join(*ended, *events)
    for deliveries in written[len(ended) :]:
        outbox.recorded(deliveries)


def _end(
    invoice: Invoice, payment_request: PaymentRequest, report: PaymentReport, now: datetime
) -> Settlement:
    """End a payment of which a report says that nothing came; tell what else a report means."""
    if report.state == PaymentState.UNKNOWN and not report.reversals:
        raise UnknownPaymentStatus(
            f"The gateway says {payment_request.reference} is {report.raw_status!r}."
        )
    if report.state in RECEIVED:
        return Settlement("already_booked")
    ended_as = ending.ending_of(payment_request=payment_request, report=report, now=now)
    if ended_as is not None and payment_request.is_active:
        join(
            *ending.ended(
                invoice=invoice, payment_request=payment_request, ended_as=ended_as, now=now
            )
        )
        return Settlement("ended")
    return Settlement("unchanged")


def require_currency(currency_code: str, report: PaymentReport) -> None:
    """Refuse a report about money in another currency than we asked for.

    Raises:
        CurrencyMismatch: the currency differs; nothing is changed.
    """
    reported = [report.paid_amount, *(reversal.amount for reversal in report.reversals)]
    for money in reported:
        if money is not None and money.currency != currency_code:
            raise CurrencyMismatch(f"{money.currency} received where {currency_code} was asked.")


def _arrivals(payment_request: PaymentRequest, report: PaymentReport) -> Sequence[Arrival]:
    """Return the payments of a report that are not booked yet, oldest first."""
    if report.state not in RECEIVED:
        return []
    paid = report.paid_amount
    assert paid is not None, "an adapter reported a payment without its amount"
    was_paid = payment_request.status == PaymentRequest.Status.PAID  # for good, once it was
    booked = (
        reversals.payments_of(payment_request=payment_request, report=report) if was_paid else []
    )
    arrived_amount = paid.minor - sum(row.amount for row in booked)
    if arrived_amount <= 0:
        return []
    amounts = [arrived_amount]
    first = report.notified_amount
    if not booked and first is not None and 0 < first.minor < arrived_amount:
        amounts = [first.minor, arrived_amount - first.minor]
    return [
        Arrival(_transaction_id(report, earlier=place), amount)
        for place, amount in enumerate(amounts, start=len(booked))
    ]


def _booking(
    locked: Locked,
    account: Account,
    *,
    report: PaymentReport,
    arrival: Arrival,
    event: WebhookEvent | None,
    now: datetime,
) -> dict[str, Any]:
    """Return what `recording` books of a payment: where its money goes, and what was said of it."""
    payment_request = locked.payment_request
    paid_at = (report.paid_at or now).astimezone(UTC)
    plan = plan_credit(
        standing=account.standing,
        amount=arrival.amount,
        asked_id=payment_request.installment_id,
        asked_amount=payment_request.amount,
        page_is_open=payment_request.status in PAGE_IS_OPEN,
        paid_at=paid_at,
        now=now,
    )
    movement = Movement(
        payment_request=payment_request,
        gateway_transaction_id=arrival.gateway_transaction_id,
        finality=report.finality,
        paid_at=paid_at,
        method=report.method,
        channel=report.channel,
        event=event,
    )
    return {"account": account, "plan": plan, "movement": movement, "now": now}


def _transaction_id(report: PaymentReport, *, earlier: int) -> str:
    """Return a transaction's name: the gateway's id, numbered if a charge was paid twice."""
    return report.gateway_id if earlier == 0 else f"{report.gateway_id}#{earlier + 1}"
