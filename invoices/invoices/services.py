"""Writes to invoices. Each function is one transaction, or says how it is cut."""

import functools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F

from apikeys.idempotency.once import Once
from apikeys.models import Tenant
from gateways.fees import services as fees
from invoices.invoices import external_ids, recording, selectors
from invoices.invoices.recording import InvalidExpiry
from invoices.invoices.request import InvoiceRequest
from invoices.invoices.selectors import InvoiceDocument
from invoices.models import Invoice, InvoiceStatus, PaymentRequest
from invoices.payment_requests import opening
from invoices.schedule.splitting import InvalidInstallments
from invoices.telling import services as telling
from paytrust.errors import PayTrustError
from paytrust.operations.database import violated_constraint

log = structlog.get_logger(__name__)

ONCE_ONLY = ("invoice_per_idempotency_record", "invoice_external_id_per_tenant")
PARENT_STATES = (InvoiceStatus.PENDING, InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.FULLY_PAID)


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
    once: Once | None = None,
    request_id: str | None = None,
    now: datetime,
) -> tuple[InvoiceDocument, bool]:
    """Store an invoice and open its first payment at the gateway.

    Cut in three: the rows and the payment request as `opening` are committed; the gateway is
    asked; the answer is recorded. A call that repeats an earlier one (same idempotency record
    or `external_id`) continues where that one stopped. An invoice that ended unpaid gives its
    `external_id` to the new one (spec 2.4).

    The first trip also claims the call, the last also stores its answer (`Once`).

    Returns:
        The invoice, and whether this call was the one that opened it.

    Raises:
        UnknownGateway, InvalidCurrency, UnsupportedCurrency, UnsupportedGatewayCurrency,
        InvalidAmount, InvalidExpiry, InvalidInstallments, InstallmentTooSmall: bad input.
        ExternalIdConflict: the external_id belongs to an invoice with other content.
        PaymentInProgress: the same call is running elsewhere.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: the invoice stays a draft.
        IntegrityError: the key of the call is not new (KEY_IS_NEW).

    Source: FR-036, FR-037, FR-075, SC-009.
    """
    once = once or Once(now=now)
    record = functools.partial(
        recording.record_invoice if request.parent_id is None else recording.record_beside_parent,
        tenant=tenant,
        request=request,
        once=once,
        request_id=request_id,
        now=now,
    )
    try:
        document, payment_request = _at_the_fee_in_force(request, record)
    except (IntegrityError, InvalidExpiry, InvalidInstallments) as error:
        if isinstance(error, IntegrityError) and violated_constraint(error) not in ONCE_ONLY:
            raise
        once.claim()
        existing = _made_before(tenant, request, once.record_id)
        if existing is None or _is_succeeded(existing, once.record_id, now):
            if not isinstance(error, IntegrityError):
                raise
            return create_invoice(
                tenant=tenant,
                request=request,
                once=once,
                request_id=request_id,
                now=now,
            )
        _require_same_content(existing, request, error)
        if existing.status != InvoiceStatus.DRAFT:
            return selectors.document(tenant=tenant, invoice_id=existing.pk), False
        return opening.open_payment(tenant=tenant, invoice_id=existing.pk, once=once, now=now)
    return opening.open_recorded(document, payment_request, now, once), True


def _at_the_fee_in_force(
    request: InvoiceRequest, record: Callable[..., tuple[InvoiceDocument, PaymentRequest]]
) -> tuple[InvoiceDocument, PaymentRequest]:
    """Record an invoice with the fee that this process knows; again if it is another one now.

    A refusal that may come from a fee of yesterday is no answer, so the fee is read first then.
    """
    gateway_id, currency_code = request.gateway_id, request.currency_code
    likely = fees.likely_fee_on(gateway_id=gateway_id, currency_code=currency_code)
    try:
        return record(fee=likely)
    except (IntegrityError, PayTrustError) as error:
        by_fee = isinstance(error, PayTrustError) or violated_constraint(error) == fees.FEE_IN_FORCE
        if not by_fee:
            raise
    return record(fee=fees.fee_on(gateway_id=gateway_id, currency_code=currency_code))


def create_supplementary(
    *,
    tenant: Tenant,
    parent_id: int,
    request: InvoiceRequest,
    once: Once | None = None,
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
    parent = selectors.invoice(tenant=tenant, invoice_id=parent_id)
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
        once=once,
        request_id=request_id,
        now=now,
    )


def expire_invoices(*, now: datetime, limit: int, only: int | None = None) -> int:
    """Mark unpaid invoices whose time is over as `expired`; return how many.

    `only` is the id of the one to look at. Rows that others hold are left for the next run. Their
    payment requests stay open: the gateway closes its page by its own clock, and money that still
    arrives is booked (FR-041).
    """
    over = Invoice.objects.to_expire(now)
    if only is not None:
        over = over.filter(pk=only)
    with transaction.atomic():
        due = list(
            over.select_related("gateway")
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


def _made_before(
    tenant: Tenant, request: InvoiceRequest, idempotency_record_id: UUID | None
) -> Invoice | None:
    """Return the invoice that an earlier same call made, or that has the `external_id`.

    None if there is none any more: it was freed at this moment. Times that were right at the
    first call may have passed by now, so an unfit time is an error only for a new invoice.
    """
    mine = Invoice.objects.for_tenant(tenant)
    existing = None
    if idempotency_record_id:
        existing = mine.filter(idempotency_record_id=idempotency_record_id).first()
    if existing is None and request.external_id is not None:
        existing = mine.filter(external_id=request.external_id, external_id_freed=False).first()
    return existing


def _is_succeeded(existing: Invoice, idempotency_record_id: UUID | None, now: datetime) -> bool:
    """Return whether another call's invoice ended unpaid, so that a new one may take its place.

    One whose time is over has ended, also if the job has not marked it yet.
    """
    if existing.idempotency_record_id == idempotency_record_id is not None:
        return False
    if existing.expires_at <= now and expire_invoices(now=now, limit=1, only=existing.pk):
        existing.refresh_from_db()
    return external_ids.free(invoice=existing)


def _require_same_content(existing: Invoice, request: InvoiceRequest, error: Exception) -> None:
    if existing.content_fingerprint != request.fingerprint():
        raise ExternalIdConflict(
            f"Invoice {existing.pk} already has external_id {request.external_id!r} and other "
            "content. Use a new external_id, or send the same content again.",
            details={"invoice_id": existing.pk, "external_id": ["already used"]},
        ) from error
