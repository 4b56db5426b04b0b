"""From money to statuses: the effect of one booking, or of all, on each instalment. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from gateways.adapter import Finality
from invoices.iso20022.parties import message_id, money
from invoices.models import (
    Installment,
    Invoice,
    InvoiceStatus,
    LedgerEntry,
    MoneyKind,
    Transaction,
)
from payments.booking.pain002_document import (
    ACCEPTED,
    PENDING,
    REJECTED,
    InstallmentStatus,
    Reason,
    StatusReport,
)
from payments.models import WebhookEvent
from paytrust.iso20022.text import identifier

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SETTLED = "ACSC"
SETTLED_AS = {Finality.PROMISED: "ACSP", Finality.PAID: SETTLED, Finality.SETTLED: "ACCC"}
ENDED_BECAUSE = {
    InvoiceStatus.EXPIRED: Reason(code="EDTR", explanation="The invoice expired unpaid."),
    InvoiceStatus.CANCELLED: Reason(code="DS02", explanation="The merchant cancelled the invoice."),
    InvoiceStatus.FAILED: Reason(code="NARR", explanation="The gateway refused the payment."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Money to be booked on an invoice as planned, or booked before."""

    invoice: Invoice
    installments: Sequence[Installment]
    kind: str  # of MoneyKind
    paid_amounts: Mapping[int, int]  # in each instalment before this, by its id
    shares: Mapping[int, int]  # what a payment puts into each instalment, by its id
    asked_id: int  # the instalment that the payment was opened for
    gateway_transaction_id: str
    amount: int  # minor units; negative where money goes back
    settled_as: str  # the status if nothing is wrong
    paid_at: datetime
    booked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidInvoice:
    """An invoice, whose tenant and gateway are loaded, and all that was booked on it."""

    invoice: Invoice
    installments: Sequence[Installment]
    transactions: Sequence[Transaction]  # oldest first
    entries: Sequence[LedgerEntry]  # oldest first, their transactions loaded
    refusals: Mapping[int, Sequence[WebhookEvent]]  # wrong currency, by instalment id

    @property
    def excess_on(self) -> int:
        """Return the id of the instalment that reports the overpayment: the last one paid."""
        filled = {row.installment_id for row in self.entries if row.amount > 0}
        installments = [
            installment for installment in self.installments if installment.pk in filled
        ]
        return (installments or self.installments)[-1].pk


def report_of(booking: Booking) -> StatusReport:
    """Return the report of one booking on its invoice. Pure.

    It reports only the instalments that the money changes; all of them count for the group.
    """
    return StatusReport(
        message_id=identifier(booking.gateway_transaction_id),
        created_at=booking.booked_at,
        invoice=booking.invoice,
        installments=[_booked_status(booking, installment) for installment in booking.installments],
    )


def report_on(paid: PaidInvoice) -> StatusReport:
    """Return the report of the state of each instalment of an invoice. Pure."""
    invoice = paid.invoice
    refused_at = [event.received_at for events in paid.refusals.values() for event in events]
    changed_at = max([invoice.updated_at, *refused_at])
    moment = (changed_at - EPOCH) // timedelta(microseconds=1)
    return StatusReport(
        message_id=f"{message_id(invoice)}-{moment:x}",
        created_at=changed_at,
        invoice=invoice,
        installments=[_standing_status(paid, installment) for installment in paid.installments],
    )


def asked_installment(report: StatusReport, booking: Booking) -> InstallmentStatus:
    """Return the instalment of a booking's report that the payment was opened for."""
    number = next(
        installment.number
        for installment in booking.installments
        if installment.pk == booking.asked_id
    )
    return next(installment for installment in report.installments if installment.number == number)


def asked_id_of(
    asked_id: int, installments: Sequence[Installment], touched: Iterable[int | None]
) -> int:
    """Return the instalment that was asked for, by its id.

    What a transfer brings was asked for elsewhere: then it is the first one that it touches.
    """
    own = [installment.pk for installment in installments]
    if asked_id in own:
        return asked_id
    ids = set(touched)
    return next((installment_id for installment_id in own if installment_id in ids), own[0])


def shares_of(rows: Iterable[tuple[int | None, int]]) -> dict[int, int]:
    """Return what a transaction's ledger rows put into instalments, by their ids.

    Money that goes back leaves the status of every instalment as it was; it is reported as a
    reason.
    """
    return {
        installment_id: amount
        for installment_id, amount in rows
        if installment_id is not None and amount > 0
    }


def _booked_status(booking: Booking, installment: Installment) -> InstallmentStatus:
    share, before = (
        booking.shares.get(installment.pk, 0),
        booking.paid_amounts.get(installment.pk, 0),
    )
    asked = installment.pk == booking.asked_id
    full = before + share >= installment.total_amount
    settled = booking.settled_as if asked or share else SETTLED
    status, reasons = settled if full else PENDING, tuple[Reason, ...]()
    arrived_amount = share
    if asked:
        status, reasons = _asked_status(booking, installment, before)
        arrived_amount += booking.amount - sum(booking.shares.values())
    elif share and not full:
        reasons = (_differs(booking.invoice, share, installment.total_amount - before),)
    return InstallmentStatus(
        number=installment.number,
        due_at=installment.due_at,
        total_amount=installment.total_amount,
        service_fee_amount=installment.service_fee_amount,
        status=status,
        reasons=reasons,
        confirmed_amount=arrived_amount,
        paid_at=booking.paid_at if booking.amount > 0 else None,
        gateway_transaction_id=booking.gateway_transaction_id,
        is_listed=asked or share != 0,
    )


def _asked_status(
    booking: Booking, installment: Installment, before: int
) -> tuple[str, tuple[Reason, ...]]:
    """Return the status of the instalment that the payment was opened for."""
    invoice, amount = booking.invoice, booking.amount
    if amount < 0:
        return booking.settled_as, (_gone_back(invoice, booking.kind, -amount),)
    lacking_amount = installment.total_amount - before
    if lacking_amount <= 0:
        kept = f"{money(invoice, amount)} is kept as an overpayment."
        again = Reason(
            code="DUPL", explanation=f"Instalment {installment.number} was paid before; {kept}"
        )
        return REJECTED, (again,)
    status = (
        booking.settled_as if booking.shares.get(installment.pk, 0) >= lacking_amount else PENDING
    )
    if amount == lacking_amount and status != PENDING:
        return status, ()
    return status, (_differs(invoice, amount, lacking_amount),)


def _standing_status(paid: PaidInvoice, installment: Installment) -> InstallmentStatus:
    """Return the state of an instalment; one that was filled stays accepted (mapping, refunds)."""
    moved = [row for row in paid.entries if row.installment_id == installment.pk]
    filling = [row.transaction for row in moved if row.amount > 0]
    received = [row.amount for row in moved if row.kind != MoneyKind.REFUND]
    fullest_amount = max(accumulate(received), default=0)
    excess_amount = paid.invoice.overpayment_amount if installment.pk == paid.excess_on else 0
    last = filling[-1] if filling else (paid.transactions[-1] if excess_amount else None)
    if fullest_amount >= installment.total_amount:
        status, reasons = settled_as(filling), list[Reason]()
    else:
        status, reasons = _unpaid_status(paid, installment)
    if excess_amount:
        reasons.append(
            _differs(
                paid.invoice, installment.paid_amount + excess_amount, installment.total_amount
            )
        )
    for kind in (MoneyKind.REFUND, MoneyKind.REVERSAL):
        if amount := -sum(row.amount for row in moved if row.kind == kind):
            reasons.append(_gone_back(paid.invoice, kind, amount))
    return InstallmentStatus(
        number=installment.number,
        due_at=installment.due_at,
        total_amount=installment.total_amount,
        service_fee_amount=installment.service_fee_amount,
        status=status,
        reasons=tuple(reasons),
        confirmed_amount=installment.paid_amount + excess_amount,
        paid_at=last.paid_at if last else None,
        gateway_transaction_id=last.gateway_transaction_id if last else None,
    )


def _unpaid_status(paid: PaidInvoice, installment: Installment) -> tuple[str, list[Reason]]:
    ended = ENDED_BECAUSE.get(InvoiceStatus(paid.invoice.status))
    if ended:
        return REJECTED, [ended]
    reasons = [
        Reason(code="CURR", explanation=event.failure_reason or "Wrong currency.")
        for event in paid.refusals.get(installment.pk, ())
    ]
    if installment.paid_amount:
        reasons.append(_differs(paid.invoice, installment.paid_amount, installment.total_amount))
    return PENDING, reasons


def settled_as(rows: Sequence[Transaction]) -> str:
    """Return the weakest status with which payments were booked, which is true for all of them."""
    booked_as = [row.iso20022_transaction_status for row in rows]
    known = [status for status in booked_as if status in ACCEPTED]
    return min(known, key=ACCEPTED.index) if known else SETTLED


def _differs(invoice: Invoice, received: int, expected: int) -> Reason:
    return Reason(
        code="AM09",
        explanation=f"Received {money(invoice, received)}, expected {money(invoice, expected)}.",
    )


def _gone_back(invoice: Invoice, kind: str, amount: int) -> Reason:
    if kind == MoneyKind.TRANSFER:
        explanation = f"{money(invoice, amount)} was moved to another invoice."
        return Reason(code="NARR", explanation=explanation)
    went = "refunded" if kind == MoneyKind.REFUND else "taken back"
    explanation = f"{money(invoice, amount)} was {went} through {invoice.gateway.name}."
    return Reason(code="NARR", explanation=explanation)
