"""Recording a demand before its gateway is asked: the first of the three steps (spec 4.1).

The reference is fixed here, so a repeat after an unknown outcome finds what the gateway made
instead of making a second charge (FR-036).
"""

import secrets
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from gateways import registry
from invoices.models import Installment, Invoice, PaymentRequest
from invoices.payment_requests import leases, transitions
from invoices.payment_requests.leases import PaymentInProgress
from paytrust.operations.trips import Statement, join

BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def lease_request(
    *, invoice: Invoice, installment: Installment, requests: Sequence[PaymentRequest], now: datetime
) -> PaymentRequest:
    """Return the instalment's payment request, leased to the caller if it is not open yet.

    The invoice must be locked by the caller. An open request comes back as it is; one whose
    outcome is unknown is leased again; otherwise a new one is recorded, with its reference, as
    `opening`.

    Args:
        invoice: the invoice.
        installment: the one that is to be paid.
        requests: all demands on the invoice, read behind the lock.
        now: when it is leased.

    Raises:
        PaymentInProgress: somebody else is asking the gateway right now.
    """
    own = [one for one in requests if one.installment_id == installment.pk]
    current = next((one for one in own if one.is_active), None)
    if current is None:
        last = max((one.sequence for one in own), default=0)
        return _record_request(invoice, installment, last + 1, now)
    if current.status == PaymentRequest.Status.OPEN:
        return current
    leases.require_free(current, now)
    if current.status == PaymentRequest.Status.CLOSING:
        raise PaymentInProgress
    join(transitions.leased(payment_request=current, now=now))
    return current


def first_request(
    *, invoice: Invoice, installment: Installment, now: datetime
) -> tuple[PaymentRequest, Statement]:
    """Return the first demand on an invoice that the same trip makes, and what records it."""
    demand = _demand(invoice, installment, sequence=1, now=now)
    return demand, transitions.recorded(payment_request=demand, now=now)


def new_reference(*, invoice_id: int | None, number: int, sequence: int) -> str:
    """Return a reference as spec 4.1 shapes it: PT-12345-1-1-7KQ2ZD.

    Its trip puts the invoice's id for `%s`, if that is not known yet.
    """
    tail = "".join(secrets.choice(BASE32) for _ in range(6))
    return f"{settings.REFERENCE_PREFIX}-{invoice_id or '%s'}-{number}-{sequence}-{tail}"


def _record_request(
    invoice: Invoice, installment: Installment, sequence: int, now: datetime
) -> PaymentRequest:
    demand = _demand(invoice, installment, sequence=sequence, now=now)
    ((made,),) = join(transitions.recorded(payment_request=demand, now=now))
    demand.pk = made[0]
    return demand


def _demand(
    invoice: Invoice, installment: Installment, *, sequence: int, now: datetime
) -> PaymentRequest:
    return PaymentRequest(
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
        created_at=now,
        expires_at=invoice.expires_at,
    )
