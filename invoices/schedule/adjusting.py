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

from apikeys.models import Tenant
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.ledger import settlements, states
from invoices.models import Installment, Invoice, InvoiceStatus, PaymentRequest, SettlementEntry
from invoices.payment_requests import opening
from invoices.payment_requests.opening import LEASE
from invoices.schedule import splitting, taxes
from invoices.schedule.splitting import Part, Unpaid
from paytrust.errors import PayTrustError
from paytrust.operations.database import PaymentInProgress, with_lock_tries


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
    """What a customer owes on an invoice, as somebody sees it who wants to change it."""

    ended_as: str | None
    paid_amount: int
    installments: tuple[tuple[int, int, int], ...]  # number, total, paid; minor units


def owed_on(document: InvoiceDocument) -> Owed:
    """Return what is owed on an invoice; it stays equal while no money or total moves."""
    return Owed(
        ended_as=document.invoice.ended_as,
        paid_amount=document.invoice.paid_amount,
        installments=tuple(
            (part.number, part.total_amount, part.paid_amount) for part in document.installments
        ),
    )


def owed_after_adjustment(
    *, document: InvoiceDocument, named: Mapping[int, int], now: datetime
) -> Owed:
    """Return what would be owed after an adjustment, which nothing is changed by.

    Raises:
        InvoiceNotPayable: paid, expired or cancelled.
        InvalidInstallments, InstallmentTooSmall: the totals do not fit.
    """
    totals = {part.number: after.total_amount for part, after in _adjusted(document, named, now)}
    before = owed_on(document)
    return replace(
        before,
        installments=tuple(
            (number, totals.get(number, total), paid) for number, total, paid in before.installments
        ),
    )


def owed_after_cancellation(*, document: InvoiceDocument) -> Owed:
    """Return what would be owed after a cancellation, which nothing is changed by.

    Raises:
        InvoiceNotCancellable: money is on it, or it has ended.
    """
    require_cancellable(document.invoice)
    return replace(owed_on(document), ended_as=InvoiceStatus.CANCELLED)


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

    def begin() -> PaymentRequest | None:
        with transaction.atomic():
            document = _locked(tenant, invoice_id, seen)
            changed = [
                part.pk
                for part, after in _adjusted(document, named, now)
                if part.total_amount != after.total_amount
            ]
            return _lease_closing(document.invoice, changed, now)

    return with_lock_tries(begin)


def adjust(
    *,
    tenant: Tenant,
    invoice_id: int,
    named: Mapping[int, int],
    seen: Owed | None = None,
    now: datetime,
) -> InvoiceDocument:
    """Write new totals and shares of the unpaid instalments; the sums stay the invoice's.

    Raises:
        As `begin_adjustment`; PaymentInProgress also if a payment that asks for an amount
        that would change is open again.

    Source: FR-066 to FR-069.
    """

    def write() -> InvoiceDocument:
        with transaction.atomic():
            document = _locked(tenant, invoice_id, seen)
            invoice = document.invoice
            before = {part.pk: part.total_amount for part in document.installments}
            adjusted = _adjusted(document, named, now)
            for part, after in adjusted:
                _write_part(part, after, now)
            parts = [part for part, _ in adjusted]
            changed = [part.pk for part in parts if part.total_amount != before[part.pk]]
            if PaymentRequest.objects.filter(installment__in=changed).active().exists():
                raise PaymentInProgress
            Installment.objects.bulk_update(parts, WRITTEN)
            taxes.rewrite(installments=parts, line_items=document.line_items)
            settled = [part for part in parts if part.status == Installment.Status.PAID]
            settlements.record(
                invoice=invoice, installments=settled, kind=SettlementEntry.Kind.SETTLED, now=now
            )
            if not invoice.payment_requests.active().exists():
                invoice.open_payment_at = now
            invoice.review_flags = states.standing_flags(invoice, parts)
            invoice.updated_at = now
            invoice.save(update_fields=["review_flags", "open_payment_at", "updated_at"])
            return document

    return with_lock_tries(write)


def begin_cancellation(
    *, tenant: Tenant, invoice_id: int, seen: Owed | None = None, now: datetime
) -> PaymentRequest | None:
    """Check that an invoice can be cancelled; return its open payment, leased, or None.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
        InvoiceChanged: something else is owed than `seen`.
        InvoiceNotCancellable: money is on it, or it has expired.
        PaymentInProgress: somebody else is opening or closing its payment.
    """

    def begin() -> PaymentRequest | None:
        with transaction.atomic():
            document = _locked(tenant, invoice_id, seen)
            require_cancellable(document.invoice)
            return _lease_closing(
                document.invoice, [part.pk for part in document.installments], now
            )

    return with_lock_tries(begin)


def cancel(
    *, tenant: Tenant, invoice_id: int, seen: Owed | None = None, now: datetime
) -> InvoiceDocument:
    """End an invoice on which nothing was paid. Cancelling it again changes nothing.

    Raises:
        As `begin_cancellation`.
    """

    def end() -> InvoiceDocument:
        with transaction.atomic():
            document = _locked(tenant, invoice_id, seen)
            invoice = document.invoice
            require_cancellable(invoice)
            if invoice.payment_requests.active().exists():
                raise PaymentInProgress
            if invoice.ended_as != InvoiceStatus.CANCELLED:
                invoice.ended_as, invoice.ended_at = InvoiceStatus.CANCELLED, now
                invoice.open_payment_at, invoice.updated_at = None, now
                invoice.status = states.status_of(invoice)
                invoice.save()
            return document

    return with_lock_tries(end)


WRITTEN = [
    "net_amount",
    "tax_amount",
    "service_fee_amount",
    "total_amount",
    "status",
    "paid_at",
    "settled_at",
]


def _locked(tenant: Tenant, invoice_id: int, seen: Owed | None) -> InvoiceDocument:
    """Lock an invoice and then its instalments, and read both under the lock."""
    Invoice.objects.for_tenant(tenant).locked(nowait=True).get(pk=invoice_id)
    list(Installment.objects.filter(invoice=invoice_id).select_for_update().order_by("pk"))
    document = selectors.document(tenant=tenant, invoice_id=invoice_id)
    if seen is not None and owed_on(document) != seen:
        raise InvoiceChanged(details={"invoice_id": invoice_id})
    return document


def _adjusted(
    document: InvoiceDocument, named: Mapping[int, int], now: datetime
) -> list[tuple[Installment, Part]]:
    """Pair each unpaid instalment with what it would become."""
    unpaid = opening.unpaid_installments(document, now)
    totals = splitting.adjusted_totals(
        unpaid=[Unpaid(part.number, part.total_amount, part.paid_amount) for part in unpaid],
        named=named,
    )
    parts = splitting.split(
        totals=dict(zip((part.number for part in unpaid), totals, strict=True)),
        tax_amount=sum(part.tax_amount for part in unpaid),
        service_fee_amount=sum(part.service_fee_amount for part in unpaid),
    )
    return list(zip(unpaid, parts, strict=True))


def _write_part(part: Installment, after: Part, now: datetime) -> None:
    part.total_amount, part.net_amount = after.total_amount, after.net_amount
    part.tax_amount, part.service_fee_amount = after.tax_amount, after.service_fee_amount
    if part.paid_amount == part.total_amount:  # lowered to what was paid into it
        part.status = Installment.Status.PAID
        part.paid_at, part.settled_at = part.paid_at or now, now


def lease_left_closing(*, tenant: Tenant, invoice_id: int, now: datetime) -> PaymentRequest | None:
    """Lease the payment that a crash or a failed change left `closing`, if there is one."""
    left = PaymentRequest.objects.for_tenant(tenant).filter(invoice=invoice_id).left_closing(now)
    current = left.select_related("gateway").first()
    leased = current and left.filter(pk=current.pk).update(leased_until=now + LEASE)
    return current if leased else None


def _lease_closing(
    invoice: Invoice, installments: Sequence[int], now: datetime
) -> PaymentRequest | None:
    """Mark the open payment of one of `installments` as closing, so that nobody else acts."""
    current = invoice.payment_requests.filter(installment__in=installments).active().first()
    if current is None:
        return None
    if current.leased_until is not None and current.leased_until > now:
        raise PaymentInProgress
    current.status, current.leased_until = PaymentRequest.Status.CLOSING, now + LEASE
    current.next_check_at = now + LEASE
    current.save(update_fields=["status", "leased_until", "next_check_at"])
    return current


def require_cancellable(invoice: Invoice) -> None:
    """Refuse an invoice with money on it, or one that expired.

    Raises:
        InvoiceNotCancellable: says which of them.
    """
    expired = invoice.ended_as == InvoiceStatus.EXPIRED
    if invoice.paid_amount > 0 or expired:
        raise InvoiceNotCancellable(
            f"Invoice {invoice.pk} is {invoice.status} with {invoice.paid_amount} paid; "
            "it cannot be cancelled.",
            details={
                "invoice_id": invoice.pk,
                "status": invoice.status,
                "paid_amount": invoice.paid_amount,
            },
        )
