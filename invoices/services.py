"""Writes to invoices. Each function is one transaction, or says how it is cut."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction

from apikeys.models import Tenant
from gateways.models import GatewayFee
from gateways.services import fee_on
from invoices import charges, payment_requests, schedule, selectors, states
from invoices.models import (
    Installment,
    InstallmentTax,
    Invoice,
    InvoiceStatus,
    LineItem,
    PaymentRequest,
    ReviewFlag,
)
from invoices.selectors import InvoiceDocument
from paytrust.database import violated_constraint, with_lock_tries
from paytrust.errors import PayTrustError
from paytrust.money import MAX_AMOUNT, allocate, minor_units

log = structlog.get_logger(__name__)

DEFAULT_LIFE = timedelta(hours=24)
SHORTEST_LIFE, LONGEST_LIFE = timedelta(hours=1), timedelta(days=30)
PAGE_ROUNDING = timedelta(minutes=5)  # gateways take whole seconds or minutes
USUAL_TAX_RATE_LIMIT = Decimal("0.27")  # above it: accepted and logged (FR-058)


class InvalidAmount(PayTrustError):
    """An amount is finer than the currency allows, or out of range."""

    code = "invalid_amount"


class InvalidExpiry(PayTrustError):
    """The invoice would expire too soon or too late."""

    code = "invalid_expiry"


class ExternalIdConflict(PayTrustError):
    """Another invoice of yours already has this external_id."""

    status = HTTPStatus.CONFLICT
    code = "external_id_conflict"


@dataclass(frozen=True, slots=True)
class LineRequest:
    """One line as asked for; `unit_price` is in whole currency."""

    product_name: str
    quantity: int
    unit_price: Decimal
    tax_rate: Decimal
    tax_category: str | None = None
    country_code: str | None = None


@dataclass(frozen=True, slots=True)
class InstallmentsRequest:
    """The schedule as asked for; `custom_amounts` are gross, in minor units."""

    count: int
    custom_amounts: tuple[int, ...] | None = None
    interval_days: int | None = None
    due_dates: tuple[datetime, ...] | None = None


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """What a merchant asks for when creating an invoice."""

    gateway_id: int
    currency_code: str
    line_items: tuple[LineRequest, ...]
    external_id: str | None = None
    expires_at: datetime | None = None
    installments: InstallmentsRequest | None = None
    description: str | None = None
    customer: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    success_redirect_url: str | None = None
    failure_redirect_url: str | None = None
    payment_method: dict[str, Any] | None = None

    def fingerprint(self) -> str:
        """Return a digest of the content: equal requests give equal digests."""
        return hashlib.sha256(
            json.dumps(asdict(self), sort_keys=True, default=_canonical).encode()
        ).hexdigest()


@dataclass(frozen=True, slots=True)
class Credit:
    """Where a payment went: (instalment, minor units) in order, and what nobody asked for."""

    allocations: tuple[tuple[Installment, int], ...]
    overpayment_amount: int


def create_invoice(
    *, tenant: Tenant, request: InvoiceRequest, idempotency_record_id: UUID | None, now: datetime
) -> tuple[InvoiceDocument, bool]:
    """Store an invoice and open its first payment at the gateway.

    Cut in three: the rows and the payment request as `opening` are committed; the gateway is
    asked; the answer is recorded. A call that repeats an earlier one (same idempotency record
    or `external_id`) continues where that one stopped.

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
            tenant, request, fee, idempotency_record_id, now
        )
    except IntegrityError as error:
        existing = _made_before(tenant, request, idempotency_record_id, error)
        if existing.status != InvoiceStatus.DRAFT:
            return selectors.document(tenant=tenant, invoice_id=existing.pk), False
        document, payment_request = _lease_payment(tenant, existing.pk, now)
    asking = payment_request.status == PaymentRequest.Status.OPENING
    return _ask(document, payment_request, now), asking


def open_payment(*, tenant: Tenant, invoice_id: int, now: datetime) -> InvoiceDocument:
    """Open the payment of the lowest unpaid instalment, or resume opening it.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
        InvoiceNotPayable: paid, expired or cancelled.
        PaymentInProgress: somebody else is opening it, or holds the invoice.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: not opened.
    """
    document, payment_request = _lease_payment(tenant, invoice_id, now)
    return _ask(document, payment_request, now)


def payable_installment(document: InvoiceDocument, now: datetime) -> Installment:
    """Return the lowest unpaid instalment of an invoice that may still be paid.

    Raises:
        InvoiceNotPayable: paid in full, cancelled or expired.
    """
    invoice = document.invoice
    ended = invoice.ended_as in {InvoiceStatus.CANCELLED, InvoiceStatus.EXPIRED}
    unpaid = [part for part in document.installments if part.status == Installment.Status.UNPAID]
    if ended or invoice.expires_at <= now or not unpaid:
        raise payment_requests.InvoiceNotPayable(
            f"Invoice {invoice.pk} is {invoice.status}; nothing more can be paid on it.",
            details={"invoice_id": invoice.pk, "status": invoice.status},
        )
    return unpaid[0]


def credit(
    *,
    invoice: Invoice,
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
        payment_request: the demand that was paid; it becomes `paid`.
        amount: minor units of the invoice's currency, at least 1.
        paid_at: when the customer paid, as the gateway says.
        now: when it is booked.

    Source: FR-041, FR-043, FR-044, FR-065, spec 3.6 and 4.6.
    """
    parts = list(invoice.installments.select_for_update().order_by("pk"))
    asked = next(part for part in parts if part.pk == payment_request.installment_id)
    unpaid = (
        [part for part in parts if part.status == Installment.Status.UNPAID]
        if asked.status == Installment.Status.UNPAID
        else []
    )
    allocations = _fill(unpaid, amount, paid_at, now)
    Installment.objects.bulk_update(
        [part for part, _ in allocations], ["paid_amount", "status", "paid_at", "settled_at"]
    )
    overpayment_amount = amount - sum(share for _, share in allocations)
    _move_invoice(invoice, payment_request, amount, overpayment_amount, now)
    payment_request.status = PaymentRequest.Status.PAID
    payment_request.ended_at, payment_request.next_check_at = now, None
    payment_request.save(update_fields=["status", "ended_at", "next_check_at"])
    return Credit(tuple(allocations), overpayment_amount)


def end_payment_request(
    *, invoice: Invoice, payment_request: PaymentRequest, ended_as: str, now: datetime
) -> None:
    """Record that a gateway closed an unpaid payment: `expired`, `failed` or `cancelled`.

    The invoice must be locked by the caller. It follows unless money is on it, or unless the
    gateway's page was shorter than the invoice by design: then a new page may be opened.
    """
    payment_request.status, payment_request.ended_at = ended_as, now
    payment_request.next_check_at = payment_request.leased_until = None
    payment_request.save(update_fields=["status", "ended_at", "next_check_at", "leased_until"])
    page_was_shorter = payment_request.expires_at < invoice.expires_at - PAGE_ROUNDING
    if ended_as == PaymentRequest.Status.EXPIRED and page_was_shorter:
        return
    if invoice.ended_as in {InvoiceStatus.CANCELLED, InvoiceStatus.EXPIRED}:
        return
    if invoice.paid_amount == 0:
        expired = ended_as == PaymentRequest.Status.EXPIRED
        _end_invoice(invoice, InvoiceStatus.EXPIRED if expired else InvoiceStatus.FAILED, now)


def expire_invoices(*, now: datetime, limit: int) -> int:
    """Mark unpaid invoices whose time is over as `expired`; return how many.

    Rows that others hold are left for the next run. Their payment requests stay open: the
    gateway closes its page by its own clock, and money that still arrives is booked (FR-041).
    """
    with transaction.atomic():
        due = (
            Invoice.objects.filter(
                status__in=[InvoiceStatus.DRAFT, InvoiceStatus.PENDING, InvoiceStatus.FAILED],
                expires_at__lte=now,
            )
            .order_by("pk")
            .select_for_update(skip_locked=True)[:limit]
        )
        return Invoice.objects.filter(pk__in=[invoice.pk for invoice in due]).update(
            status=InvoiceStatus.EXPIRED,
            ended_as=InvoiceStatus.EXPIRED,
            ended_at=now,
            updated_at=now,
        )


def _canonical(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value.normalize())
    assert isinstance(value, datetime)
    return value.isoformat()


def _record_invoice(
    tenant: Tenant,
    request: InvoiceRequest,
    fee: GatewayFee,
    idempotency_record_id: UUID | None,
    now: datetime,
) -> tuple[InvoiceDocument, PaymentRequest]:
    lines = _charge_lines(request)
    charged = charges.charge(
        lines=lines, fee=charges.Fee(percentage=fee.percentage, fixed_amount=fee.fixed_amount)
    )
    _check_total(charged.total_amount)
    asked = request.installments
    parts = schedule.plan(
        charges=charged,
        count=asked.count if asked else 1,
        custom_amounts=asked.custom_amounts if asked else None,
    )
    due, expires_at = _times(request, now)
    with transaction.atomic():
        invoice = Invoice.objects.create(
            tenant=tenant,
            gateway=fee.gateway,
            external_id=request.external_id,
            idempotency_record_id=idempotency_record_id,
            content_fingerprint=request.fingerprint(),
            currency_code=request.currency_code,
            subtotal_amount=charged.subtotal_amount,
            total_tax_amount=charged.total_tax_amount,
            total_service_fee_amount=charged.total_service_fee_amount,
            total_amount=charged.total_amount,
            fee_percentage=fee.percentage,
            fee_fixed_amount=fee.fixed_amount,
            installment_count=len(parts),
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
        installments = _record_installments(invoice, parts, due, charges.tax_by_rate(lines=lines))
        payment_request = payment_requests.lease_request(
            invoice=invoice, installment=installments[0], now=now
        )
        invoice.payment_initiated_at = now
        invoice.save(update_fields=["payment_initiated_at"])
    _log_unusual_rates(invoice, line_items)
    return InvoiceDocument(invoice, line_items, installments, None), payment_request


def _charge_lines(request: InvoiceRequest) -> list[charges.Line]:
    """Turn prices into minor units; an amount finer than the currency is an error."""
    lines: list[charges.Line] = []
    errors: list[dict[str, list[str]]] = [{} for _ in request.line_items]
    for line, error in zip(request.line_items, errors, strict=True):
        try:
            unit_amount = minor_units(line.unit_price, request.currency_code)
        except ValueError as reason:
            error["unit_price"] = [str(reason)]
            continue
        lines.append(charges.Line(line.quantity, unit_amount, line.tax_rate))
    if any(errors):
        raise InvalidAmount("A price does not fit the currency.", details={"line_items": errors})
    return lines


def _check_total(total_amount: int) -> None:
    if not 1 <= total_amount <= MAX_AMOUNT:
        raise InvalidAmount(
            f"The invoice total is {total_amount}; it must be from 1 to {MAX_AMOUNT}.",
            details={"line_items": [f"total must be from 1 to {MAX_AMOUNT} minor units"]},
        )


def _times(request: InvoiceRequest, now: datetime) -> tuple[list[datetime], datetime]:
    """Return the due dates and the moment the invoice expires (FR-021, FR-041)."""
    if request.installments is None:
        expires_at = request.expires_at or now + DEFAULT_LIFE
        _check_expiry(request, earliest=now + SHORTEST_LIFE, latest=now + LONGEST_LIFE)
        return [expires_at], expires_at
    due = schedule.due_dates(
        count=request.installments.count,
        created_at=now,
        interval_days=request.installments.interval_days or schedule.DEFAULT_INTERVAL_DAYS,
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
    parts: Sequence[schedule.Part],
    due: Sequence[datetime],
    taxes: dict[Decimal, int],
) -> list[Installment]:
    installments = Installment.objects.bulk_create(
        Installment(
            invoice=invoice,
            number=part.number,
            due_at=due_at,
            net_amount=part.net_amount,
            tax_amount=part.tax_amount,
            service_fee_amount=part.service_fee_amount,
            total_amount=part.total_amount,
        )
        for part, due_at in zip(parts, due, strict=True)
    )
    InstallmentTax.objects.bulk_create(
        InstallmentTax(installment=installment, tax_rate=rate, tax_amount=share)
        for installment in installments
        for rate, share in _tax_shares(installment.tax_amount, taxes).items()
    )
    return installments


def _tax_shares(tax_amount: int, taxes: dict[Decimal, int]) -> dict[Decimal, int]:
    """Split an instalment's tax over the invoice's rates: floors, and the last takes the rest."""
    weights = list(taxes.values())
    shares = allocate(tax_amount, weights) if any(weights) else [0] * len(weights)
    return dict(zip(taxes, shares, strict=True))


def _log_unusual_rates(invoice: Invoice, line_items: Sequence[LineItem]) -> None:
    unusual = [line.pk for line in line_items if line.tax_rate > USUAL_TAX_RATE_LIMIT]
    if unusual:
        log.warning("tax rate above 27 %", invoice_id=invoice.pk, line_item_ids=unusual)


def _made_before(
    tenant: Tenant,
    request: InvoiceRequest,
    idempotency_record_id: UUID | None,
    error: IntegrityError,
) -> Invoice:
    """Return the invoice that an earlier same call made, if `error` says there is one."""
    violated = violated_constraint(error)
    mine = Invoice.objects.for_tenant(tenant)
    if violated == "invoice_per_idempotency_record":
        return mine.get(idempotency_record_id=idempotency_record_id)
    if violated != "invoice_external_id_per_tenant":
        raise error
    existing = mine.get(external_id=request.external_id)
    if existing.content_fingerprint != request.fingerprint():
        raise ExternalIdConflict(
            f"Invoice {existing.pk} already has external_id {request.external_id!r} and other "
            "content. Use a new external_id, or send the same content again.",
            details={"invoice_id": existing.pk, "external_id": ["already used"]},
        ) from error
    return existing


def _lease_payment(
    tenant: Tenant, invoice_id: int, now: datetime
) -> tuple[InvoiceDocument, PaymentRequest]:
    def lease() -> tuple[InvoiceDocument, PaymentRequest]:
        with transaction.atomic():
            Invoice.objects.for_tenant(tenant).locked(nowait=True).get(pk=invoice_id)
            document = selectors.document(tenant=tenant, invoice_id=invoice_id)
            installment = payable_installment(document, now)
            return document, payment_requests.lease_request(
                invoice=document.invoice, installment=installment, now=now
            )

    return with_lock_tries(lease)


def _ask(
    document: InvoiceDocument, payment_request: PaymentRequest, now: datetime
) -> InvoiceDocument:
    opened = payment_requests.ask_gateway(
        payment_request=payment_request,
        gateway_code=document.invoice.gateway.code,
        order=payment_requests.order_for(
            payment_request=payment_request,
            invoice=document.invoice,
            line_items=list(document.line_items),
            now=now,
        ),
        now=now,
    )
    return selectors.reopened(document, opened)


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


def _move_invoice(
    invoice: Invoice,
    payment_request: PaymentRequest,
    amount: int,
    overpayment_amount: int,
    now: datetime,
) -> None:
    if invoice.ended_as == InvoiceStatus.CANCELLED:
        _flag(invoice, ReviewFlag.AFTER_CANCEL)
    elif invoice.ended_as is not None:
        _flag(invoice, ReviewFlag.LATE)
    if amount < payment_request.amount:
        _flag(invoice, ReviewFlag.UNDERPAID)
    if overpayment_amount:
        _flag(invoice, ReviewFlag.OVERPAID)
    invoice.paid_amount += amount
    invoice.overpayment_amount += overpayment_amount
    invoice.status = states.status_of(invoice)
    invoice.updated_at = now
    invoice.save(
        update_fields=["paid_amount", "overpayment_amount", "status", "review_flags", "updated_at"]
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
