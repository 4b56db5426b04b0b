"""Booking money that a gateway took back: each is a new row, never an edit (spec 4.6)."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

import structlog
from django.db.models import Q, Sum

from gateways.adapter import Finality, PaymentReport, PaymentState, Reversal
from invoices.ledger import posting
from invoices.ledger.allocation import plan_debit
from invoices.ledger.posting import Account
from invoices.ledger.standing import Kind
from invoices.models import Invoice, PaymentRequest, Transaction
from payments.booking import recording, transfers
from payments.booking.movement import Movement
from payments.models import WebhookEvent
from payments.refunds import transitions
from payments.refunds.models import Refund
from payments.refunds.request import new_reference
from paytrust.errors import PayTrustError
from paytrust.money import Money

log = structlog.get_logger(__name__)

UNDOES_PAYMENT = {PaymentState.REVERSED, PaymentState.FAILED, PaymentState.CANCELLED}
"""What Midtrans may say of money that had arrived: deny after settlement, cancel after capture.

EXPIRED is not among them: Xendit shows it for an invoice that was paid late (A10).
"""
REFUND = "refund"  # the only kind that we or the merchant wanted
WHOLE = {"chargeback", "reversal"}  # kinds that take all that is left, whatever amount they name
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

    The caller must have locked the invoice and checked the report's currency. PayTrust never takes
    back more than the charge has brought: if a gateway claims more, that is logged as CRITICAL, and
    what is left is booked.

    Raises:
        ReversalBeforePayment: the charge has no booked payment yet; a later attempt may succeed.
    """
    if not may_be_in(report):
        return []
    payments = payments_of(payment_request=payment_request, report=report)
    rows: list[Transaction] = []
    account: Account | None = None
    for reversal in _claims(report, payments):
        name = _name(report.gateway_id, reversal)
        if _booked(payment_request, name) is not None:
            continue
        if not payments:
            raise ReversalBeforePayment(
                f"{reversal.kind} {reversal.id} of {report.gateway_id}, which is not booked yet."
            )
        account = account or posting.locked_account(invoice=invoice)
        rows += _book_shares(
            account=account,
            payments=payments,
            reversal=reversal,
            name=name,
            event=event,
            now=now,
        )
    return rows


def may_be_in(report: PaymentReport) -> bool:
    """Return whether a report may say that money was taken back."""
    return bool(report.reversals) or report.state in UNDOES_PAYMENT


def book_refund(
    *, invoice: Invoice, refund: Refund, reversal: Reversal, now: datetime
) -> Transaction | None:
    """Book a refund that we asked for, and end it; return its row.

    The caller must have locked the invoice, and loaded its tenant and gateway. A row that a
    notification has booked before is found by its name. None if nothing was left of the payment.
    """
    payment = refund.transaction
    name = _name(payment.gateway_transaction_id.split("#")[0], reversal)
    booked = _booked(payment.payment_request, name)
    if booked is None:
        account = posting.locked_account(invoice=invoice)
        rows = _book_shares(
            account=account,
            payments=[payment],
            reversal=reversal,
            name=name,
            event=None,
            now=now,
            asked=refund,
        )
        return rows[0] if rows else None
    transitions.succeeded(refund=refund, booked_as=booked, gateway_refund_id=reversal.id, now=now)
    return booked


def payments_of(*, payment_request: PaymentRequest, report: PaymentReport) -> list[Transaction]:
    """Return the booked payments of the charge that a report is about, oldest first."""
    return [
        row
        for row in Transaction.objects.booked(payment_request=payment_request)
        if row.kind == Transaction.Kind.PAYMENT
        and row.gateway_transaction_id.split("#")[0] == report.gateway_id
    ]


def _claims(report: PaymentReport, payments: Sequence[Transaction]) -> Sequence[Reversal]:
    """Return what the gateway says it took back; a state that undoes a booked payment takes all."""
    named = any(reversal.kind in WHOLE for reversal in report.reversals)
    if report.state not in UNDOES_PAYMENT or named or not payments:
        return report.reversals
    whole = Money(sum(row.amount for row in payments), payments[0].currency_code)
    undone = Reversal(id="reversal", kind="reversal", amount=whole, at=None, confirmed=True)
    if report.state == PaymentState.CANCELLED and (asked := _asked_for(payments, whole)):
        # Midtrans cancels a charge that is not settled yet: that is the refund that we asked for
        # (C1).
        reference = asked.reference
        undone = replace(undone, id=reference, kind=REFUND, reference=reference)
    return (*report.reversals, undone)


def _asked_for(payments: Sequence[Transaction], whole: Money) -> Refund | None:
    """Return the refund of the whole charge that we asked the gateway for, or that it has made."""
    return (
        Refund.objects.filter(transaction__in=payments, amount=whole.minor, method="gateway")
        .exclude(status__in=["requested", "cancelled"])
        .order_by("-pk")
        .first()
    )


def _refund_of(payments: Sequence[Transaction], reversal: Reversal) -> Refund | None:
    """Return our refund that a gateway reports, by its reference or the gateway's id."""
    if reversal.kind != REFUND:
        return None
    named = Q(gateway_refund_id=reversal.id) | Q(reference__in=[reversal.id, reversal.reference])
    return (
        Refund.objects.filter(named, transaction__in=payments)
        .exclude(status="succeeded")
        .select_related("transaction__payment_request")
        .first()
    )


def _booked(payment_request: PaymentRequest, name: str) -> Transaction | None:
    return Transaction.objects.filter(
        gateway_id=payment_request.gateway_id,
        gateway_transaction_id=name,
        tenant_id=payment_request.tenant_id,
    ).first()


def _book_shares(
    *,
    account: Account,
    payments: Sequence[Transaction],
    reversal: Reversal,
    name: str,
    event: WebhookEvent | None,
    now: datetime,
    asked: Refund | None = None,
) -> list[Transaction]:
    """Book what each payment gives back; a refund that we asked for ends with this."""
    asked = asked or _refund_of(payments, reversal)
    _bring_back(account, payments, reversal, now)
    first = [row for row in payments if asked is not None and row.pk == asked.transaction_id]
    ordered = [*(row for row in payments if row not in first), *first]  # taken from the end
    rows = [
        _book_share(
            account=account,
            payment=payment,
            amount=amount,
            reversal=reversal,
            name=_numbered_name(name, number),
            event=event,
            now=now,
        )
        for number, (payment, amount) in enumerate(_shares(ordered, reversal, name), start=1)
    ]
    if asked is not None:
        transitions.succeeded(
            refund=asked,
            booked_as=rows[0] if rows else None,
            gateway_refund_id=reversal.id,
            now=now,
        )
    elif reversal.kind == REFUND:
        for row in rows:
            transitions.found(refund=_found(row, reversal), booked_as=row, now=now)
    return rows


def _bring_back(
    account: Account, payments: Sequence[Transaction], reversal: Reversal, now: datetime
) -> None:
    """Take back what was moved to other invoices, as far as the payments do not hold enough."""
    if reversal.kind in WHOLE:
        transfers.bring_back(account=account, payments=payments, lacking=None, now=now)
        return
    left = sum(row.amount + _reversed_amount(row) for row in payments)
    if (lacking := reversal.amount.minor - left) > 0:
        transfers.bring_back(account=account, payments=payments, lacking=lacking, now=now)


def _found(row: Transaction, reversal: Reversal) -> Refund:
    """Return a refund that the merchant made at the gateway's dashboard, unsaved."""
    assert row.reverses is not None, "a refund gives a payment back"
    return Refund(
        tenant_id=row.tenant_id,
        invoice_id=row.invoice_id,
        transaction=row.reverses,
        amount=-row.amount,
        currency_code=row.currency_code,
        reason=Refund.Reason.OTHER,
        reference=new_reference(invoice_id=row.invoice_id),
        gateway_refund_id=reversal.id,
    )


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
    account: Account,
    payment: Transaction,
    amount: int,
    reversal: Reversal,
    name: str,
    event: WebhookEvent | None,
    now: datetime,
) -> Transaction:
    kind = Kind.REFUND if reversal.kind == REFUND else Kind.REVERSAL
    plan = plan_debit(
        standing=account.standing,
        kind=kind,
        amount=amount,
        filled=posting.filled_by(payment=payment),
    )
    movement = Movement(
        payment_request=payment.payment_request,
        gateway_transaction_id=name,
        finality=Finality.PAID,
        paid_at=reversal.at or now,
        method=payment.payment_method,
        channel=payment.payment_channel,
        reverses=payment,
        event=event,
    )
    row = recording.record(account=account, plan=plan, movement=movement, now=now)
    if kind is Kind.REVERSAL:
        log.warning("money taken back against us", transaction_id=row.pk, kind=reversal.kind)
    return row


def _numbered_name(name: str, number: int) -> str:
    return name if number == 1 else f"{name}#{number}"


def _reversed_amount(payment: Transaction) -> int:
    """Return the sum of a payment's reversals: zero or negative."""
    total: int | None = payment.reversals.aggregate(total=Sum("amount"))["total"]
    return total or 0


def _name(charge_id: str, reversal: Reversal) -> str:
    """Return the permanent name of a reversal: its own id is unique only within its charge."""
    name = f"{charge_id}:{reversal.kind}:{reversal.id}"
    if len(name) < ID_LENGTH - 3:  # room for the number of a part
        return name
    return f"{charge_id}:{hashlib.sha256(name.encode()).hexdigest()}"
