"""Money coming in and going back, as an invoice sees it: instalments, balances and state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from invoices.ledger import settlements, states
from invoices.models import (
    Installment,
    Invoice,
    InvoiceStatus,
    PaymentRequest,
    ReviewFlag,
    SettlementEntry,
)

PAGE_ROUNDING = timedelta(minutes=5)  # gateways take whole seconds or minutes


@dataclass(frozen=True, slots=True)
class Credit:
    """Where a payment went: (instalment, minor units) in order, and what nobody asked for.

    Negative where money went back.
    """

    allocations: tuple[tuple[Installment, int], ...]
    overpayment_amount: int


def locked_installments(*, invoice: Invoice) -> list[Installment]:
    """Lock an invoice's instalments and return them in order. The invoice is locked before."""
    return list(invoice.installments.select_for_update().order_by("pk"))


def credit(
    *,
    invoice: Invoice,
    installments: Sequence[Installment],
    payment_request: PaymentRequest,
    amount: int,
    paid_at: datetime,
    now: datetime,
) -> Credit:
    """Put a payment into instalments, and move the invoice's balances and state.

    The invoice must be locked by the caller. The money fills unpaid instalments in order; what
    is left is an overpayment. Money for an instalment that another charge has paid already is
    an overpayment as a whole, never the next instalment's.

    Args:
        invoice: the locked invoice.
        installments: its instalments, locked, in order.
        payment_request: the demand that was paid; it becomes `paid`.
        amount: minor units of the invoice's currency, at least 1.
        paid_at: when the customer paid, as the gateway says.
        now: when it is booked.

    Source: FR-041, FR-043, FR-044, FR-065, spec 3.6 and 4.6.
    """
    asked = next(part for part in installments if part.pk == payment_request.installment_id)
    unpaid = (
        [part for part in installments if part.status == Installment.Status.UNPAID]
        if asked.status == Installment.Status.UNPAID
        else []
    )
    allocations = _fill(unpaid, amount, paid_at, now)
    Installment.objects.bulk_update(
        [part for part, _ in allocations], ["paid_amount", "status", "paid_at", "settled_at"]
    )
    settled = [part for part, _ in allocations if part.status == Installment.Status.PAID]
    settlements.record(
        invoice=invoice, installments=settled, kind=SettlementEntry.Kind.SETTLED, now=now
    )
    overpayment_amount = amount - sum(share for _, share in allocations)
    if payment_request.status not in {PaymentRequest.Status.OPENING, PaymentRequest.Status.OPEN}:
        # Another page may ask for what has come here, also while this one is being closed.
        _close_overtaken([part for part, _ in allocations], now)
    _flag_arrival(invoice, payment_request, amount, overpayment_amount)
    _move_invoice(invoice, installments, amount, overpayment_amount, now)
    payment_request.status = PaymentRequest.Status.PAID
    payment_request.ended_at = now
    payment_request.next_check_at = payment_request.leased_until = None
    payment_request.save(update_fields=["status", "ended_at", "next_check_at", "leased_until"])
    return Credit(tuple(allocations), overpayment_amount)


def debit(*, invoice: Invoice, filled: Mapping[int, int], amount: int, now: datetime) -> Credit:
    """Take money that a gateway took back out of an invoice, and move its balances and state.

    The invoice must be locked by the caller. What nobody asked for goes first, then what the
    payment put into instalments, last instalment first; if a later payment has taken its place
    there, what others put in. An instalment that is no longer full is unpaid again. Payment
    pages that would ask for the wrong amount now are closed and opened anew by jobs; where no
    page was open, none is opened until the merchant asks for it.

    Args:
        invoice: the locked invoice.
        filled: what the payment that is reversed still has in each instalment, by its id.
        amount: minor units, at least 1 and at most what the invoice has received.
        now: when it is booked.

    Source: spec 4.6.
    """
    parts = locked_installments(invoice=invoice)
    overpayment_amount = min(amount, invoice.overpayment_amount)
    taken = _taken(parts, filled, amount - overpayment_amount)
    settlements.record(
        invoice=invoice,
        installments=[part for part, _ in taken if part.status == Installment.Status.PAID],
        kind=SettlementEntry.Kind.REVERSED,
        now=now,
    )
    _empty(taken)
    if taken:
        _close_overtaken(parts, now)
    _flag(invoice, ReviewFlag.REVERSED)
    invoice.paid_amount -= amount
    invoice.overpayment_amount -= overpayment_amount
    invoice.review_flags = states.standing_flags(invoice, parts)
    invoice.status = states.status_of(invoice)
    invoice.updated_at = now
    invoice.save(
        update_fields=["paid_amount", "overpayment_amount", "status", "review_flags", "updated_at"]
    )
    return Credit(tuple((part, -share) for part, share in taken), -overpayment_amount)


def end_payment_request(
    *, invoice: Invoice, payment_request: PaymentRequest, ended_as: str, now: datetime
) -> None:
    """Record that a gateway closed an unpaid payment: `expired`, `failed` or `cancelled`.

    The invoice must be locked by the caller. It follows unless money is on it, unless we asked
    the gateway to close the payment, or unless the gateway's page was shorter than the invoice
    by design: then a job opens a new page.
    """
    closed_by_us = payment_request.status == PaymentRequest.Status.CLOSING
    payment_request.status = PaymentRequest.Status.CANCELLED if closed_by_us else ended_as
    payment_request.ended_at = now
    payment_request.next_check_at = payment_request.leased_until = None
    payment_request.save(update_fields=["status", "ended_at", "next_check_at", "leased_until"])
    if invoice.ended_as in {InvoiceStatus.CANCELLED, InvoiceStatus.EXPIRED}:
        return
    expired = ended_as == PaymentRequest.Status.EXPIRED
    page_was_shorter = payment_request.expires_at < invoice.expires_at - PAGE_ROUNDING
    if closed_by_us or (expired and page_was_shorter):
        invoice.open_payment_at = now
        invoice.save(update_fields=["open_payment_at"])
    elif invoice.paid_amount == 0:
        _end_invoice(invoice, InvoiceStatus.EXPIRED if expired else InvoiceStatus.FAILED, now)


def _fill(
    unpaid: Sequence[Installment], amount: int, paid_at: datetime, now: datetime
) -> list[tuple[Installment, int]]:
    allocations = []
    for part in unpaid:
        if amount == 0:
            break
        share = min(amount, part.total_amount - part.paid_amount)
        part.paid_amount += share
        if part.paid_amount == part.total_amount:
            part.status = Installment.Status.PAID
            part.paid_at, part.settled_at = paid_at, now
        allocations.append((part, share))
        amount -= share
    return allocations


def _taken(
    parts: Sequence[Installment], filled: Mapping[int, int], amount: int
) -> list[tuple[Installment, int]]:
    """Choose where money is taken from: first what this payment filled, last instalment first."""
    shares = {part.pk: 0 for part in parts}
    for own in (True, False):
        for part in reversed(parts):
            there = part.paid_amount - shares[part.pk]
            share = min(amount, there, filled.get(part.pk, 0)) if own else min(amount, there)
            shares[part.pk] += share
            amount -= share
    assert amount == 0, "more was taken back than the invoice has received"
    return [(part, shares[part.pk]) for part in parts if shares[part.pk]]


def _empty(taken: Sequence[tuple[Installment, int]]) -> None:
    for part, share in taken:
        part.paid_amount -= share
        part.status = Installment.Status.UNPAID
        part.paid_at = part.settled_at = None
    Installment.objects.bulk_update(
        [part for part, _ in taken], ["paid_amount", "status", "paid_at", "settled_at"]
    )


def _close_overtaken(filled: Sequence[Installment], now: datetime) -> None:
    """Have a job close payments that ask for another amount than is due now."""
    PaymentRequest.objects.filter(installment__in=filled).active().update(
        status=PaymentRequest.Status.CLOSING, leased_until=None, next_check_at=now
    )


def _flag_arrival(
    invoice: Invoice, payment_request: PaymentRequest, amount: int, overpayment_amount: int
) -> None:
    if invoice.ended_as == InvoiceStatus.CANCELLED:
        _flag(invoice, ReviewFlag.AFTER_CANCEL)
    elif invoice.ended_as is not None:
        _flag(invoice, ReviewFlag.LATE)
    if amount < payment_request.amount:
        _flag(invoice, ReviewFlag.UNDERPAID)
    if overpayment_amount:
        _flag(invoice, ReviewFlag.OVERPAID)


def _move_invoice(
    invoice: Invoice,
    installments: Sequence[Installment],
    amount: int,
    overpayment_amount: int,
    now: datetime,
) -> None:
    invoice.paid_amount += amount
    invoice.overpayment_amount += overpayment_amount
    invoice.review_flags = states.standing_flags(invoice, installments)
    invoice.status = states.status_of(invoice)
    invoice.updated_at = now
    payable = invoice.ended_as in {None, InvoiceStatus.FAILED} and invoice.expires_at > now
    more_is_due = invoice.status == InvoiceStatus.PARTIALLY_PAID
    invoice.open_payment_at = now if payable and more_is_due else None
    invoice.save(
        update_fields=[
            "paid_amount",
            "overpayment_amount",
            "status",
            "review_flags",
            "open_payment_at",
            "updated_at",
        ]
    )


def _flag(invoice: Invoice, flag: ReviewFlag) -> None:
    if flag not in invoice.review_flags:
        invoice.review_flags = [*invoice.review_flags, flag.value]


def _end_invoice(invoice: Invoice, ended_as: InvoiceStatus, now: datetime) -> None:
    invoice.ended_as, invoice.ended_at, invoice.updated_at = ended_as, now, now
    if invoice.status == InvoiceStatus.DRAFT:
        invoice.status = InvoiceStatus.PENDING  # it had a payment page; a draft never had
    invoice.status = states.status_of(invoice)
    invoice.save(update_fields=["status", "ended_as", "ended_at", "updated_at"])
