"""What can happen to a payment request: each function is one event.

Who calls holds the invoice's row lock.
"""

from collections.abc import Collection
from datetime import datetime

from invoices.models import Installment, PaymentRequest

Status = PaymentRequest.Status


def overtaken(*, installments: Collection[Installment], now: datetime) -> None:
    """Have a job close the payments that ask for another amount than is due now.

    Args:
        installments: those whose balance has changed.
        now: when that was.
    """
    PaymentRequest.objects.filter(installment__in=installments).active().update(
        status=Status.CLOSING, leased_until=None, next_check_at=now
    )


def paid(*, payment_request: PaymentRequest, now: datetime) -> None:
    """Record that money came, whatever the request was before (FR-041)."""
    _end(payment_request, Status.PAID, now)


def ended(*, payment_request: PaymentRequest, ended_as: str, now: datetime) -> None:
    """Record that nobody can pay it any more.

    Args:
        payment_request: an active one.
        ended_as: `expired`, `failed` or `cancelled`. One that we were closing is `cancelled`,
            whatever the gateway calls it.
        now: when it became known.
    """
    closed_by_us = payment_request.status == Status.CLOSING
    _end(payment_request, Status.CANCELLED if closed_by_us else Status(ended_as), now)


def _end(payment_request: PaymentRequest, status: Status, now: datetime) -> None:
    payment_request.status, payment_request.ended_at = status, now
    payment_request.leased_until = payment_request.next_check_at = None
    payment_request.save(update_fields=["status", "ended_at", "leased_until", "next_check_at"])
