"""Writing a new invoice: its rows, its first demand and its event, in one trip."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import structlog

from apikeys.idempotency.once import Once
from apikeys.models import Tenant
from events.outbox import services as outbox
from gateways.fees import services as fees
from gateways.models import GatewayFee
from invoices.invoices import charges, pricing
from invoices.invoices.request import InvoiceRequest
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Installment, Invoice, LineItem, PaymentRequest
from invoices.payment_requests import recording
from invoices.payment_requests.leases import in_locked_transaction
from invoices.schedule import splitting
from invoices.telling import services as telling
from paytrust.errors import PayTrustError
from paytrust.operations import rows
from paytrust.operations.trips import KEEP_ID, NEW_ID, Statement, trip

log = structlog.get_logger(__name__)

DEFAULT_LIFE = timedelta(hours=24)
SHORTEST_LIFE, LONGEST_LIFE = timedelta(hours=1), timedelta(days=30)
USUAL_TAX_RATE_LIMIT = Decimal("0.27")  # above it: accepted and logged (FR-058)
_INVOICE: Final = rows.insertion(Invoice, returning=f"id, {KEEP_ID}")
_LINES: Final = rows.insertion(LineItem, {"invoice_id": NEW_ID})
_INSTALLMENTS: Final = rows.insertion(Installment, {"invoice_id": NEW_ID})
_INITIATED: Final = (
    f"UPDATE invoices_invoice SET payment_initiated_at = %(now)s WHERE id = {NEW_ID}"  # noqa: S608  # nosec B608  # our own name
)

# The foreign key would wait for somebody who holds the parent; an API call does not (spec 4.2).
_PARENT_IS_FREE: Final = (
    "SELECT id FROM invoices_invoice WHERE id = %(parent)s FOR KEY SHARE NOWAIT"
)


class InvalidExpiry(PayTrustError):
    """The invoice would expire too soon or too late."""

    code = "invalid_expiry"


def record_invoice(
    *,
    tenant: Tenant,
    request: InvoiceRequest,
    fee: GatewayFee,
    once: Once,
    request_id: str | None = None,
    now: datetime,
) -> tuple[InvoiceDocument, PaymentRequest]:
    """Write a new invoice with all that belongs to it and its first demand, in one trip.

    The same trip claims the call, if it has a key.

    Raises:
        InvalidAmount, InvalidExpiry, InvalidInstallments, InstallmentTooSmall: bad input.
        IntegrityError: the key of the call is not new (KEY_IS_NEW), the fee is not the one in
            force (FEE_IN_FORCE), or the same call, or one with this `external_id`, has made its
            invoice.
    """
    lines = pricing.price_lines(request)
    charged = charges.charge(
        lines=lines, fee=charges.Fee(percentage=fee.percentage, fixed_amount=fee.fixed_amount)
    )
    pricing.check_charges(charged)
    asked = request.installments
    planned = splitting.plan(
        charges=charged,
        count=asked.count if asked else 1,
        custom_amounts=asked.custom_amounts if asked else None,
    )
    due, expires_at = times_of(request, now)
    invoice = Invoice(
        tenant=tenant,
        gateway=fee.gateway,
        parent_id=request.parent_id,
        external_id=request.external_id,
        idempotency_record_id=once.record_id,
        request_id=request_id,
        content_fingerprint=request.fingerprint(),
        currency_code=request.currency_code,
        subtotal_amount=charged.subtotal_amount,
        total_tax_amount=charged.total_tax_amount,
        total_service_fee_amount=charged.total_service_fee_amount,
        total_amount=charged.total_amount,
        fee_percentage=fee.percentage,
        fee_fixed_amount=fee.fixed_amount,
        installment_count=len(planned),
        description=request.description,
        customer=request.customer,
        metadata=request.metadata or {},
        success_redirect_url=request.success_redirect_url,
        failure_redirect_url=request.failure_redirect_url,
        payment_method=request.payment_method,
        created_at=now,
        updated_at=now,
        expires_at=expires_at,
    )
    document = InvoiceDocument(
        invoice, _line_items(invoice, request, lines), _installments(invoice, planned, due), None
    )
    payment_request = _write(document, fee, once, now)
    _log_unusual_rates(invoice, document.line_items)
    return document, payment_request


# Others may hold the parent.
record_beside_parent: Final = in_locked_transaction(record_invoice)


def _write(document: InvoiceDocument, fee: GatewayFee, once: Once, now: datetime) -> PaymentRequest:
    """Write a document that was never written, and its first demand, which is returned.

    The lines come before `payment_initiated_at`: after it the database takes none.
    """
    invoice, first = document.invoice, document.installments[0]
    payment_request, demand = recording.first_request(invoice=invoice, installment=first, now=now)
    invoice_row = Statement(_INVOICE, rows.values([invoice]))
    invoice.payment_initiated_at = now
    parent = invoice.parent_id
    *_, invoice_rows, line_rows, installment_rows, _, request_rows, deliveries = trip(
        *([Statement(_PARENT_IS_FREE, {"parent": parent})] if parent else []),
        *once.opening(),
        fees.in_force(fee),
        invoice_row,
        Statement(_LINES, rows.values(document.line_items)),
        Statement(_INSTALLMENTS, rows.values(document.installments)),
        Statement(_INITIATED, {"now": now}),
        demand,
        telling.created(document=document, now=now),
    )
    once.opened()
    outbox.recorded(deliveries)
    invoice_id = invoice.pk = invoice_rows[0][0]
    for line, (pk,) in zip(document.line_items, line_rows, strict=True):
        line.pk, line.invoice_id = pk, invoice_id
    for installment, (pk,) in zip(document.installments, installment_rows, strict=True):
        installment.pk, installment.invoice_id = pk, invoice_id
    payment_request.pk, payment_request.installment_id, payment_request.reference = request_rows[0]
    payment_request.invoice_id = invoice_id
    return payment_request


def times_of(request: InvoiceRequest, now: datetime) -> tuple[list[datetime], datetime]:
    """Return the due dates and the moment the invoice expires (FR-021, FR-041)."""
    if request.installments is None:
        expires_at = request.expires_at or now + DEFAULT_LIFE
        _check_expiry(request, earliest=now + SHORTEST_LIFE, latest=now + LONGEST_LIFE)
        return [expires_at], expires_at
    due = splitting.due_dates(
        count=request.installments.count,
        created_at=now,
        interval_days=request.installments.interval_days or splitting.DEFAULT_INTERVAL_DAYS,
        given=request.installments.due_dates,
    )
    _check_expiry(request, earliest=due[-1], latest=due[-1] + LONGEST_LIFE)
    return due, request.expires_at or due[-1] + DEFAULT_LIFE


def _check_expiry(request: InvoiceRequest, *, earliest: datetime, latest: datetime) -> None:
    if request.expires_at and not earliest <= request.expires_at <= latest:
        between = f"between {earliest:%Y-%m-%dT%H:%M:%SZ} and {latest:%Y-%m-%dT%H:%M:%SZ}"
        raise InvalidExpiry(
            f"expires_at must lie {between}.", details={"expires_at": [f"must lie {between}"]}
        )


def _line_items(
    invoice: Invoice, request: InvoiceRequest, lines: Sequence[charges.Line]
) -> list[LineItem]:
    return [
        LineItem(
            invoice=invoice,
            position=position,
            product_name=asked.product_name,
            quantity=asked.quantity,
            unit_price_amount=line.unit_amount,
            discount_amount=line.discount_amount,
            tax_rate=asked.tax_rate,
            tax_category=asked.tax_category,
            country_code=asked.country_code,
            subtotal_amount=line.subtotal_amount,
            tax_amount=line.tax_amount,
        )
        for position, (asked, line) in enumerate(
            zip(request.line_items, lines, strict=True), start=1
        )
    ]


def _installments(
    invoice: Invoice,
    planned: Sequence[splitting.InstallmentAmounts],
    due: Sequence[datetime],
) -> list[Installment]:
    return [
        Installment(
            invoice=invoice,
            number=amounts.number,
            due_at=due_at,
            net_amount=amounts.net_amount,
            tax_amount=amounts.tax_amount,
            service_fee_amount=amounts.service_fee_amount,
            total_amount=amounts.total_amount,
        )
        for amounts, due_at in zip(planned, due, strict=True)
    ]


def _log_unusual_rates(invoice: Invoice, line_items: Sequence[LineItem]) -> None:
    unusual = [line.pk for line in line_items if line.tax_rate > USUAL_TAX_RATE_LIMIT]
    if unusual:
        log.warning("tax rate above 27 %", invoice_id=invoice.pk, line_item_ids=unusual)
