"""Changing what a customer still owes: instalments adjusted, invoices cancelled.

Each change is cut in two around a call to the gateway, which the payments app makes: an open
payment that would ask for the wrong amount is marked `closing` first, and the change is made
once it is closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apikeys.idempotency.once import Once
from apikeys.models import Tenant
from events.outbox import services as outbox
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.ledger import posting, states
from invoices.ledger.posting import Account
from invoices.ledger.standing import Shares, Standing
from invoices.models import Invoice, InvoiceStatus, PaymentRequest
from invoices.payment_requests import leases, opening, transitions
from invoices.payment_requests.leases import PaymentInProgress, in_locked_transaction
from invoices.schedule import resharing, splitting, taxes
from invoices.schedule.splitting import Unpaid
from invoices.telling import services as telling
from invoices.telling.services import Sight
from paytrust.errors import PayTrustError
from paytrust.operations.trips import Statement, join


class InvoiceNotCancellable(PayTrustError):
    """Only an invoice on which nothing was paid can be cancelled, and only once."""

    status = HTTPStatus.CONFLICT
    code = "invoice_not_cancellable"
    for_staff = _("Money is on this invoice, or it has ended: it cannot be cancelled.")


class InvoiceChanged(PayTrustError):
    """What is owed has changed since this change was proposed; look at the invoice again."""

    status = HTTPStatus.CONFLICT
    code = "invoice_changed"
    for_staff = _(
        "Something else is owed now than when this change was proposed. Look at the invoice again."
    )


@dataclass(frozen=True, slots=True)
class Owed:
    """What a customer owes on an invoice, as seen by a person who wants to change it."""

    ended_as: str | None
    paid_amount: int
    installments: tuple[tuple[int, int, int], ...]  # number, total, paid; minor units


def owed_on(document: InvoiceDocument) -> Owed:
    """Return what is owed on an invoice; it stays equal while no money or total moves."""
    return Owed(
        ended_as=document.invoice.ended_as,
        paid_amount=document.invoice.paid_amount,
        installments=tuple(
            (installment.number, installment.total_amount, installment.paid_amount)
            for installment in document.installments
        ),
    )


def owed_after_adjustment(
    *, document: InvoiceDocument, named: Mapping[int, int], now: datetime
) -> Owed:
    """Return what would be owed after an adjustment; change nothing.

    Raises:
        InvoiceNotPayable: paid, expired or cancelled.
        InvalidInstallments, InstallmentTooSmall: the totals do not fit.
    """
    asked = _adjusted(document, _account(document).standing, named, now)
    totals = {
        installment.number: asked[installment.pk].amount
        for installment in document.installments
        if installment.pk in asked
    }
    before = owed_on(document)
    return replace(
        before,
        installments=tuple(
            (number, totals.get(number, total), paid) for number, total, paid in before.installments
        ),
    )


def owed_after_cancellation(*, document: InvoiceDocument) -> Owed:
    """Return what would be owed after a cancellation; change nothing.

    Raises:
        InvoiceNotCancellable: money is on it, or it has ended.
    """
    require_cancellable(document.invoice)
    return replace(owed_on(document), ended_as=InvoiceStatus.CANCELLED)


@in_locked_transaction
def begin_adjustment(
    *,
    tenant: Tenant,
    invoice_id: int,
    named: Mapping[int, int],
    seen: Owed | None = None,
    now: datetime,
) -> PaymentRequest | None:
    """Check an adjustment; return the open payment that must be closed first, leased, or None.

    Args:
        tenant: whose invoice it is.
        invoice_id: the invoice.
        named: new totals by instalment number.
        seen: what was owed when the change was decided on, where others decide on it.
        now: when the change is made.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
        InvoiceChanged: something else is owed than `seen`.
        InvoiceNotPayable: paid, expired or cancelled.
        InvalidInstallments, InstallmentTooSmall: the totals do not fit.
        PaymentInProgress: somebody else is opening or closing the payment.
    """
    document, requests = _locked(tenant, invoice_id, seen)
    asked = _adjusted(document, _account(document).standing, named, now)
    return _lease_closing(requests, _changed(document, asked), now)


@in_locked_transaction
def adjust(
    *,
    tenant: Tenant,
    invoice_id: int,
    named: Mapping[int, int],
    seen: Owed | None = None,
    once: Once,
    now: datetime,
) -> InvoiceDocument:
    """Write new totals and shares of the unpaid instalments; the sums stay the invoice's.

    The same trip closes the call, unless a payment is to be opened next.

    Raises:
        As `begin_adjustment`; PaymentInProgress also if a payment that asks for an amount
        that would change is open again.

    Source: FR-066 to FR-069.
    """
    document, requests = _locked(tenant, invoice_id, seen)
    account = _account(document)
    asked = _adjusted(document, account.standing, named, now)
    if _active(requests, _changed(document, asked)):
        raise PaymentInProgress
    active = [request for request in requests if request.is_active]
    before = telling.sight_of(document.invoice, document.installments, active, now)
    reshaping = posting.reshaping(account=account, asked=asked, opens_next=not active, now=now)
    is_last = document.invoice.open_payment_at is None
    _write(document, reshaping, before=before, once=once if is_last else None, now=now)
    return document


@in_locked_transaction
def begin_cancellation(
    *, tenant: Tenant, invoice_id: int, seen: Owed | None = None, once: Once, now: datetime
) -> PaymentRequest | None:
    """Check that an invoice can be cancelled; return its open payment, leased, or None.

    The trip that reads it also claims the call; the caller calls `once.opened` behind it.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
        InvoiceChanged: something else is owed than `seen`.
        InvoiceNotCancellable: money is on it, or it has expired.
        PaymentInProgress: somebody else is opening or closing its payment.
    """
    document, requests = _locked(tenant, invoice_id, seen, once.opening())
    require_cancellable(document.invoice)
    return _lease_closing(requests, [one.pk for one in document.installments], now)


@in_locked_transaction
def cancel(
    *,
    tenant: Tenant,
    invoice_id: int,
    closed: PaymentRequest | None = None,
    seen: Owed | None = None,
    once: Once,
    now: datetime,
) -> InvoiceDocument:
    """End an invoice on which nothing was paid; the same trip closes the call.

    Cancelling it again changes nothing. `closed` is the payment that was closed for this.

    Raises:
        As `begin_cancellation`.
    """
    document, requests = _locked(tenant, invoice_id, seen)
    invoice = document.invoice
    require_cancellable(invoice)
    if any(request.is_active for request in requests):
        raise PaymentInProgress
    if invoice.ended_as != InvoiceStatus.CANCELLED:
        before = telling.sight_of(invoice, document.installments, (), now, closed=closed)
        ended = states.ended(invoice=invoice, ended_as=InvoiceStatus.CANCELLED, now=now)
        _write(document, [ended], before=before, once=once, now=now)
    return document


def _write(
    document: InvoiceDocument,
    change: Sequence[Statement],
    *,
    before: Sight,
    once: Once | None,
    now: datetime,
) -> None:
    """Write a change, whose rows follow, with its events, and close the call, in one trip."""
    events = telling.changed(invoice=document.invoice, before=before, now=now)
    closing = once.closing(document) if once else ()
    written = join(*change, *closing, *events)
    for deliveries in written[len(change) + len(closing) :]:
        outbox.recorded(deliveries)
    if once:
        transaction.on_commit(once.closed)


def _locked(
    tenant: Tenant, invoice_id: int, seen: Owed | None, first: Sequence[Statement] = ()
) -> tuple[InvoiceDocument, list[PaymentRequest]]:
    """Lock an invoice and then its instalments; read both and all demands, in the same trip.

    What stands `first` in it comes before the locks.
    """
    about = {"invoice": invoice_id, "tenant": tenant.pk}
    locking = (
        leases.lock_of(invoice_id, tenant_id=tenant.pk),
        posting.locking_installments(values=about, invoice=f"({selectors.OWN})"),
    )
    reading = selectors.reading_with_requests(invoice_id=invoice_id, tenant_id=tenant.pk)
    read = join(*first, *locking, *reading)[-len(reading) :]
    document, requests = selectors.read_with_requests(read)
    if seen is not None and owed_on(document) != seen:
        raise InvoiceChanged(details={"invoice_id": invoice_id})
    return document, requests


def _account(document: InvoiceDocument) -> Account:
    standing = posting.standing_of(
        invoice=document.invoice,
        installments=document.installments,
        taxes_asked=taxes.tax_by_rate(document.line_items),
    )
    return Account(document.invoice, document.installments, standing)


def _adjusted(
    document: InvoiceDocument, standing: Standing, named: Mapping[int, int], now: datetime
) -> dict[int, Shares]:
    """Return what each unpaid instalment would ask for, by its id."""
    opening.unpaid_installments(document, now)
    unpaid = [installment for installment in standing.installments if not installment.is_paid]
    totals = splitting.adjusted_totals(
        unpaid=[
            Unpaid(installment.number, installment.asked.amount, installment.received.amount)
            for installment in unpaid
        ],
        named=named,
    )
    shares = resharing.reshare(
        unpaid=unpaid,
        totals=dict(zip((installment.number for installment in unpaid), totals, strict=True)),
    )
    return dict(zip((installment.id for installment in unpaid), shares, strict=True))


def _changed(document: InvoiceDocument, asked: Mapping[int, Shares]) -> list[int]:
    """Return the ids of the instalments whose total would change."""
    return [
        installment.pk
        for installment in document.installments
        if installment.pk in asked and asked[installment.pk].amount != installment.total_amount
    ]


def _lease_closing(
    requests: Sequence[PaymentRequest], installments: Sequence[int], now: datetime
) -> PaymentRequest | None:
    """Mark the open payment of one of `installments` as closing, so that no other caller acts."""
    current = _active(requests, installments)
    if current is None:
        return None
    leases.require_free(current, now)
    join(transitions.closing(payment_request=current, now=now))
    return current


def _active(
    requests: Sequence[PaymentRequest], installments: Sequence[int]
) -> PaymentRequest | None:
    """Return the oldest demand for one of these instalments that may still be paid."""
    return next(
        (one for one in requests if one.is_active and one.installment_id in installments), None
    )


def require_cancellable(invoice: Invoice) -> None:
    """Refuse an invoice with money on it, or one that expired.

    Raises:
        InvoiceNotCancellable: says which of them.
    """
    if not invoice.is_cancellable:
        raise InvoiceNotCancellable(
            f"Invoice {invoice.pk} is {invoice.status} with {invoice.paid_amount} paid; "
            "it cannot be cancelled.",
            details={
                "invoice_id": invoice.pk,
                "status": invoice.status,
                "paid_amount": invoice.paid_amount,
            },
        )
