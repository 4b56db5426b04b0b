"""Asking for a refund: check what the payment can give back, record the refund, then send it."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import structlog
from django.utils.translation import gettext_lazy as _

from apikeys.idempotency.once import Once
from apikeys.models import Tenant
from gateways.refund_terms import Obstacle
from gateways.refunds import (
    InsufficientGatewayBalance,
    PartialRefundNotSupported,
    RefundExceedsPayment,
    RefundInProgress,
    RefundNotSupported,
    RefundWindowClosed,
)
from invoices.models import Invoice, Transaction
from invoices.payment_requests.leases import in_locked_transaction
from payments.refunds import books, sending, transitions
from payments.refunds.books import Books
from payments.refunds.models import Refund, RefundQuerySet
from payments.refunds.request import RefundRequest, new_reference
from payments.refunds.selectors import Refundable
from payments.refunds.states import Status
from paytrust.errors import PayTrustError
from paytrust.operations.trips import join

log = structlog.get_logger(__name__)

SENT_AGAIN_WITHIN = timedelta(days=7)  # Midtrans knows a refund_key for so long (C1)


class AmbiguousPayment(PayTrustError):
    """The invoice has several payments. Say by transaction_id which one gives the money back."""

    code = "ambiguous_payment"


class NothingToRefund(PayTrustError):
    """Nothing was paid on this invoice, so nothing can go back."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "nothing_to_refund"
    for_staff = _("Nothing was paid on this invoice, so nothing can go back.")


class ExternalIdConflict(PayTrustError):
    """Another refund has this external_id, and it says something else."""

    status = HTTPStatus.CONFLICT
    code = "external_id_conflict"


def create_refund(
    *,
    tenant: Tenant,
    invoice_id: int,
    request: RefundRequest,
    once: Once | None = None,
    now: datetime,
) -> tuple[Refund, bool]:
    """Give back money for a merchant; above the tenant's limit the refund waits for two people.

    The trip that writes the refund also claims the call, and the one that records the gateway's
    answer stores the call's (`Once`).

    Returns:
        The refund, and whether this call has asked for it. It may still be `sending`: then the
        result is unknown, and a job asks for it later.

    Raises:
        Invoice.DoesNotExist, Transaction.DoesNotExist: unknown, or another tenant's.
        AmbiguousPayment, NothingToRefund, ExternalIdConflict: nothing was sent.
        RefundRefused: as its subclasses say; also if the gateway refuses.
        GatewayRejected: the gateway refused for another reason.
        PaymentInProgress: another caller is changing the invoice.
        IntegrityError: the key of the call is not new (KEY_IS_NEW).

    Source: spec 10.1 to 10.4.
    """
    once = once or Once(now=now)
    refund, is_new = _record(
        tenant=tenant, invoice_id=invoice_id, request=request, once=once, now=now
    )
    once.opened()
    if is_new and refund.status == Status.SENDING:
        refund = sending.send(refund=refund, once=once, now=now)
    return refund, is_new


@in_locked_transaction
def request_for_approval(*, invoice_id: int, request: RefundRequest, now: datetime) -> Refund:
    """Record a refund that waits until a second person approves it; for staff.

    Raises:
        The failures of `create_refund` before anything is sent.
    """
    own = books.read(invoice_id=invoice_id, tenant_id=None, now=now)
    payment, amount = _checked(own, request)
    return transitions.requested(refund=_new(own.invoice, payment, amount, request, None), now=now)


@in_locked_transaction
def _record(
    *, tenant: Tenant, invoice_id: int, request: RefundRequest, once: Once, now: datetime
) -> tuple[Refund, bool]:
    own = books.read(invoice_id=invoice_id, tenant_id=tenant.pk, now=now)
    claim = once.opening()
    known = _of_call(once) or _of_external_id(own.invoice, request)
    if known is not None and not _may_be_sent_again(known, now):
        join(*claim)
        return known, False
    payment, amount = _checked(own, request)
    again = known or _without_funds(own, payment, amount, request, now)
    if again is not None:
        join(*claim)
        transitions.sent_again(refund=again, now=now)
        return again, True
    refund = _new(own.invoice, payment, amount, request, once.record_id)
    if _is_above_limit(own, amount):
        log.info("refund waits for two people", invoice_id=invoice_id, amount=amount)
        return transitions.requested(refund=refund, now=now, with_it=claim), True
    return transitions.recorded(refund=refund, now=now, with_it=claim), True


def _is_above_limit(own: Books, amount: int) -> bool:
    """Return whether a merchant's key alone may not give back so much.

    All refunds of the invoice count, so that several parts cannot pass the limit.
    """
    if own.limit is None:
        return False
    ended = {Status.FAILED, Status.CANCELLED}
    before = sum(refund.amount for refund in own.refunds if refund.status not in ended)
    return before + amount > own.limit


def _checked(own: Books, request: RefundRequest) -> tuple[Transaction, int]:
    """Choose the payment and the amount, and refuse what cannot go back."""
    payment = _chosen(own.payments, own.refundable, request)
    can = own.refundable[payment.pk]
    amount = can.left_amount if request.amount is None else request.amount
    details: dict[str, Any] = {
        "transaction_id": payment.pk,
        "payment_method": payment.payment_method,
    }
    if request.bank_reference is None:
        _require_method(can, amount, payment, details)
    if can.is_busy:
        raise RefundInProgress(details=details)
    if not 1 <= amount <= can.left_amount:
        raise RefundExceedsPayment(details=details | {"refundable_amount": can.left_amount})
    return payment, amount


def _require_method(
    can: Refundable, amount: int, payment: Transaction, details: dict[str, Any]
) -> None:
    """Refuse what the payment's method cannot do, before its gateway is asked (spec 10.3)."""
    answer = can.answer
    if answer.obstacle == Obstacle.NOT_SUPPORTED:
        raise RefundNotSupported(details=details)
    until = {"refundable_until": _moment(answer.until)}
    if answer.obstacle == Obstacle.WINDOW_CLOSED:
        raise RefundWindowClosed(details=details | until)
    if answer.opens_at is not None:
        raise RefundWindowClosed(details=details | {"opens_at": _moment(answer.opens_at)})
    if can.is_busy or amount > can.left_amount:
        return
    in_part = amount < payment.amount
    if (in_part and not answer.in_part) or (can.has_refunds and not answer.several):
        raise PartialRefundNotSupported(details=details)
    if not in_part and not answer.in_full:
        raise RefundWindowClosed(
            "The payment's method gives the whole back only after some hours.", details=details
        )


def _chosen(
    payments: list[Transaction],
    refundable: Mapping[int, Refundable],
    request: RefundRequest,
) -> Transaction:
    if request.transaction_id is not None:
        for payment in payments:
            if payment.pk == request.transaction_id:
                return payment
        raise Transaction.DoesNotExist(str(request.transaction_id))
    if not payments:
        raise NothingToRefund
    left = [payment for payment in payments if refundable[payment.pk].left_amount > 0]
    if len(left) > 1:
        raise AmbiguousPayment(
            details={
                "payments": [
                    {
                        "transaction_id": payment.pk,
                        "amount": payment.amount,
                        "refundable_amount": refundable[payment.pk].amount,
                        "refundable_until": _moment(refundable[payment.pk].until),
                        "refundable_in_part": refundable[payment.pk].in_part,
                    }
                    for payment in left
                ]
            }
        )
    return left[0] if left else payments[-1]


def _new(
    invoice: Invoice,
    payment: Transaction,
    amount: int,
    request: RefundRequest,
    idempotency_record_id: uuid.UUID | None,
) -> Refund:
    is_manual = request.bank_reference is not None
    return Refund(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        transaction=payment,
        amount=amount,
        currency_code=invoice.currency_code,
        reason=request.reason,
        note=request.note,
        external_id=request.external_id,
        metadata=request.metadata,
        method=Refund.Method.MANUAL if is_manual else Refund.Method.GATEWAY,
        bank_reference=request.bank_reference,
        reference=new_reference(invoice_id=invoice.pk),
        idempotency_record_id=idempotency_record_id,
    )


def _of_call(once: Once) -> Refund | None:
    """Return the refund that the same call has asked for before it was interrupted."""
    if not once.claimed:  # no earlier call has its key
        return None
    return _full().filter(idempotency_record_id=once.record_id).first()


def _of_external_id(invoice: Invoice, request: RefundRequest) -> Refund | None:
    """Return the refund that has the external_id, if it has the same content.

    Raises:
        ExternalIdConflict: its content differs.
    """
    if request.external_id is None:
        return None
    ended = (Status.FAILED, Status.CANCELLED)
    known = (
        _full()
        .filter(tenant_id=invoice.tenant_id, external_id=request.external_id)
        .exclude(status__in=ended)
        .first()
    )
    if known is not None and not _says_the_same(known, invoice, request):
        raise ExternalIdConflict(details={"refund_id": known.pk})
    return known


def _without_funds(
    own: Books, payment: Transaction, amount: int, request: RefundRequest, now: datetime
) -> Refund | None:
    """Return the same refund that failed for missing funds; it keeps its reference (C1)."""
    asked = (payment.pk, amount, request.note, request.external_id, request.reason)
    failed = [
        refund
        for refund in own.refunds
        if refund.status == Status.FAILED
        and refund.method == Refund.Method.GATEWAY
        and asked
        == (
            refund.transaction_id,
            refund.amount,
            refund.note,
            refund.external_id,
            refund.reason,
        )
        and refund.metadata == request.metadata
    ]
    return failed[-1] if failed and _may_be_sent_again(failed[-1], now) else None


def _may_be_sent_again(refund: Refund, now: datetime) -> bool:
    return (
        refund.status == Status.FAILED
        and refund.failure_code == InsufficientGatewayBalance.code
        and now < refund.created_at + SENT_AGAIN_WITHIN
    )


def _says_the_same(known: Refund, invoice: Invoice, request: RefundRequest) -> bool:
    return (
        known.invoice_id == invoice.pk
        and request.amount in {None, known.amount}
        and request.transaction_id in {None, known.transaction_id}
        and (known.reason, known.note, known.metadata)
        == (request.reason, request.note, request.metadata)
    )


def _full() -> RefundQuerySet:
    return Refund.objects.select_related("transaction__gateway", "transaction__payment_request")


def _moment(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
