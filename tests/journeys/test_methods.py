"""An invoice with one method says how to pay, and our page shows it to the customer."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateways import http
from invoices.models import PaymentRequest
from invoices.payment_requests import opening
from invoices.payment_requests.leases import PaymentInProgress
from tests.conftest import Merchant, Sandbox
from tests.factories import rupiah_body

METHODS: dict[str, tuple[dict[str, str], set[str]]] = {
    "qris": ({"type": "qris"}, {"qr_string", "qr_image_url"}),
    "gopay": ({"type": "gopay"}, {"qr_image_url", "deeplink_url"}),
    "shopeepay": ({"type": "shopeepay"}, {"deeplink_url"}),
    **{
        bank: ({"type": "bank_transfer", "bank": bank}, {"va_number", "bank"})
        for bank in ("bca", "bni", "bri", "cimb", "permata")
    },
    "echannel": ({"type": "echannel"}, {"biller_code", "bill_key"}),
    **{
        store: ({"type": "cstore", "store": store}, {"payment_code"})
        for store in ("indomaret", "alfamart")
    },
}


@pytest.fixture(autouse=True)
def _our_pages_are_on_the_live_server(monkeypatch: pytest.MonkeyPatch, live_url: str) -> None:
    monkeypatch.setattr(settings, "PUBLIC_BASE_URL", live_url)


def create(merchant: Merchant, method: dict[str, str], **changes: Any) -> dict[str, Any]:
    answer = merchant.post("/invoices", json=rupiah_body(payment_method=method, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


def opened(url: str, language: str = "en") -> str:
    page = requests.get(url, headers={"Accept-Language": language}, timeout=10)
    assert page.status_code == 200
    return page.text


@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_shown_paid_and_booked(
    merchant: Merchant, sandbox: Sandbox, name: str
) -> None:
    method, shown = METHODS[name]

    invoice = create(merchant, method, success_redirect_url="https://shop.example.test/thanks")
    instructions = invoice["payment_instructions"]
    waiting = opened(invoice["payment_url"])
    (charge,) = sandbox.charges()
    sandbox.pay(charge["payment_url"])
    paid = merchant.wait_for(invoice["id"], status="fully_paid")
    thanks = opened(invoice["payment_url"])
    status = requests.get(f"{invoice['payment_url']}/status", timeout=10).json()

    assert instructions.keys() == shown | {"type", "expires_at"}
    assert instructions["type"] == method["type"]
    assert instructions.get("bank") == method.get("bank")
    assert datetime.fromisoformat(instructions["expires_at"]).utcoffset() is not None
    assert instructions["expires_at"].endswith("Z")
    assert re.fullmatch(re.escape(merchant.url) + r"/pay/[A-Za-z0-9_-]{32}", invoice["payment_url"])
    assert "Pay Kopi Gayo" in waiting
    for number in shown & {"va_number", "biller_code", "bill_key", "payment_code"}:
        assert f'data-copy="{instructions[number]}"' in waiting
    assert (paid["paid_amount"], paid["overpayment_amount"]) == (invoice["total_amount"], 0)
    assert "Payment received" in thanks
    assert 'href="https://shop.example.test/thanks"' in thanks
    assert status["status"] == "paid"


@pytest.mark.parametrize("name", METHODS)
def test_a_charge_whose_answer_was_lost_is_adopted(
    merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    method, shown = METHODS[name]
    monkeypatch.setattr(http, "READ_SECONDS", 1)
    sandbox.fault("midtrans", "created_but_timeout", delay_s=2)
    body = rupiah_body(payment_method=method, external_id="order-77")

    failed = merchant.post("/invoices", json=body)
    resumed = merchant.post("/invoices", json=body)

    assert (failed.status_code, resumed.status_code) == (504, 201)
    assert resumed.json()["payment_instructions"].keys() == shown | {"type", "expires_at"}
    (charge,) = sandbox.charges()
    assert charge["reference"] == PaymentRequest.objects.get().reference
    sandbox.pay(charge["payment_url"])
    merchant.wait_for(resumed.json()["id"], status="fully_paid")


def test_a_charge_without_instructions_is_replaced(
    merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Midtrans tells a QRIS code once, and again under the same key for five minutes only."""
    monkeypatch.setattr(http, "READ_SECONDS", 1)
    sandbox.fault("midtrans", "created_but_timeout", delay_s=2)
    body = rupiah_body(payment_method={"type": "qris"}, external_id="order-77")
    merchant.post("/invoices", json=body)
    later = {"advance": "301s"}
    requests.post(f"{sandbox.url}/control/clock", json=later, timeout=5).raise_for_status()

    resumed = merchant.post("/invoices", json=body)

    assert resumed.status_code == 201
    assert sorted(charge["status"] for charge in sandbox.charges()) == ["expire", "pending"]
    assert list(PaymentRequest.objects.order_by("sequence").values_list("sequence", "status")) == [
        (1, "failed"),
        (2, "open"),
    ]
    (live,) = [charge for charge in sandbox.charges() if charge["status"] == "pending"]
    sandbox.pay(live["payment_url"])
    paid = merchant.wait_for(resumed.json()["id"], status="fully_paid")
    assert (paid["paid_amount"], paid["overpayment_amount"]) == (paid["total_amount"], 0)


@pytest.mark.parametrize(
    "method", [{"type": "bank_transfer", "bank": "bca"}, {"type": "qris"}, {"type": "shopeepay"}]
)
def test_xendit_offers_the_one_method_on_its_own_page(
    merchant: Merchant, sandbox: Sandbox, method: dict[str, str]
) -> None:
    invoice = create(merchant, method, gateway_id=1)

    sandbox.pay(invoice["payment_url"])
    merchant.wait_for(invoice["id"], status="fully_paid")
    (booked,) = merchant.get(f"/invoices/{invoice['id']}/transactions").json()["results"]

    assert invoice["payment_url"].startswith(sandbox.url)
    assert "payment_instructions" not in invoice
    # A QR code's channel is its issuer, as the notification names it.
    issuer = "gopay" if method["type"] == "qris" else method["type"]
    assert booked["payment_channel"] == (method.get("bank") or issuer).upper()


def test_a_caller_who_comes_while_the_gateway_is_asked_takes_no_lock(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    """The one at work needs the lock to record the answer, and does not wait for it."""
    now = timezone.now()
    sandbox.fault("midtrans", "http_500")
    answer = merchant.post("/invoices", json=rupiah_body(payment_method={"type": "qris"}))
    invoice = {"id": answer.json()["details"]["invoice_id"]}
    PaymentRequest.objects.update(leased_until=now + timedelta(seconds=40))

    with CaptureQueriesContext(connection) as queries, pytest.raises(PaymentInProgress):
        opening.open_payment(tenant=merchant.tenant, invoice_id=invoice["id"], now=now)

    assert not [query for query in queries.captured_queries if "FOR UPDATE" in query["sql"]]


def test_without_a_method_midtrans_shows_its_own_page(merchant: Merchant, sandbox: Sandbox) -> None:
    invoice = merchant.post("/invoices", json=rupiah_body()).json()

    assert invoice["payment_url"].startswith(sandbox.url)
    assert "payment_instructions" not in invoice
    assert PaymentRequest.objects.get().page_token is None


def test_a_cancelled_invoice_says_so_on_its_page(merchant: Merchant, sandbox: Sandbox) -> None:
    invoice = create(merchant, {"type": "qris"})

    merchant.post(f"/invoices/{invoice['id']}/cancel").raise_for_status()

    assert "This payment was cancelled" in opened(invoice["payment_url"])
    assert requests.get(f"{invoice['payment_url']}/status", timeout=10).json()["status"] == (
        "cancelled"
    )


def test_an_expired_code_says_so_on_its_page(merchant: Merchant, sandbox: Sandbox) -> None:
    invoice = create(merchant, {"type": "echannel"})
    (charge,) = sandbox.charges()

    sandbox.pay(charge["payment_url"], "expire")
    merchant.wait_for(invoice["id"], payment_url=None)

    assert "Waktu pembayaran sudah habis" in opened(invoice["payment_url"], "id-ID,id;q=0.9")
