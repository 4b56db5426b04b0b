"""Create, pay, refund and report by the Python client of openapi-generator."""

import os
import time
from datetime import UTC, datetime, timedelta

import paytrust_client as paytrust
import requests
from paytrust_client.exceptions import NotFoundException


def main() -> None:
    configuration = paytrust.Configuration(host=os.environ["BASE_URL"])
    configuration.api_key["ApiKey"] = os.environ["API_KEY"]
    client = paytrust.ApiClient(configuration)
    invoices = paytrust.InvoicesApi(client)
    made = invoices.create_invoice(
        paytrust.InvoiceCreateRequest(
            gateway_id=1,
            currency_code=paytrust.CurrencyCode.MYR,
            line_items=[
                paytrust.LineItemRequest(
                    product_name="Phone", quantity="2", unit_price="999.99", tax_rate="0.06"
                )
            ],
        )
    )
    assert made.line_items[0].subtotal_amount == 199998
    requests.post(
        str(made.payment_url), data={"action": "pay", "method": "touchngo"}, timeout=60
    ).raise_for_status()
    paid = invoices.get_invoice(made.id)
    for _ in range(300):
        if paid.status == paytrust.InvoiceStatus.FULLY_PAID:
            break
        time.sleep(0.2)
        paid = invoices.get_invoice(made.id)
    assert paid.status == paytrust.InvoiceStatus.FULLY_PAID, paid
    refunds = paytrust.RefundsApi(client)
    refund = refunds.refund_invoice(
        made.id,
        paytrust.RefundCreateRequest(
            reason=paytrust.RefundReason.REQUESTED_BY_CUSTOMER, amount=100
        ),
    )
    assert refund.amount == 100
    shown = refunds.get_refund(refund.id)
    assert shown.status not in {paytrust.RefundStatus.FAILED, paytrust.RefundStatus.CANCELLED}
    now = datetime.now(UTC)
    start, end = ((now + timedelta(days=days)).isoformat() for days in (-1, 1))
    reports = paytrust.ReportsApi(client)
    report = reports.get_financial_report(end_date=end, start_date=start)
    assert report.by_currency[0].total_amount >= paid.total_amount
    assert "," in reports.download_transactions_csv(end_date=end, start_date=start)
    assert b"pain.002" in paytrust.ISO20022Api(client).get_invoice_payment_status(made.id)
    try:
        invoices.get_invoice(2**50)
    except NotFoundException as refused:
        assert "not_found" in str(refused.body)
    else:
        raise AssertionError("an invoice that is not there was shown")
    print(f"paid {paid.paid_amount}, refund {shown.status.value}, reported")


main()
