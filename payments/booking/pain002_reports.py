"""Payment status reports, made again at any time, always within one tenant."""

from collections import Counter

from apikeys.models import Tenant
from invoices.iso20022.parties import refuse_draft
from invoices.models import Invoice, LedgerEntry, MoneyKind, PaymentRequest, Transaction
from payments.booking import pain002, pain002_statuses
from payments.booking.pain002_statuses import Booking, PaidInvoice, settled_as
from payments.booking.settling import CurrencyMismatch
from payments.models import WebhookEvent


def transaction_status(*, tenant: Tenant, transaction_id: int) -> bytes:
    """Return the pain.002 with which a transaction was booked, made again.

    Raises:
        Transaction.DoesNotExist: unknown, or another tenant's.
        InvalidDocument: it would not be valid.
    """
    booking = _booking(tenant=tenant, transaction_id=transaction_id)
    return pain002.document(pain002_statuses.report_of(booking))


def invoice_status(*, tenant: Tenant, invoice_id: int) -> bytes:
    """Return the pain.002 of all that has been paid on an invoice so far.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
        InvoiceNotInitiated: it is a draft.
        InvalidDocument: it would not be valid.
    """
    paid = _paid_invoice(tenant=tenant, invoice_id=invoice_id)
    refuse_draft(paid.invoice)
    return pain002.document(pain002_statuses.report_on(paid))


def _booking(*, tenant: Tenant, transaction_id: int) -> Booking:
    """Return a transaction as it was when it was booked, in three queries."""
    row = (
        Transaction.objects.for_tenant(tenant)
        .select_related("invoice__tenant", "invoice__gateway", "payment_request")
        .get(pk=transaction_id)
    )
    paid_amounts: Counter[int] = Counter()
    own: list[tuple[int | None, int]] = []
    for entry in LedgerEntry.objects.filter(invoice=row.invoice_id, transaction_id__lte=row.pk):
        if entry.transaction_id == row.pk:
            own.append((entry.installment_id, entry.amount))
        elif entry.installment_id is not None and entry.kind != MoneyKind.REFUND:
            paid_amounts[entry.installment_id] += entry.amount
    installments = list(row.invoice.installments.order_by("number"))
    return Booking(
        invoice=row.invoice,
        installments=installments,
        kind=row.kind,
        paid_amounts=paid_amounts,
        shares=pain002_statuses.shares_of(own),
        asked_id=pain002_statuses.asked_id_of(
            row.payment_request.installment_id,
            installments,
            (installment_id for installment_id, _ in own),
        ),
        gateway_transaction_id=row.gateway_transaction_id,
        amount=row.amount,
        settled_as=settled_as([row]),
        paid_at=row.paid_at,
        booked_at=row.created_at,
    )


def _paid_invoice(*, tenant: Tenant, invoice_id: int) -> PaidInvoice:
    """Return an invoice with all its bookings, and what was refused, in six queries."""
    invoice = (
        Invoice.objects.for_tenant(tenant).select_related("tenant", "gateway").get(pk=invoice_id)
    )
    booked = Transaction.objects.for_tenant(tenant).filter(invoice=invoice)
    entries = LedgerEntry.objects.filter(invoice=invoice)
    return PaidInvoice(
        invoice=invoice,
        installments=list(invoice.installments.order_by("number")),
        transactions=list(booked.order_by("pk")),
        entries=list(entries.select_related("transaction").order_by("transaction_id", "pk")),
        refusals=_refusals(invoice),
    )


def _refusals(invoice: Invoice) -> dict[int, list[WebhookEvent]]:
    """Return notifications of money in another currency, by the instalment that they are about."""
    asked = PaymentRequest.objects.filter(invoice=invoice)
    installment_ids = dict(asked.values_list("reference", "installment_id"))
    refusals: dict[int, list[WebhookEvent]] = {}
    for event in WebhookEvent.objects.filter(
        gateway_id=invoice.gateway_id,
        reference__in=installment_ids,
        status=WebhookEvent.Status.FAILED,
        outcome=CurrencyMismatch.code,
    ).order_by("pk"):
        assert event.reference is not None
        refusals.setdefault(installment_ids[event.reference], []).append(event)
    return refusals
