"""Writes to invoices. Each function is one transaction, or says how it is cut."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F

from apikeys.models import Tenant
from gateways.fees.services import fee_on
from gateways.models import GatewayFee
from invoices.invoices import charges, external_ids, pricing, selectors
from invoices.invoices.request import InvoiceRequest
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import (
    Installment,
    Invoice,
    InvoiceStatus,
    LineItem,
    PaymentRequest,
)
from invoices.payment_requests import opening, recording
from invoices.schedule import splitting
from invoices.schedule.splitting import InvalidInstallments
from invoices.telling import services as telling
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint

log = structlog.get_logger(__name__)

DEFAULT_LIFE = timedelta(hours=24)
SHORTEST_LIFE, LONGEST_LIFE = timedelta(hours=1), timedelta(days=30)
ONCE_ONLY = ("invoice_per_idempotency_record", "invoice_external_id_per_tenant")
PARENT_STATES = (InvoiceStatus.PENDING, InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.FULLY_PAID)
USUAL_TAX_RATE_LIMIT = Decimal("0.27")  # above it: accepted and logged (FR-058)


class InvalidExpiry(PayTrustError):
    """The invoice would expire too soon or too late."""

    code = "invalid_expiry"


class InvalidParent(PayTrustError):
    """The invoice cannot have supplementary invoices."""

    code = "invalid_parent"


class ExternalIdConflict(PayTrustError):
    """Another invoice of yours that lives, or was paid, already has this external_id."""

    status = HTTPStatus.CONFLICT
    code = "external_id_conflict"


def create_invoice(
    *,
    tenant: Tenant,
    request: InvoiceRequest,
    idempotency_record_id: UUID | None,
    request_id: str | None = None,
    now: datetime,
) -> tuple[InvoiceDocument, bool]:
    """Store an invoice and open its first payment at the gateway.

    Cut in three: the rows and the payment request as `opening` are committed; the gateway is
    asked; the answer is recorded. A call that repeats an earlier one (same idempotency record
    or `external_id`) continues where that one stopped. An invoice that ended unpaid gives its
    `external_id` to the new one (spec 2.4).

    Returns:
        The invoice, and whether this call was the one that opened it.

    Raises:
        UnknownGateway, InvalidCurrency, UnsupportedCurrency, UnsupportedGatewayCurrency,
        InvalidAmount, InvalidExpiry, InvalidInstallments, InstallmentTooSmall: bad input.
        ExternalIdConflict: the external_id belongs to an invoice with other content.
        PaymentInProgress: the same call is running elsewhere.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: the invoice stays a draft.

    Source: FR-036, FR-037, FR-075, SC-009.
    """
    fee = fee_on(gateway_id=request.gateway_id, currency_code=request.currency_code)
    try:
        document, payment_request = _record_invoice(
            tenant=tenant,
            request=request,
            fee=fee,
            idempotency_record_id=idempotency_record_id,
            request_id=request_id,
            now=now,
        )
    except (IntegrityError, InvalidExpiry, InvalidInstallments) as error:
        existing = _made_before(tenant, request, idempotency_record_id, error)
        if existing is None or _is_succeeded(existing, idempotency_record_id):
            if not isinstance(error, IntegrityError):
                raise
            return create_invoice(
                tenant=tenant,
                request=request,
                idempotency_record_id=idempotency_record_id,
                request_id=request_id,
                now=now,
            )
        _require_same_content(existing, request, error)
        if existing.status != InvoiceStatus.DRAFT:
            return selectors.document(tenant=tenant, invoice_id=existing.pk), False
        return opening.open_payment(tenant=tenant, invoice_id=existing.pk, now=now)
    return opening.open_recorded(document, payment_request, now), True


def create_supplementary(
    *,
    tenant: Tenant,
    parent_id: int,
    request: InvoiceRequest,
    idempotency_record_id: UUID | None,
    request_id: str | None = None,
    now: datetime,
) -> tuple[InvoiceDocument, bool]:
    """Create an invoice beside another one, in its currency and at its gateway.

    Raises:
        Invoice.DoesNotExist: the parent is unknown, or another tenant's.
        InvalidParent: the parent is a draft, failed, expired, cancelled or supplementary.
        The failures of `create_invoice`.

    Source: FR-070, SC-012.
    """
    parent = Invoice.objects.for_tenant(tenant).get(pk=parent_id)
    if parent.parent_id is not None or parent.status not in PARENT_STATES:
        what = "supplementary itself" if parent.parent_id is not None else parent.status
        raise InvalidParent(
            f"Invoice {parent.pk} is {what}; it cannot have supplementary invoices.",
            details={"invoice_id": parent.pk, "status": parent.status},
        )
    request = replace(
        request,
        parent_id=parent.pk,
        gateway_id=parent.gateway_id,
        currency_code=parent.currency_code,
    )
    return create_invoice(
        tenant=tenant,
        request=request,
        idempotency_record_id=idempotency_record_id,
        request_id=request_id,
        now=now,
    )


def expire_invoices(*, now: datetime, limit: int) -> int:
    """Mark unpaid invoices whose time is over as `expired`; return how many.

    Rows that others hold are left for the next run. Their payment requests stay open: the
    gateway closes its page by its own clock, and money that still arrives is booked (FR-041).
    """
    with transaction.atomic():
        due = list(
            Invoice.objects.to_expire(now)
            .select_related("gateway")
            .order_by("pk")
            .select_for_update(of=("self",), skip_locked=True)[:limit]
        )
        before = [telling.look(invoice=invoice, now=now) for invoice in due]
        expired = Invoice.objects.filter(pk__in=[invoice.pk for invoice in due])
        count = expired.update(
            status=InvoiceStatus.EXPIRED,
            ended_as=InvoiceStatus.EXPIRED,
            ended_at=now,
            updated_at=now,
            version=F("version") + 1,
        )
        after = expired.select_related("gateway").order_by("pk")
        for invoice, sight in zip(after, before, strict=True):
            telling.tell(invoice=invoice, before=sight, now=now)
        return count


def _record_invoice(
    *,
    tenant: Tenant,
    request: InvoiceRequest,
    fee: GatewayFee,
    idempotency_record_id: UUID | None,
    request_id: str | None,
    now: datetime,
) -> tuple[InvoiceDocument, PaymentRequest]:
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
    due, expires_at = _times(request, now)
    with transaction.atomic():
        invoice = Invoice.objects.create(
            tenant=tenant,
            gateway=fee.gateway,
            parent_id=request.parent_id,
            external_id=request.external_id,
            idempotency_record_id=idempotency_record_id,
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
        line_items = _record_lines(invoice, request, lines)
        installments = _record_installments(invoice, planned, due)
        payment_request = recording.lease_request(
            invoice=invoice, installment=installments[0], now=now
        )
        invoice.payment_initiated_at = now
        invoice.save(update_fields=["payment_initiated_at"])
        document = InvoiceDocument(invoice, line_items, installments, None)
        telling.tell_created(document=document, now=now)
    _log_unusual_rates(invoice, line_items)
    return document, payment_request


def _times(request: InvoiceRequest, now: datetime) -> tuple[list[datetime], datetime]:
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


def _record_lines(
    invoice: Invoice, request: InvoiceRequest, lines: Sequence[charges.Line]
) -> list[LineItem]:
    return LineItem.objects.bulk_create(
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
    )


def _record_installments(
    invoice: Invoice,
    planned: Sequence[splitting.InstallmentAmounts],
    due: Sequence[datetime],
) -> list[Installment]:
    return Installment.objects.bulk_create(
        Installment(
            invoice=invoice,
            number=planned_one.number,
            due_at=due_at,
            net_amount=planned_one.net_amount,
            tax_amount=planned_one.tax_amount,
            service_fee_amount=planned_one.service_fee_amount,
            total_amount=planned_one.total_amount,
        )
        for planned_one, due_at in zip(planned, due, strict=True)
    )


def _log_unusual_rates(invoice: Invoice, line_items: Sequence[LineItem]) -> None:
    unusual = [line.pk for line in line_items if line.tax_rate > USUAL_TAX_RATE_LIMIT]
    if unusual:
        log.warning("tax rate above 27 %", invoice_id=invoice.pk, line_item_ids=unusual)


def _made_before(
    tenant: Tenant,
    request: InvoiceRequest,
    idempotency_record_id: UUID | None,
    error: Exception,
) -> Invoice | None:
    """Return the invoice that an earlier same call made, or that has the `external_id`.

    None if there is none any more: it was freed at this moment. Times that were right at the
    first call may have passed by now, so an unfit time is an error only for a new invoice.
    """
    if isinstance(error, IntegrityError) and violated_constraint(error) not in ONCE_ONLY:
        raise error
    mine = Invoice.objects.for_tenant(tenant)
    existing = None
    if idempotency_record_id:
        existing = mine.filter(idempotency_record_id=idempotency_record_id).first()
    if existing is None and request.external_id is not None:
        existing = mine.filter(external_id=request.external_id, external_id_freed=False).first()
    return existing


def _is_succeeded(existing: Invoice, idempotency_record_id: UUID | None) -> bool:
    """Return whether another call's invoice ended unpaid, so that a new one may take its place."""
    same_call = existing.idempotency_record_id == idempotency_record_id is not None
    return not same_call and external_ids.free(invoice=existing)


def _require_same_content(existing: Invoice, request: InvoiceRequest, error: Exception) -> None:
    if existing.content_fingerprint != request.fingerprint():
        raise ExternalIdConflict(
            f"Invoice {existing.pk} already has external_id {request.external_id!r} and other "
            "content. Use a new external_id, or send the same content again.",
            details={"invoice_id": existing.pk, "external_id": ["already used"]},
        ) from error
