"""Create, pay, refund and report with the models of datamodel-code-generator, over requests."""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import paytrust_models as models
import requests
from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)
SESSION = requests.Session()
SESSION.headers["X-API-Key"] = os.environ["API_KEY"]


def call(
    method: str, path: str, kind: type[Model], body: BaseModel | None = None, **query: str
) -> Model:
    answer = SESSION.request(
        method,
        os.environ["BASE_URL"] + path,
        data=body.model_dump_json(exclude_none=True) if body else None,
        headers={"Content-Type": "application/json"} if body else {},
        params=query,
        timeout=60,
    )
    assert answer.ok, answer.text
    return kind.model_validate_json(answer.content)


def main() -> None:
    body = models.InvoiceCreateRequest.model_validate(
        {
            "gateway_id": 1,
            "currency_code": "MYR",
            "line_items": [
                {
                    "product_name": "Phone",
                    "quantity": "2",
                    "unit_price": "999.99",
                    "tax_rate": "0.06",
                }
            ],
        }
    )
    made = call("POST", "/invoices", models.Invoice, body)
    assert made.line_items[0].subtotal_amount == 199998
    SESSION.post(
        str(made.payment_url), data={"action": "pay", "method": "touchngo"}, timeout=60
    ).raise_for_status()
    for _ in range(300):
        paid = call("GET", f"/invoices/{made.id}", models.ExpandedInvoice)
        if paid.status == models.InvoiceStatus.fully_paid:
            break
        time.sleep(0.2)
    else:
        raise AssertionError(f"not paid within a minute: {paid}")
    asked = models.RefundCreateRequest(reason=models.RefundReason.requested_by_customer, amount=100)
    refund = call("POST", f"/invoices/{made.id}/refunds", models.Refund, asked)
    assert refund.amount == 100
    shown = call("GET", f"/refunds/{refund.id}", models.Refund)
    assert shown.status not in {models.RefundStatus.failed, models.RefundStatus.cancelled}
    now = datetime.now(UTC)
    start, end = ((now + timedelta(days=days)).isoformat() for days in (-1, 1))
    report = call(
        "GET", "/reports/financial", models.FinancialReport, start_date=start, end_date=end
    )
    assert report.by_currency[0].total_amount >= paid.total_amount
    print(f"paid {paid.paid_amount}, refund {shown.status.value}, reported")


main()
