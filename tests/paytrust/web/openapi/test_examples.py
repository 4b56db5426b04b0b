"""The examples of the documents: recorded from real calls, and compared with what is kept.

`EXAMPLES=write` (`make examples`) keeps what was recorded instead. What differs from run to run
(ids, times, addresses, references) is shown as constants.
"""

import json
import os
import re
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from paytrust.web.openapi.examples import FILE
from tests.conftest import Merchant, Sandbox

WRITES = os.environ.get("EXAMPLES") == "write"
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
NOW, TOMORROW, IN_2_WEEKS = "2026-11-22T09:00:00Z", "2026-11-23T09:00:00Z", "2026-12-06T00:00:00Z"
TIMES = {"expires_at": TOMORROW, "due_date": IN_2_WEEKS, "start_date": "2026-11-16T00:00:00Z"}
TIMES |= {"end_date": TOMORROW, "refundable_until": IN_2_WEEKS}
TEXTS = {
    "payment_url": "https://checkout.xendit.co/web/6741a5f3c7d2f1a0b9e8d7c6",
    "request_id": "5b0c9a3c2f0e4b0f8e0f5a1f2f6c7d8e",
    "reference": "PT-12345-1-1-K7M2QX",
    "gateway_transaction_id": "6741a5f3c7d2f1a0b9e8d7c6",
    "gateway_refund_id": "rfd-6741a60b-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
    "iso20022_message_id": "PT20261122-000000012345",
    "secret": "whsec_c2hvd24gb25jZQ==",
    "cursor": "MTIzNDU",
    "event_id": "evt_01KB4W5R3ZJ8Q6X9T2M7N5C406",
}
IDS = {"gateway_id": None, "invoice_id": 12345, "transaction_id": 501, "refund_id": 71}
KINDS = {"Gateway": None, "Invoice": 12345, "Payment": 31, "Transaction": 501, "Refund": 71}
KINDS |= {"Endpoint": 9}
LISTS = {"line_items": 1}


def shown(value: Any, own_id: int | None, key: str = "") -> Any:  # noqa: PLR0911  # a case each
    """Return a body with constants in place of what differs from run to run."""
    if isinstance(value, dict):
        return {name: shown(one, LISTS.get(key, own_id), name) for name, one in value.items()}
    if isinstance(value, list):
        return [shown(one, own_id, key) for one in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and key in {"id", *IDS}:
        constant = own_id if key == "id" else IDS[key]
        return value if constant is None else constant
    if key == "status" and value in {"up", "degraded", "down"}:
        return "up"  # what earlier tests did to a gateway is no news here
    if isinstance(value, str):
        return _shown_text(value, key)
    return value


def _shown_text(text: str, key: str) -> str:
    if TIME.fullmatch(text):
        return TIMES.get(key, NOW)
    if text.startswith("evt_"):
        return TEXTS["event_id"]
    return TEXTS.get(key, re.sub(r"^Invoice \d+ ", "Invoice 12345 ", text))


class Recorder:
    """Sends calls and keeps what was sent and answered, by the operation's name."""

    def __init__(self, merchant: Merchant) -> None:
        self._merchant = merchant
        self.operations: dict[str, Any] = {}
        self.errors: dict[str, Any] = {}
        self._names = {
            (method.upper(), path): operation["operationId"]
            for path, methods in merchant.get("/openapi.json").json()["paths"].items()
            for method, operation in methods.items()
        }

    def call(
        self, method: str, template: str, kind: str = "", body: Any = None, **values: Any
    ) -> dict[str, Any]:
        names = re.findall(r"\{(\w+)\}", template)
        path = template.format(**{name: values.pop(name) for name in names})
        answer = self._merchant.send(method, path, json=body, params=values)
        assert answer.ok, answer.text
        kept = self.operations.setdefault(self._names[method, template], {"responses": {}})
        if body is not None:
            kept["request"] = body
        answered = answer.json()
        kept["responses"][str(answer.status_code)] = shown(answered, KINDS.get(kind))
        return answered

    def refused(self, status: int, answer: requests.Response) -> None:
        assert answer.status_code == status, answer.text
        self.errors[str(status)] = shown(answer.json(), None)


LINE = {
    "product_name": "Phone",
    "quantity": "2",
    "unit_price": "999.99",
    "tax_rate": "0.06",
    "tax_category": "SST",
    "country_code": "MY",
}
INVOICE = {
    "gateway_id": 1,
    "currency_code": "MYR",
    "external_id": "order-77",
    "description": "Two phones",
    "customer": {"name": "Siti Aminah", "email": "siti@example.com", "phone": "+60123456789"},
    "metadata": {"cart": "c-981"},
    "line_items": [LINE],
}

ENDPOINT = {"url": "https://shop.example.com/paytrust", "event_types": ["invoice.paid"]}


def record(merchant: Merchant, sandbox: Sandbox) -> dict[str, Any]:
    """Play what a merchant does most, and return it as examples.json keeps it."""
    tape = Recorder(merchant)
    tape.call("GET", "/gateways", "Gateway")
    invoice = tape.call("POST", "/invoices", "Invoice", INVOICE)
    number = {"invoice_id": invoice["id"]}
    tape.call("POST", "/invoices/{invoice_id}/payments", "Payment", {}, **number)
    sandbox.pay(invoice["payment_url"], method="touchngo")
    merchant.wait_for(invoice["id"], status="fully_paid")
    tape.call("GET", "/invoices/{invoice_id}", "Invoice", **number)
    tape.call("GET", "/invoices", "Invoice", status="fully_paid")
    tape.call("GET", "/invoices/{invoice_id}/installments", "Invoice", **number)
    tape.call("GET", "/invoices/{invoice_id}/overpayment", "Invoice", **number)
    tape.call("GET", "/invoices/{invoice_id}/transactions", "Transaction", **number)
    asked = {"amount": 5000, "reason": "requested_by_customer", "external_id": "return-12"}
    refund = tape.call("POST", "/invoices/{invoice_id}/refunds", "Refund", asked, **number)
    assert refund["amount"] == 5000
    tape.call("POST", "/webhook-endpoints", "Endpoint", ENDPOINT)
    tape.call("GET", "/webhook-endpoints", "Endpoint")
    now = timezone.now()
    days = {"start_date": now - timedelta(days=7), "end_date": now + timedelta(days=1)}
    tape.call("GET", "/reports/financial", **{name: day.isoformat() for name, day in days.items()})
    other = merchant.post("/invoices", json={**INVOICE, "external_id": "order-78"}).json()
    tape.call("POST", "/invoices/{invoice_id}/cancel", "Invoice", invoice_id=other["id"])
    _refusals(tape, merchant)
    return {
        "operations": dict(sorted(tape.operations.items())),
        "errors": dict(sorted(tape.errors.items())),
    }


def _refusals(tape: Recorder, merchant: Merchant) -> None:
    wrong = {**INVOICE, "line_items": [{**LINE, "quantity": "0"}]}
    tape.refused(400, merchant.post("/invoices", json=wrong))
    tape.refused(401, requests.get(f"{merchant.url}/invoices", timeout=20))
    tape.refused(404, merchant.get("/invoices/999999999"))
    tape.refused(409, merchant.post("/invoices", json={**INVOICE, "description": "Other"}))
    key = {"Idempotency-Key": "b8f3c0de"}
    merchant.post("/webhook-endpoints", json=ENDPOINT, headers=key)
    tape.refused(
        422, merchant.post("/webhook-endpoints", json={**ENDPOINT, "description": "2"}, headers=key)
    )


@pytest.fixture
def recording(merchant: Merchant, sandbox: Sandbox) -> dict[str, Any]:
    return record(merchant, sandbox)


def test_are_what_the_api_answers(recording: dict[str, Any]) -> None:
    if WRITES:
        FILE.write_text(json.dumps(recording, indent=1, ensure_ascii=False) + "\n")

    kept = json.loads(FILE.read_text())
    assert kept["operations"].keys() == recording["operations"].keys()
    for name, example in recording["operations"].items():
        assert kept["operations"][name] == example, f"{name}: `make examples` keeps what is new"
    assert kept["errors"] == recording["errors"]


def test_stand_in_the_document(merchant: Merchant) -> None:
    made = merchant.get("/openapi.json").json()["paths"]["/invoices"]["post"]

    sent = made["requestBody"]["content"]["application/json"]["examples"]["recorded"]["value"]
    answered = made["responses"]["201"]["content"]["application/json"]["examples"]["recorded"]
    assert sent == INVOICE
    assert answered["value"]["total_amount"] == 217_998
