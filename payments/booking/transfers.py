"""Booking transfers: an overpayment leaves one invoice and arrives on another one.

A transfer is two rows of the ledger that sum to zero. No gateway knows of it: the money stays on
the charge that brought it, so both rows name that charge's gateway and payment request.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import Sum

from gateways.adapter import Finality
from invoices.ledger import posting
from invoices.ledger.allocation import Plan, plan_arrival, plan_debit, plan_return
from invoices.ledger.posting import Account
from invoices.ledger.standing import Kind
from invoices.models import Invoice, Transaction
from invoices.telling import services as invoice_telling
from invoices.telling.services import Sight
from payments.booking import recording, telling
from payments.booking.movement import Movement

log = structlog.get_logger(__name__)


def book(
    *, source: Account, target: Account, payment: Transaction, amount: int, name: str, now: datetime
) -> Transaction:
    """Move an overpayment that a payment brought to another invoice; return what arrived.

    Both invoices must be locked by the caller, their tenants and gateways loaded.

    Args:
        source: the invoice that holds the overpayment.
        target: another one of the same tenant and currency, on which so much is due.
        payment: the payment that gives the money.
        amount: minor units, at least 1.
        name: of the pair, unique at the payment's gateway.
        now: when it is moved.
    """
    left = _record(
        source,
        plan_debit(standing=source.standing, kind=Kind.TRANSFER, amount=amount, filled={}),
        name=f"{name}:out",
        payment=payment,
        reverses=payment,
        now=now,
    )
    plan = plan_arrival(standing=target.standing, amount=amount, moved_at=now)
    return _record(target, plan, name=f"{name}:in", payment=payment, moved_from=left, now=now)


def bring_back(
    *, account: Account, payments: Sequence[Transaction], lacking: int | None, now: datetime
) -> None:
    """Take back what was moved to other invoices, because the gateway took it of the payments.

    Each other invoice is locked, owes the money again, is flagged, and its merchant gets events.

    Args:
        account: the invoice of the payments, locked.
        payments: those of one charge.
        lacking: how much is needed, in minor units; None: all that was moved.
        now: when it is booked.
    """
    moved = Transaction.objects.filter(
        moved_from__reverses__in=payments, moved_from__invoice=account.invoice
    ).order_by("-pk")
    found = list(moved.select_related("moved_from__reverses"))
    others = _looked_at({row.invoice_id for row in found}, now)
    out: list[int] = []  # the rows that this call books on the other invoices
    for arrived in found:
        left = arrived.amount + (arrived.reversals.aggregate(sum=Sum("amount"))["sum"] or 0)
        amount = left if lacking is None else min(left, lacking)
        if amount > 0:
            there = others[arrived.invoice_id].account
            out.append(_bring_back(account, there, arrived, amount, now).pk)
            lacking = None if lacking is None else lacking - amount
    for other in others.values():
        invoice = other.account.invoice
        own = Transaction.objects.filter(invoice=invoice, pk__in=out)
        if moves := telling.changes_of(own, now=now):
            invoice_telling.tell(invoice=invoice, before=other.before, movements=moves, now=now)


@dataclass(frozen=True, slots=True)
class _Other:
    """Another invoice under its lock, and how it looked."""

    account: Account
    before: Sight


def _looked_at(ids: Collection[int], now: datetime) -> dict[int, _Other]:
    rows = Invoice.objects.filter(pk__in=ids).locked().select_related("tenant", "gateway")
    return {
        invoice.pk: _Other(
            posting.locked_account(invoice=invoice),
            invoice_telling.look(invoice=invoice, now=now),
        )
        for invoice in rows
    }


def _bring_back(
    account: Account, there: Account, arrived: Transaction, amount: int, now: datetime
) -> Transaction:
    """Book the pair of rows; return the one that leaves the other invoice."""
    assert arrived.moved_from is not None, "it was found by it"
    assert arrived.moved_from.reverses is not None, "what leaves an invoice names its payment"
    payment = arrived.moved_from.reverses
    plan = plan_debit(
        standing=there.standing,
        kind=Kind.TRANSFER,
        amount=amount,
        filled=posting.filled_by(payment=arrived),
    )
    name = f"{arrived.gateway_transaction_id}:back{arrived.reversals.count() + 1}"
    left = _record(there, plan, name=f"{name}:out", payment=payment, reverses=arrived, now=now)
    _record(
        account,
        plan_return(standing=account.standing, amount=amount),
        name=f"{name}:in",
        payment=payment,
        reverses=payment,
        moved_from=left,
        now=now,
    )
    log.warning(
        "transfer taken back",
        invoice_id=arrived.invoice_id,
        transaction_id=left.pk,
        amount=amount,
    )
    return left


def _record(
    account: Account,
    plan: Plan,
    *,
    name: str,
    payment: Transaction,
    now: datetime,
    reverses: Transaction | None = None,
    moved_from: Transaction | None = None,
) -> Transaction:
    movement = Movement(
        payment_request=payment.payment_request,
        gateway_transaction_id=name,
        finality=Finality.PAID,
        paid_at=now,
        method=payment.payment_method,
        channel=payment.payment_channel,
        reverses=reverses,
        moved_from=moved_from,
    )
    return recording.record(account=account, plan=plan, movement=movement, now=now)
