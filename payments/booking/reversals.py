"""Booking money that a gateway took back: a row of its own, never an edit (spec 4.6)."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

import structlog
from django.db.models import Q, Sum

from gateways.adapter import Finality, PaymentReport, PaymentState, Reversal
from invoices.ledger import crediting
from invoices.models import Invoice, PaymentRequest
from payments.booking import pain002
from payments.models import Allocation, Transaction, WebhookEvent
from paytrust.errors import PayTrustError
from paytrust.money import Money

log = structlog.get_logger(__name__)

UNDOES_PAYMENT = {PaymentState.REVERSED, PaymentState.FAILED, PaymentState.CANCELLED}
"""What Midtrans may say of money that had arrived: deny after settlement, cancel after capture.

EXPIRED is not among them: Xendit shows it for an invoice that was paid late (A10).
"""
WHOLE = {"chargeback", "reversal"}  # kinds that take all that is left, whatever they name
ID_LENGTH = 255


class ReversalBeforePayment(PayTrustError):
    """Money is said to be taken back from a payment that is not booked yet."""

    status = HTTPStatus.CONFLICT
    code = "reversal_before_payment"


def book(
    *,
    invoice: Invoice,
    payment_request: PaymentRequest,
    report: PaymentReport,
    event: WebhookEvent | None,
    now: datetime,
) -> list[Transaction]:
    """Book each reversal of a report that is not booked yet; return the new rows.

    The invoice must be locked, and the report's currency checked, by the caller. Never more
    than the charge has brought is taken back: a gateway that claims more is logged as CRITICAL,
    and what is left is booked.

    Raises:
        ReversalBeforePayment: the charge has no booked payment yet; time can cure it.
    """
    if not report.reversals and report.state not in UNDOES_PAYMENT:
        return []
    payments = payments_of(payment_request=payment_request, report=report)
    rows: list[Transaction] = []
    for reversal in _claims(report, payments):
        name = _name(report, reversal)
        if Transaction.objects.filter(
            gateway_id=payment_request.gateway_id,
            gateway_transaction_id=name,
            tenant_id=invoice.tenant_id,
        ).exists():
            continue
        if not payments:
            raise ReversalBeforePayment(
                f"{reversal.kind} {reversal.id} of {report.gateway_id}, which is not booked yet."
            )
        rows += [
            _book_share(
                invoice=invoice,
                payment=payment,
                amount=amount,
                reversal=reversal,
                name=name if part == 1 else f"{name}#{part}",
                event=event,
                now=now,
            )
            for part, (payment, amount) in enumerate(_shares(payments, reversal, name), start=1)
        ]
    return rows


def payments_of(*, payment_request: PaymentRequest, report: PaymentReport) -> list[Transaction]:
    """Return what was booked as paid on the charge that a report is about, oldest first."""
    return [
        row
        for row in Transaction.objects.booked(payment_request=payment_request)
        if row.kind == Transaction.Kind.PAYMENT
        and row.gateway_transaction_id.split("#")[0] == report.gateway_id
    ]


def _claims(report: PaymentReport, payments: Sequence[Transaction]) -> Sequence[Reversal]:
    """Return what the gateway says it took back; a state that undoes a booked payment says all."""
    named = any(reversal.kind in WHOLE for reversal in report.reversals)
    if report.state not in UNDOES_PAYMENT or named or not payments:
        return report.reversals
    whole = Money(sum(row.amount for row in payments), payments[0].currency_code)
    undone = Reversal(id="reversal", kind="reversal", amount=whole, at=None, confirmed=True)
    return (*report.reversals, undone)


def _shares(
    payments: Sequence[Transaction], reversal: Reversal, name: str
) -> list[tuple[Transaction, int]]:
    """Choose what each of a charge's payments gives back, the newest first."""
    left = {row.pk: row.amount + _reversed_amount(row) for row in payments}
    claimed = sum(left.values()) if reversal.kind in WHOLE else reversal.amount.minor
    if claimed > sum(left.values()):
        log.critical(
            "gateway took back more than is booked",
            reversal=name,
            claimed=claimed,
            booked=sum(left.values()),
        )
    shares = []
    for payment in reversed(payments):
        share = min(claimed, left[payment.pk])
        claimed -= share
        if share:
            shares.append((payment, share))
    return shares


def _book_share(
    *,
    invoice: Invoice,
    payment: Transaction,
    amount: int,
    reversal: Reversal,
    name: str,
    event: WebhookEvent | None,
    now: datetime,
) -> Transaction:
    iso20022 = pain002.check_booking(
        invoice=invoice,
        installments=list(invoice.installments.order_by("pk")),
        payment_request=payment.payment_request,
        gateway_transaction_id=name,
        finality=Finality.PAID,
        amount=-amount,
        paid_at=reversal.at or now,
        event=event,
        now=now,
    )
    debit = crediting.debit(invoice=invoice, filled=_filled_by(payment), amount=amount, now=now)
    row = Transaction.objects.create(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        payment_request_id=payment.payment_request_id,
        gateway_id=payment.gateway_id,
        gateway_transaction_id=name,
        kind=Transaction.Kind.REVERSAL,
        reverses=payment,
        currency_code=invoice.currency_code,
        amount=-amount,
        overpayment_amount=debit.overpayment_amount,
        payment_method=payment.payment_method,
        payment_channel=payment.payment_channel,
        paid_at=reversal.at or now,
        created_at=now,
        event=event,
        iso20022_message_id=iso20022.message_id,
        iso20022_transaction_status=iso20022.transaction_status,
    )
    Allocation.objects.bulk_create(
        Allocation(transaction=row, installment=installment, amount=share)
        for installment, share in debit.allocations
    )
    log.warning(
        "money taken back",
        invoice_id=invoice.pk,
        kind=reversal.kind,
        transaction_id=row.pk,
        reverses=payment.pk,
        amount=amount,
        currency=invoice.currency_code,
        status=invoice.status,
    )
    return row


def _filled_by(payment: Transaction) -> Mapping[int, int]:
    """Return what a payment still has in each instalment, less its earlier reversals."""
    moved = (
        Allocation.objects.filter(Q(transaction=payment) | Q(transaction__reverses=payment))
        .values("installment_id")
        .annotate(there=Sum("amount"))
    )
    return {row["installment_id"]: max(row["there"], 0) for row in moved}


def _reversed_amount(payment: Transaction) -> int:
    """Return the sum of a payment's reversals: zero or negative."""
    total: int | None = payment.reversals.aggregate(total=Sum("amount"))["total"]
    return total or 0


def _name(report: PaymentReport, reversal: Reversal) -> str:
    """Name a reversal once and for all: its own id is unique within its charge only."""
    name = f"{report.gateway_id}:{reversal.kind}:{reversal.id}"
    if len(name) < ID_LENGTH - 3:  # room for the number of a part
        return name
    return f"{report.gateway_id}:{hashlib.sha256(name.encode()).hexdigest()}"
