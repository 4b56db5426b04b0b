"""Booking money: one transaction row, where each unit went, and the invoice's new state."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from django.db import transaction

from apikeys.models import Tenant
from gateways.adapter import PaymentReport, PaymentState
from gateways.models import Gateway
from invoices.ledger import posting
from invoices.ledger.allocation import Plan, plan_credit
from invoices.ledger.posting import Account
from invoices.models import Invoice, InvoiceQuerySet, PaymentRequest, Transaction
from invoices.payment_requests import ending
from invoices.payment_requests.leases import in_locked_transaction
from invoices.tasks import open_payment
from invoices.telling import services as invoice_telling
from invoices.telling.services import Sight
from payments.booking import recording, reversals, telling
from payments.booking.movement import Movement
from payments.models import WebhookEvent
from paytrust.errors import PayTrustError
from paytrust.operations import locking, queue, rows
from paytrust.operations.trips import Statement, join

log = structlog.get_logger(__name__)

PAGE_IS_OPEN = {PaymentRequest.Status.OPENING, PaymentRequest.Status.OPEN}
CHANGED = {"booked", "ended"}
RECEIVED = {PaymentState.PAID, PaymentState.REVERSED}  # money came, even if it went back later


class CurrencyMismatch(PayTrustError):
    """A gateway reported money in another currency than the invoice's."""

    status = HTTPStatus.CONFLICT
    code = "currency_mismatch"


class UnknownPaymentStatus(PayTrustError):
    """A gateway uses a word for a payment's state that PayTrust does not know."""

    status = HTTPStatus.CONFLICT
    code = "unknown_payment_status"


@dataclass(frozen=True, slots=True)
class Booked:
    """Payments that were booked, oldest first, and the rows that they changed."""

    payments: Sequence[tuple[Transaction, Plan]]
    account: Account
    payment_request: PaymentRequest

    @property
    def is_all(self) -> bool:
        """Whether nothing but these rows was changed: no page of another payment."""
        return not any(plan.overtaken for _, plan in self.payments)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a gateway's report changed."""

    outcome: str  # booked, refunded, reversed, already_booked, ended, unchanged
    transaction: Transaction | None = None
    booked: Booked | None = None


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
) -> Settlement:
    """Do what `settle` does as a part of the caller's transaction, which a failure must end."""
    invoice = _locked_invoice(payment_request_id)
    before = invoice_telling.look(invoice=invoice, now=now)  # read under the lock
    payment_request = before.active.get(payment_request_id)
    if payment_request is None:
        payment_request = PaymentRequest.objects.get(pk=payment_request_id)
    settlement = _settle(invoice, payment_request, report, event, now)
    taken_back = reversals.book(
        invoice=invoice, payment_request=payment_request, report=report, event=event, now=now
    )
    if settlement.booked and not taken_back:
        _tell_booked(settlement.booked, before, now)
    elif taken_back or settlement.outcome in CHANGED:
        movements = telling.movements(invoice=invoice, now=now)
        invoice_telling.tell(invoice=invoice, before=before, movements=movements, now=now)
    if not taken_back:
        return settlement
    is_refund = taken_back[0].kind == Transaction.Kind.REFUND
    return Settlement("refunded" if is_refund else "reversed", taken_back[0])


def _tell_booked(booked: Booked, before: Sight, now: datetime) -> None:
    """Write the events of payments, of the rows at hand as far as these are all that changed."""
    account, paid = booked.account, booked.payment_request
    active = [one if one.pk != paid.pk else paid for one in before.active.values()]
    invoice_telling.tell(
        invoice=account.invoice,
        before=before,
        at_hand=(account.installments, active) if booked.is_all else None,
        movements=[
            telling.movement(payment=payment, plan=plan, now=now)
            for payment, plan in booked.payments
        ],
        now=now,
    )


def _locked_invoice(payment_request_id: int) -> Invoice:
    """Lock the invoice of a payment request, in one statement; its tenant and gateway are loaded.

    Raises:
        PaymentRequest.DoesNotExist: there is no such request.
    """
    lock = _lock(InvoiceQuerySet.locked)
    (found,) = join(Statement(lock, {"payment_request": payment_request_id}))
    if not found:
        raise PaymentRequest.DoesNotExist(str(payment_request_id))
    own, of_tenant = rows.width(Invoice), rows.width(Tenant)
    invoice = rows.made(Invoice, found[0][:own])
    invoice.tenant = rows.made(Tenant, found[0][own : own + of_tenant])
    invoice.gateway = rows.made(Gateway, found[0][own + of_tenant :])
    return invoice


@functools.cache
def _lock(locked: Callable[[InvoiceQuerySet], InvoiceQuerySet]) -> str:
    """Have the queryset make the SQL once for each way to lock: a test takes the lock away."""
    of_request = Invoice.objects.select_related("tenant", "gateway").filter(payment_requests=0)
    return locking.lock_sql(locked(of_request), value="payment_request")


@in_locked_transaction
def lapse(*, payment_request_id: int, now: datetime) -> bool:
    """End an unpaid payment by our own clock; return whether this call did.

    Source: spec 4.8: a Snap page that expires unused sends no notification.
    """
    payment_request = PaymentRequest.objects.get(pk=payment_request_id)
    invoice = _locked_invoice(payment_request_id)
    payment_request.refresh_from_db()  # read under the lock
    if payment_request.status not in PaymentRequest.ACTIVE or payment_request.expires_at > now:
        return False
    before = invoice_telling.look(invoice=invoice, now=now)
    ending.end_payment_request(
        invoice=invoice,
        payment_request=payment_request,
        ended_as=PaymentRequest.Status.EXPIRED,
        now=now,
    )
    invoice_telling.tell(invoice=invoice, before=before, now=now)
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
    payment_request = PaymentRequest.objects.get(pk=payment_request_id)
    invoice = _locked_invoice(payment_request_id)
    payment_request.refresh_from_db()  # read under the lock
    if report is not None and report.state in RECEIVED:
        settle(payment_request_id=payment_request_id, report=report, event=None, now=now)
        payment_request.refresh_from_db()
    elif payment_request.status == PaymentRequest.Status.CLOSING:
        before = invoice_telling.look(invoice=invoice, now=now)
        ending.end_payment_request(
            invoice=invoice,
            payment_request=payment_request,
            ended_as=PaymentRequest.Status.CANCELLED,
            now=now,
        )
        invoice_telling.tell(invoice=invoice, before=before, now=now)
    return payment_request


def _settle(
    invoice: Invoice,
    payment_request: PaymentRequest,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
) -> Settlement:
    """Book what arrived, or end a payment that no customer can pay any more."""
    require_currency(invoice.currency_code, report)
    if report.state == PaymentState.UNKNOWN and not report.reversals:
        raise UnknownPaymentStatus(
            f"The gateway says {payment_request.reference} is {report.raw_status!r}."
        )
    if report.state in RECEIVED:
        return _book(invoice, payment_request, report, event, now)
    ended_as = ending.ending_of(payment_request=payment_request, report=report, now=now)
    if ended_as is not None and payment_request.status in PaymentRequest.ACTIVE:
        ending.end_payment_request(
            invoice=invoice, payment_request=payment_request, ended_as=ended_as, now=now
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


def _book(
    invoice: Invoice,
    payment_request: PaymentRequest,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
) -> Settlement:
    paid = report.paid_amount
    assert paid is not None, "an adapter reported a payment without its amount"
    was_paid = payment_request.status == PaymentRequest.Status.PAID  # for good, once it was
    booked = (
        reversals.payments_of(payment_request=payment_request, report=report) if was_paid else []
    )
    arrived_amount = paid.minor - sum(row.amount for row in booked)
    if arrived_amount <= 0:
        return Settlement("already_booked")
    amounts = [arrived_amount]
    first = report.notified_amount
    if not booked and first is not None and 0 < first.minor < arrived_amount:
        amounts = [first.minor, arrived_amount - first.minor]
    account = posting.locked_account(invoice=invoice)
    payments = [
        _book_payment(
            account=account,
            payment_request=payment_request,
            report=report,
            amount=amount,
            earlier=place,
            event=event,
            now=now,
        )
        for place, amount in enumerate(amounts, start=len(booked))
    ]
    if invoice.open_payment_at:
        transaction.on_commit(lambda: queue.publish(open_payment, invoice_id=invoice.pk))
    return Settlement("booked", payments[0][0], Booked(payments, account, payment_request))


def _book_payment(
    *,
    account: Account,
    payment_request: PaymentRequest,
    report: PaymentReport,
    amount: int,
    earlier: int,
    event: WebhookEvent | None,
    now: datetime,
) -> tuple[Transaction, Plan]:
    paid_at = (report.paid_at or now).astimezone(UTC)
    plan = plan_credit(
        standing=account.standing,
        amount=amount,
        asked_id=payment_request.installment_id,
        asked_amount=payment_request.amount,
        page_is_open=payment_request.status in PAGE_IS_OPEN,
        paid_at=paid_at,
        now=now,
    )
    movement = Movement(
        payment_request=payment_request,
        gateway_transaction_id=_transaction_id(report, earlier=earlier),
        finality=report.finality,
        paid_at=paid_at,
        method=report.method,
        channel=report.channel,
        event=event,
    )
    return recording.record(account=account, plan=plan, movement=movement, now=now), plan


def _transaction_id(report: PaymentReport, *, earlier: int) -> str:
    """Return a transaction's name: the gateway's id, numbered if a charge was paid twice."""
    return report.gateway_id if earlier == 0 else f"{report.gateway_id}#{earlier + 1}"
