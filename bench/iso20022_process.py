"""The process that makes an invoice's messages again and again, and writes down how long it took.

Arguments: the invoice's id, and the number of calls.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from bench.figures import percentile
from gateways.adapter import Finality
from invoices.invoices import selectors
from invoices.invoices.selectors import InvoiceDocument
from invoices.iso20022 import pain001
from invoices.ledger import posting
from invoices.ledger.allocation import plan_credit
from invoices.ledger.posting import Account
from invoices.models import Invoice, PaymentRequest
from invoices.schedule import taxes
from payments.booking import pain002
from payments.booking.movement import Movement
from paytrust.iso20022 import validation
from paytrust.iso20022.messages import Message

WARMING_UP = 20


def main(invoice_id: int, calls: int) -> list[dict[str, Any]]:
    """Return the figures of the pain.001, and of what a booking's pain.002 adds to it."""
    invoice = Invoice.objects.select_related("tenant", "gateway").get(pk=invoice_id)
    document = selectors.document(tenant=invoice.tenant, invoice_id=invoice_id)
    document.invoice.tenant = invoice.tenant
    asked = invoice.payment_requests.get()
    return [
        measured(lambda: initiation(invoice, document), calls),
        measured(lambda: booking(document, asked), calls),
    ]


def measured(call: Callable[[], object], calls: int) -> dict[str, Any]:
    for _ in range(WARMING_UP):
        call()
    cpu_seconds, latencies_ms = time.process_time(), []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        latencies_ms.append((time.perf_counter() - started) * 1000)
    return {
        "per_second": 1000 * calls / sum(latencies_ms),
        **{f"p{p}_ms": percentile(latencies_ms, p) for p in (50, 95, 99)},
        "cpu_ms": {"web": (time.process_time() - cpu_seconds) * 1000 / calls},
    }


def initiation(invoice: Invoice, document: InvoiceDocument) -> bytes:
    message = Message.PAIN_001_11
    root = pain001.build(tenant=invoice.tenant, document=document, message=message)
    return validation.checked(root, message)


def booking(document: InvoiceDocument, asked: PaymentRequest) -> pain002.BookingStatus:
    now = timezone.now()
    standing = posting.standing_of(
        invoice=document.invoice,
        installments=document.installments,
        taxes_asked=taxes.tax_by_rate(document.line_items),
    )
    account = Account(document.invoice, document.installments, standing)
    plan = plan_credit(
        standing=standing,
        amount=asked.amount,
        asked_id=asked.installment_id,
        asked_amount=asked.amount,
        page_is_open=True,
        paid_at=now,
        now=now,
    )
    movement = Movement(
        payment_request=asked,
        gateway_transaction_id="65f2a9b0c1d2e3f4a5b6c7d8",
        finality=Finality.PAID,
        paid_at=now,
    )
    return pain002.check_booking(account=account, plan=plan, movement=movement, now=now)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
