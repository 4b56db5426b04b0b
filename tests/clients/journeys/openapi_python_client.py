"""Create, pay, refund and report by the client of openapi-python-client."""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import httpx
from paytrust_client import AuthenticatedClient
from paytrust_client.api.invoices import create_invoice, get_invoice
from paytrust_client.api.iso_20022 import get_invoice_payment_status
from paytrust_client.api.refunds import get_refund, refund_invoice
from paytrust_client.api.reports import download_transactions_csv, get_financial_report
from paytrust_client.models import (
    CurrencyCode,
    ExpandedInvoice,
    FinancialReport,
    Invoice,
    InvoiceCreateRequest,
    InvoiceStatus,
    LineItemRequest,
    NotFoundError,
    NotFoundErrorError,
    Refund,
    RefundCreateRequest,
    RefundReason,
    RefundStatus,
)

Kind = TypeVar("Kind")


def a(kind: type[Kind], answer: object) -> Kind:
    assert isinstance(answer, kind), answer
    return answer


def main() -> None:
    client = AuthenticatedClient(
        base_url=os.environ["BASE_URL"],
        token=os.environ["API_KEY"],
        prefix="",
        auth_header_name="X-API-Key",
        timeout=httpx.Timeout(60),
    )
    body = InvoiceCreateRequest(
        gateway_id=1,
        currency_code=CurrencyCode.MYR,
        line_items=[
            LineItemRequest(
                product_name="Phone", quantity="2", unit_price="999.99", tax_rate="0.06"
            )
        ],
    )
    made = a(
        Invoice,
        create_invoice.sync(client=client, body=body, idempotency_key=uuid4().hex),
    )
    assert made.line_items[0].subtotal_amount == 199998
    httpx.post(str(made.payment_url), data={"action": "pay", "method": "touchngo"}, timeout=60)
    for _ in range(300):
        paid = a(ExpandedInvoice, get_invoice.sync(made.id, client=client))
        if paid.status == InvoiceStatus.FULLY_PAID:
            break
        time.sleep(0.2)
    else:
        raise AssertionError(f"not paid within a minute: {paid}")
    refund = a(
        Refund,
        refund_invoice.sync(
            made.id,
            client=client,
            body=RefundCreateRequest(reason=RefundReason.REQUESTED_BY_CUSTOMER, amount=100),
        ),
    )
    assert refund.amount == 100
    shown = a(Refund, get_refund.sync(refund.id, client=client))
    assert shown.status not in {RefundStatus.FAILED, RefundStatus.CANCELLED}
    now = datetime.now(UTC)
    start, end = ((now + timedelta(days=days)).isoformat() for days in (-1, 1))
    report = a(
        FinancialReport,
        get_financial_report.sync(client=client, start_date=start, end_date=end),
    )
    assert report.by_currency[0].total_amount >= paid.total_amount
    status = get_invoice_payment_status.sync_detailed(made.id, client=client)
    assert b"pain.002" in status.content, status
    table = download_transactions_csv.sync_detailed(client=client, start_date=start, end_date=end)
    assert b"," in table.content, table
    missing = a(NotFoundError, get_invoice.sync(2**50, client=client))
    assert missing.error == NotFoundErrorError.NOT_FOUND
    print(f"paid {paid.paid_amount}, refund {shown.status}, reported")


main()
