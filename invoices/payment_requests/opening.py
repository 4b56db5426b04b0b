"""Opening a payment at a gateway: record, ask without a lock, record the answer.

The row that says `opening` is the lock that lasts through the gateway's call; the row lock of
the invoice only guards its creation. The reference is fixed before the call, so a repeat after
an unknown outcome finds what the gateway made instead of making a second charge (FR-036).
"""

import secrets
from datetime import datetime, timedelta
from http import HTTPStatus

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from gateways import registry
from gateways.adapter import (
    ChargeLost,
    GatewayAdapter,
    GatewayError,
    GatewayRejected,
    PaymentOrder,
    PaymentPage,
    PaymentReport,
    PaymentState,
)
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.ledger import states
from invoices.models import Installment, Invoice, InvoiceStatus, PaymentRequest
from invoices.payment_requests import orders
from paytrust.errors import PayTrustError
from paytrust.operations.database import PaymentInProgress, release_connection, with_lock_tries

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)  # three calls of 3 s + 10 s at most, and room
FIRST_CHECK_AFTER = timedelta(minutes=10)  # spec 4.8
OPEN_AGAIN_AFTER = timedelta(minutes=2)
PAGE_TOKEN_BYTES = 24  # 192 bits that nobody guesses
BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class InvoiceNotPayable(PayTrustError):
    """The invoice is paid, expired or cancelled, so no payment can be opened for it."""

    status = HTTPStatus.CONFLICT
    code = "invoice_not_payable"
    for_staff = _("This invoice is paid or has ended: nothing on it can be changed.")


class InstallmentOutOfSequence(PayTrustError):
    """Instalments are paid in order; only the lowest unpaid one can be opened."""

    status = HTTPStatus.CONFLICT
    code = "installment_out_of_sequence"


def open_payment(
    *, tenant: Tenant, invoice_id: int, installment_number: int | None = None, now: datetime
) -> tuple[InvoiceDocument, bool]:
    """Open the payment of the lowest unpaid instalment, or resume opening it.

    Returns:
        The invoice, and whether this call was the one that opened the payment.

    Raises:
        Invoice.DoesNotExist: unknown, or another tenant's.
        InvoiceNotPayable: paid, expired or cancelled.
        InstallmentOutOfSequence: `installment_number` is not the lowest unpaid one.
        PaymentInProgress: somebody else is opening it, or holds the invoice; or it was paid,
            or money came for it on another charge, while the gateway was asked.
        GatewayTimeout, GatewayUnavailable, GatewayRejected: not opened.

    Source: FR-060 to FR-062.
    """
    document, payment_request = _lease_payment(tenant, invoice_id, installment_number, now)
    asking = payment_request.status == PaymentRequest.Status.OPENING
    opened = ask(document, payment_request, now)
    if opened.open_request is None:
        raise PaymentInProgress
    return opened, asking


def open_due_payment(*, invoice_id: int, now: datetime) -> None:
    """Open the payment that is due on an invoice, for a job; safe to run twice.

    Whatever hinders it (a gateway away, another call at work) is logged, and the job tries
    again later. An invoice on which nothing can be paid any more is due no longer.
    """
    invoice = Invoice.objects.select_related("tenant").get(pk=invoice_id)
    if invoice.open_payment_at is None:
        return
    try:
        open_payment(tenant=invoice.tenant, invoice_id=invoice_id, now=now)
    except InvoiceNotPayable:
        log.info("nothing left to open", invoice_id=invoice_id)
    except PayTrustError as error:
        log.warning("payment not opened yet", invoice_id=invoice_id, reason=str(error))
        return
    Invoice.objects.filter(pk=invoice_id, open_payment_at=invoice.open_payment_at).update(
        open_payment_at=None
    )


def claim_due_openings(*, now: datetime, limit: int) -> list[int]:
    """Return the ids of invoices whose next payment is due to be opened, each to one caller."""
    with transaction.atomic():
        due = list(
            Invoice.objects.filter(open_payment_at__lte=now)
            .order_by("open_payment_at", "pk")
            .select_for_update(skip_locked=True)
            .values_list("pk", flat=True)[:limit]
        )
        Invoice.objects.filter(pk__in=due).update(open_payment_at=now + OPEN_AGAIN_AFTER)
    return due


def unpaid_installments(document: InvoiceDocument, now: datetime) -> list[Installment]:
    """Return the unpaid instalments, lowest first, of an invoice that may still be paid.

    Raises:
        InvoiceNotPayable: paid in full, cancelled or expired.
    """
    invoice = document.invoice
    ended = invoice.ended_as in {InvoiceStatus.CANCELLED, InvoiceStatus.EXPIRED}
    unpaid = [part for part in document.installments if part.status == Installment.Status.UNPAID]
    if ended or invoice.expires_at <= now or not unpaid:
        raise InvoiceNotPayable(
            f"Invoice {invoice.pk} is {invoice.status}; nothing more can be paid on it.",
            details={"invoice_id": invoice.pk, "status": invoice.status},
        )
    return unpaid


def lease_request(*, invoice: Invoice, installment: Installment, now: datetime) -> PaymentRequest:
    """Return the instalment's payment request, leased to the caller if it is not open yet.

    The invoice must be locked by the caller, or just made in the same transaction. An open
    request comes back as it is; one whose outcome is unknown is leased again; otherwise a new
    one is recorded, with its reference, as `opening`.

    Raises:
        PaymentInProgress: somebody else is asking the gateway right now.
    """
    current = (
        PaymentRequest.objects.filter(installment=installment).active().first()
        if invoice.payment_initiated_at
        else None
    )
    if current is None:
        return _record_request(invoice, installment, now)
    if current.status == PaymentRequest.Status.OPEN:
        return current
    leased = current.leased_until is not None and current.leased_until > now
    if leased or current.status == PaymentRequest.Status.CLOSING:
        raise PaymentInProgress
    current.leased_until, current.tries = now + LEASE, current.tries + 1
    current.save(update_fields=["leased_until", "tries"])
    return current


def ask_gateway(
    *, payment_request: PaymentRequest, gateway_code: str, order: PaymentOrder, now: datetime
) -> PaymentRequest:
    """Open a leased request at its gateway and record the answer.

    Holds no lock and no database connection while the gateway thinks. An open request is
    returned unasked.

    Raises:
        GatewayTimeout, GatewayUnavailable: nothing is known to be made; the request stays
            `opening` and the next call resumes it.
        PaymentInProgress: the customer has paid what an earlier call made; it is being booked.
        GatewayRejected: the gateway refused; the request is `failed`.
    """
    if payment_request.status != PaymentRequest.Status.OPENING:
        return payment_request
    adapter = registry.adapter_for(
        gateway_code, account_id=payment_request.account_id, tenant_id=payment_request.tenant_id
    )
    release_connection()
    asked_to_make = False
    try:
        report = _search(adapter, payment_request) if payment_request.tries > 1 else None
        page = _page_of(report)
        if page is None and report is not None and report.state == PaymentState.PAID:
            _leave_to_booking(payment_request, now)
        asked_to_make = page is None
        page = page or adapter.create_payment(order)
    except GatewayError as error:
        refused = asked_to_make and isinstance(error, GatewayRejected)
        _release_lease(payment_request, error, now, refused=refused)
        error.details["invoice_id"] = payment_request.invoice_id
        raise
    return record_page(payment_request=payment_request, page=page, now=now)


def new_reference(*, invoice_id: int, number: int, sequence: int) -> str:
    """Return a reference as spec 4.1 shapes it: PT-12345-1-1-7KQ2ZD."""
    tail = "".join(secrets.choice(BASE32) for _ in range(6))
    return f"{settings.REFERENCE_PREFIX}-{invoice_id}-{number}-{sequence}-{tail}"


def _lease_payment(
    tenant: Tenant, invoice_id: int, installment_number: int | None, now: datetime
) -> tuple[InvoiceDocument, PaymentRequest]:
    def lease() -> tuple[InvoiceDocument, PaymentRequest]:
        with transaction.atomic():
            Invoice.objects.for_tenant(tenant).locked(nowait=True).get(pk=invoice_id)
            document = selectors.document(tenant=tenant, invoice_id=invoice_id)
            installment = unpaid_installments(document, now)[0]
            if installment_number not in {None, installment.number}:
                raise InstallmentOutOfSequence(
                    f"Instalment {installment.number} is the one to be paid now, "
                    f"not {installment_number}.",
                    details={"installment_number": [f"must be {installment.number}"]},
                )
            return document, lease_request(
                invoice=document.invoice, installment=installment, now=now
            )

    _refuse_while_leased(tenant, invoice_id, now)
    return with_lock_tries(lease)


def _refuse_while_leased(tenant: Tenant, invoice_id: int, now: datetime) -> None:
    """Turn callers away before they take the lock that the one at work needs for its answer."""
    at_work = PaymentRequest.objects.filter(
        tenant=tenant,
        invoice_id=invoice_id,
        status=PaymentRequest.Status.OPENING,
        leased_until__gt=now,
    )
    if at_work.exists():
        raise PaymentInProgress


def ask(
    document: InvoiceDocument, payment_request: PaymentRequest, now: datetime
) -> InvoiceDocument:
    """Open a leased request, under a new reference if an earlier try has used up the first."""
    try:
        return _ask(document, payment_request, now)
    except ChargeLost:  # the request is `failed` now, and its charge can no longer be paid
        invoice = document.invoice
        return _ask(*_lease_payment(invoice.tenant, invoice.pk, None, now), now)


def _ask(
    document: InvoiceDocument, payment_request: PaymentRequest, now: datetime
) -> InvoiceDocument:
    opened = ask_gateway(
        payment_request=payment_request,
        gateway_code=document.invoice.gateway.code,
        order=orders.order_for(payment_request=payment_request, document=document, now=now),
        now=now,
    )
    return selectors.reopened(document, opened)


def _record_request(invoice: Invoice, installment: Installment, now: datetime) -> PaymentRequest:
    last = (
        installment.payment_requests.aggregate(last=Max("sequence"))["last"] or 0
        if invoice.payment_initiated_at
        else 0
    )
    sequence = last + 1
    return PaymentRequest.objects.create(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        installment=installment,
        gateway_id=invoice.gateway_id,
        account_id=registry.account_for(invoice.gateway.code, tenant_id=invoice.tenant_id),
        sequence=sequence,
        reference=new_reference(
            invoice_id=invoice.pk, number=installment.number, sequence=sequence
        ),
        amount=installment.total_amount - installment.paid_amount,
        currency_code=invoice.currency_code,
        leased_until=now + LEASE,
        tries=1,
        created_at=now,
        expires_at=invoice.expires_at,
        next_check_at=now + FIRST_CHECK_AFTER,
    )


def _search(adapter: GatewayAdapter, payment_request: PaymentRequest) -> PaymentReport | None:
    report = adapter.find_payment(
        reference=payment_request.reference,
        gateway_id=payment_request.gateway_payment_id,
        currency=payment_request.currency_code,
    )
    log.info(
        "searched for a payment of unknown outcome",
        reference=payment_request.reference,
        found=report.raw_status if report else None,
    )
    return report


def _page_of(report: PaymentReport | None) -> PaymentPage | None:
    """Return the page to adopt: an earlier try's, if the gateway still knows it."""
    if report is None or report.state not in {PaymentState.PENDING, PaymentState.PAID}:
        return None
    return report.page


def _leave_to_booking(payment_request: PaymentRequest, now: datetime) -> None:
    """Have the gateway asked again at once by the job that books what it answers."""
    PaymentRequest.objects.filter(
        pk=payment_request.pk, status=PaymentRequest.Status.OPENING
    ).update(leased_until=None, next_check_at=now)
    raise PaymentInProgress


def _release_lease(
    payment_request: PaymentRequest, error: GatewayError, now: datetime, *, refused: bool
) -> None:
    """Let the next call resume; a refusal to make the payment ends the request instead.

    A refusal to answer our search says nothing of what an earlier try has made.
    """
    log.warning(
        "gateway did not open the payment",
        reference=payment_request.reference,
        reason=str(error),
        code=error.code,
    )
    opening = PaymentRequest.objects.filter(
        pk=payment_request.pk, status=PaymentRequest.Status.OPENING
    )
    if refused:
        opening.update(status=PaymentRequest.Status.FAILED, leased_until=None, ended_at=now)
    else:
        opening.update(leased_until=None)


def record_page(
    *, payment_request: PaymentRequest, page: PaymentPage, now: datetime
) -> PaymentRequest:
    """Store the URL and move the invoice on, unless the money was faster.

    Where the gateway has no page, the URL is that of ours, which shows the instructions.
    """
    page_token = secrets.token_urlsafe(PAGE_TOKEN_BYTES) if page.url is None else None
    opened = {
        "status": PaymentRequest.Status.OPEN,
        "leased_until": None,
        "gateway_payment_id": page.gateway_id,
        "payment_url": page.url or f"{settings.PUBLIC_BASE_URL}/pay/{page_token}",
        "page_token": page_token,
        "instructions": page.instructions,
        "opened_at": now,
        "expires_at": page.expires_at,
    }

    def record() -> PaymentRequest:
        with transaction.atomic():
            invoice = Invoice.objects.locked(nowait=True).get(pk=payment_request.invoice_id)
            opening = PaymentRequest.objects.filter(
                pk=payment_request.pk, status=PaymentRequest.Status.OPENING
            )
            if not opening.update(**opened):
                return PaymentRequest.objects.get(pk=payment_request.pk)
            _reopen(invoice, now)
        for name, value in opened.items():
            setattr(payment_request, name, value)
        payment_request.invoice = invoice
        return payment_request

    return with_lock_tries(record)


def _reopen(invoice: Invoice, now: datetime) -> None:
    if invoice.ended_as == InvoiceStatus.FAILED:
        invoice.ended_as = invoice.ended_at = None
    if invoice.status == InvoiceStatus.DRAFT:
        invoice.status = InvoiceStatus.PENDING
    invoice.status = states.status_of(invoice)
    invoice.open_payment_at, invoice.updated_at = None, now
    invoice.save(update_fields=["status", "ended_as", "ended_at", "open_payment_at", "updated_at"])
