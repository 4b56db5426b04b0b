"""Moving an overpayment to another invoice of the same merchant and currency."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from gateways.refunds import RefundInProgress
from invoices.ledger import posting
from invoices.ledger.allocation import plan_arrival
from invoices.ledger.posting import Account
from invoices.models import Invoice, InvoiceStatus, Transaction
from invoices.payment_requests.leases import in_locked_transaction
from invoices.schedule.adjusting import InvoiceChanged
from invoices.tasks import open_payment
from invoices.telling import services as invoice_telling
from payments.booking import telling, transfers
from payments.refunds import selectors as refund_selectors
from paytrust.errors import PayTrustError
from paytrust.operations import queue


class UnknownTransferTarget(PayTrustError):
    """The merchant has no other invoice with this number in this currency."""

    status = HTTPStatus.NOT_FOUND
    code = "unknown_transfer_target"
    for_staff = _("The merchant has no other invoice with this number in this currency.")


class TransferTargetNotPayable(PayTrustError):
    """Nothing can be paid on the other invoice: it is paid, has ended, or has no page yet."""

    status = HTTPStatus.CONFLICT
    code = "transfer_target_not_payable"
    for_staff = _(
        "Nothing can be paid on the other invoice: it is paid, has ended, or has no page yet."
    )


class TransferExceedsOverpayment(PayTrustError):
    """More than the overpayment that the invoice holds cannot be moved."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "transfer_exceeds_overpayment"
    for_staff = _("More than the overpayment that the invoice holds cannot be moved.")


class TransferExceedsDue(PayTrustError):
    """More than the other invoice still asks for cannot be moved to it."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "transfer_exceeds_due"
    for_staff = _("More than the other invoice still asks for cannot be moved to it.")


@dataclass(frozen=True, slots=True)
class Arrival:
    """What arrives in one instalment of the other invoice."""

    number: int
    amount: int  # minor units, like the rest
    tax_amount: int
    service_fee_amount: int
    is_paid: bool  # then


@dataclass(frozen=True, slots=True)
class Effect:
    """What a transfer does to both invoices."""

    overpayment_before: int  # minor units, like the rest
    overpayment_after: int
    target_due_before: int
    target_due_after: int
    installments: tuple[Arrival, ...]

    def stored(self) -> dict[str, Any]:
        """Return it as a proposal keeps it."""
        return {
            **asdict(self),
            "installments": [asdict(installment) for installment in self.installments],
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Both invoices under their locks, and which payments give how much."""

    source: Account
    target: Account
    shares: tuple[tuple[Transaction, int], ...]
    effect: Effect


@in_locked_transaction
def effect_of(*, source_id: int, target_id: int, amount: int, now: datetime) -> Effect:
    """Return what a transfer would do, as it stands now.

    Args:
        source_id: the invoice that holds the overpayment.
        target_id: the invoice that it would go to.
        amount: minor units.
        now: when it is asked.

    Raises:
        Invoice.DoesNotExist: the source is unknown.
        UnknownTransferTarget: there is none, or it is another tenant's, in another currency, or
            the same invoice.
        TransferTargetNotPayable: it is paid, has ended, or has no page yet.
        TransferExceedsOverpayment, TransferExceedsDue: less is held, or asked for.
        RefundInProgress: a refund may give the same money back.
    """
    return _locked(source_id, target_id, amount, now).effect


@in_locked_transaction
def transfer(
    *,
    source_id: int,
    target_id: int,
    amount: int,
    seen: dict[str, Any],
    name: str,
    now: datetime,
) -> None:
    """Move an overpayment to another invoice, once by its name.

    Args:
        source_id: the invoice that holds the overpayment.
        target_id: the invoice that it goes to.
        amount: minor units.
        seen: `Effect.stored` when it was decided on.
        name: what makes it the same transfer when it is asked for again.
        now: when it is made.

    Raises:
        InvoiceChanged: it would do something else than was seen.
        The failures of `effect_of`.

    Source: spec 10, ADR 35.
    """
    made = Transaction.objects.filter(invoice=source_id, gateway_transaction_id=f"{name}:1:out")
    if made.exists():
        return
    pair = _locked(source_id, target_id, amount, now)
    if pair.effect.stored() != seen:
        raise InvoiceChanged
    invoices = [pair.source.invoice, pair.target.invoice]
    before = [invoice_telling.look(invoice=invoice, now=now) for invoice in invoices]
    for number, (payment, share) in enumerate(pair.shares, start=1):
        transfers.book(
            source=pair.source,
            target=pair.target,
            payment=payment,
            amount=share,
            name=f"{name}:{number}",
            now=now,
        )
    for invoice, sight in zip(invoices, before, strict=True):
        moves = telling.movements(invoice=invoice, now=now)
        invoice_telling.tell(invoice=invoice, before=sight, movements=moves, now=now)
    if pair.target.invoice.open_payment_at:
        transaction.on_commit(lambda: queue.publish(open_payment, invoice_id=target_id))


def _locked(source_id: int, target_id: int, amount: int, now: datetime) -> Pair:
    """Lock both invoices, in the order of their keys, and refuse what cannot be moved."""
    tenant_id = Invoice.objects.values_list("tenant_id", flat=True).get(pk=source_id)
    found = {
        invoice.pk: invoice
        for invoice in Invoice.objects.filter(pk__in={source_id, target_id}, tenant_id=tenant_id)
        .locked()
        .select_related("tenant", "gateway")
    }
    source, target = found[source_id], found.get(target_id)
    if target is None or target is source or target.currency_code != source.currency_code:
        raise UnknownTransferTarget(details={"invoice_id": target_id})
    if target.status == InvoiceStatus.DRAFT or not target.is_payable(now):
        raise TransferTargetNotPayable(details={"invoice_id": target_id, "status": target.status})
    if not 1 <= amount <= source.overpayment_amount:
        raise TransferExceedsOverpayment(details={"overpayment_amount": source.overpayment_amount})
    due = target.total_amount - (target.paid_amount - target.overpayment_amount)
    if amount > due:
        raise TransferExceedsDue(details={"amount_due": due})
    shares = tuple(_shares(source, amount, now))
    accounts = {pk: posting.locked_account(invoice=found[pk]) for pk in sorted(found)}
    there = accounts[target_id]
    effect = _effect(source, there, amount, due, now)
    return Pair(accounts[source_id], there, shares, effect)


def _shares(source: Invoice, amount: int, now: datetime) -> Iterator[tuple[Transaction, int]]:
    """Choose which payments give the money, the newest first; not those that are refunded now."""
    payments = refund_selectors.payments_of(invoice=source)
    can = refund_selectors.refundable_of(payments, now=now)
    if any(can[payment.pk].is_busy for payment in payments):
        raise RefundInProgress(details={"invoice_id": source.pk})
    for payment in reversed(payments):
        share = min(amount, can[payment.pk].left_amount)
        amount -= share
        if share:
            yield payment, share
    assert amount == 0, "an overpayment that no payment brought"


def _effect(source: Invoice, there: Account, amount: int, due: int, now: datetime) -> Effect:
    plan = plan_arrival(standing=there.standing, amount=amount, moved_at=now)
    rows = {row.installment_id: row for row in plan.rows}
    return Effect(
        overpayment_before=source.overpayment_amount,
        overpayment_after=source.overpayment_amount - amount,
        target_due_before=due,
        target_due_after=due - amount,
        installments=tuple(
            Arrival(
                installment.number,
                rows[installment.id].amount,
                rows[installment.id].shares.tax_amount,
                rows[installment.id].shares.service_fee_amount,
                installment.is_paid,
            )
            for installment in plan.changed
        ),
    )
