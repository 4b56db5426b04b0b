"""What a refund is decided by: the invoice, locked, and all that was paid and given back on it.

One trip takes the lock and reads everything behind it, so that nothing of it can change before the
decision is written.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateways.models import Gateway
from invoices.models import Invoice, PaymentRequest, Transaction
from invoices.payment_requests import leases
from payments.refunds import selectors
from payments.refunds.models import Refund
from payments.refunds.selectors import Refundable
from payments.refunds.states import ACTIVE
from paytrust.operations import locking, rows
from paytrust.operations.trips import Rows, Statement, join

_PAYMENT: Final = f"""{rows.columns(Transaction, "payment")}, {rows.columns(Gateway, "gateway")},
    {rows.columns(PaymentRequest, "request")}"""
_OF_PAYMENT: Final = """JOIN gateways_gateway gateway ON gateway.id = payment.gateway_id
    JOIN invoices_paymentrequest request ON request.id = payment.payment_request_id"""
_INVOICE: Final = f"""
SELECT {rows.columns(Invoice, "invoice")} FROM invoices_invoice invoice
WHERE invoice.id = %(id)s
    AND (%(tenant)s::bigint IS NULL OR invoice.tenant_id = %(tenant)s::bigint)"""  # noqa: S608  # nosec B608  # our own names
_PAYMENTS: Final = f"""
SELECT {_PAYMENT} FROM invoices_transaction payment {_OF_PAYMENT}
WHERE payment.invoice_id = %(id)s AND payment.kind = 'payment' ORDER BY payment.id"""  # noqa: S608  # nosec B608  # our own names
_TAKEN_BACK: Final = """
SELECT back.reverses_id, back.kind, sum(back.amount)::bigint FROM invoices_transaction back
WHERE back.reverses_id IN (
    SELECT id FROM invoices_transaction WHERE invoice_id = %(id)s AND kind = 'payment')
GROUP BY back.reverses_id, back.kind"""
_REFUNDS: Final = f"""
SELECT {rows.columns(Refund, "refund")} FROM payments_refund refund
WHERE refund.invoice_id = %(id)s ORDER BY refund.id"""  # noqa: S608  # nosec B608  # our own names
_LIMIT: Final = """
SELECT terms.amount FROM payments_refundlimit terms
JOIN invoices_invoice invoice USING (tenant_id, currency_code) WHERE invoice.id = %(id)s"""
_REFUND: Final = f"""
SELECT {rows.columns(Refund, "refund")}, {_PAYMENT} FROM payments_refund refund
JOIN invoices_transaction payment ON payment.id = refund.transaction_id {_OF_PAYMENT}
WHERE refund.id = %(id)s"""  # noqa: S608  # nosec B608  # our own names


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """An invoice whose row lock is held, and what can go back on it."""

    invoice: Invoice
    payments: list[Transaction]  # oldest first, with their gateways and demands
    refundable: Mapping[int, Refundable]  # by the payments' ids
    refunds: list[Refund]  # of the invoice, in any state, oldest first, with their payments
    limit: int | None  # what a merchant's key alone may give back of one invoice


def read(*, invoice_id: int, tenant_id: int | None, now: datetime) -> Books:
    """Lock an invoice and read its books, in the transaction that is open.

    Args:
        invoice_id: its id.
        tenant_id: whose it must be; None: anybody's.
        now: when a refund would be sent.

    Raises:
        Invoice.DoesNotExist: there is none, or it is another tenant's.
        OperationalError: another transaction holds the invoice.
    """
    wanted = {"id": invoice_id}
    _, found, paid, back, asked, limits = join(
        leases.lock_of(invoice_id, tenant_id=tenant_id),
        Statement(_INVOICE, {**wanted, "tenant": tenant_id}),
        *(Statement(sql, wanted) for sql in (_PAYMENTS, _TAKEN_BACK, _REFUNDS, _LIMIT)),
    )
    if not found:
        raise Invoice.DoesNotExist(str(invoice_id))
    payments = [_payment(row) for row in paid]
    refunds = [rows.made(Refund, row) for row in asked]
    by_id = {payment.pk: payment for payment in payments}
    for refund in refunds:
        refund.transaction = by_id[refund.transaction_id]  # a trigger holds this
    return Books(
        invoice=rows.made(Invoice, found[0]),
        payments=payments,
        refundable=_judged(payments, back, refunds, now),
        refunds=refunds,
        limit=limits[0][0] if limits else None,
    )


def locked_refund(*, refund_id: int) -> Refund:
    """Lock a refund's invoice, then read the refund with its payment while that lock is held.

    Raises:
        Refund.DoesNotExist: there is none.
    """
    wanted = {"id": refund_id}
    _, found = join(Statement(lock_by_refund_sql(), wanted), Statement(_REFUND, wanted))
    if not found:
        raise Refund.DoesNotExist(str(refund_id))
    refund = rows.made(Refund, found[0][: rows.width(Refund)])
    refund.transaction = _payment(found[0][rows.width(Refund) :])
    return refund


def _judged(
    payments: list[Transaction], back: Rows, refunds: list[Refund], now: datetime
) -> Mapping[int, Refundable]:
    busy = {refund.transaction_id for refund in refunds if refund.status in ACTIVE}
    return selectors.judged(payments, back=back, busy=busy, now=now)


def _payment(row: tuple[Any, ...]) -> Transaction:
    gateway_at = rows.width(Transaction)
    request_at = gateway_at + rows.width(Gateway)
    payment = rows.made(Transaction, row[:gateway_at])
    payment.gateway = rows.made(Gateway, row[gateway_at:request_at])
    payment.payment_request = rows.made(PaymentRequest, row[request_at:])
    return payment


@functools.cache
def lock_by_refund_sql() -> str:
    """Return the SQL that locks a refund's invoice, which the ORM makes once."""
    return locking.lock_sql(Invoice.objects.locked().filter(refunds=0).only("pk"), "id")
