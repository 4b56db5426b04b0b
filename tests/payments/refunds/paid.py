"""Invoices that were paid, for tests of refunds."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from apikeys.models import Tenant
from gateways.adapter import PaymentReport, PaymentState
from invoices.models import Invoice, PaymentRequest, Transaction
from payments.booking import settling
from paytrust.money import Money
from tests.apikeys.factories import TenantFactory
from tests.invoices.factories import PaymentRequestFactory, invoice


def paid_invoice(
    *,
    tenant: Tenant | None = None,
    method: str = "EWALLET",
    channel: str = "TOUCHNGO",
    over_amount: int = 0,
    **fields: Any,
) -> Invoice:
    """Return a MYR invoice at Xendit that was paid as a whole, with so much on top."""
    made = invoice(tenant=tenant or TenantFactory.create(), gateway_id=1, **fields)
    pay(made, method=method, channel=channel, over_amount=over_amount)
    made.refresh_from_db()
    return made


def pay(
    made: Invoice,
    *,
    method: str = "EWALLET",
    channel: str = "TOUCHNGO",
    over_amount: int = 0,
    paid_at: datetime | None = None,
) -> Transaction:
    """Pay the next instalment by another charge."""
    installment = made.installments.exclude(status="paid").order_by("number").first()
    installment = installment or made.installments.order_by("-number")[0]
    asked: PaymentRequest = PaymentRequestFactory.create(
        invoice=made,
        installment=installment,
        sequence=made.payment_requests.count() + 1,
        status=PaymentRequest.Status.OPEN,
    )
    now = timezone.now()
    report = PaymentReport(
        reference=asked.reference,
        gateway_id=f"charge-{asked.pk}",
        state=PaymentState.PAID,
        raw_status="PAID",
        amount=Money(asked.amount, asked.currency_code),
        paid_amount=Money(asked.amount + over_amount, asked.currency_code),
        paid_at=paid_at or now,
        method=method,
        channel=channel,
    )
    booked = settling.settle(payment_request_id=asked.pk, report=report, event=None, now=now)
    assert booked.transaction is not None
    return booked.transaction
