"""The main job over real HTTP: an invoice at each gateway, paid and booked."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests
from django.conf import settings

from gateways import http, registry
from invoices.models import Invoice, PaymentRequest, Transaction
from payments.models import WebhookEvent
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
GATEWAYS = pytest.mark.parametrize("gateway", ["xendit", "midtrans"])


class TestTwoCallsMakeAPaidInvoice:
    @GATEWAYS
    def test_posted_paid_and_booked(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        created = merchant.post("/invoices", json=BODIES[gateway]())
        invoice = created.json()

        sandbox.pay(invoice["payment_url"])
        paid = merchant.wait_for(invoice["id"], status="fully_paid")
        booked = merchant.get(f"/invoices/{invoice['id']}/transactions").json()["results"]

        assert created.status_code == 201
        assert invoice["status"] == "pending"
        assert paid["paid_amount"] == paid["total_amount"] == invoice["total_amount"]
        assert paid["overpayment_amount"] == 0
        assert [row["amount"] for row in booked] == [invoice["total_amount"]]
        assert booked[0]["allocations"] == [
            {"installment_number": 1, "amount": invoice["total_amount"]}
        ]

    def test_sen_leave_as_whole_ringgit(self, merchant: Merchant, sandbox: Sandbox) -> None:
        line = {"product_name": "Batik", "quantity": 1, "unit_price": 117.04, "tax_rate": 0}

        invoice = merchant.post("/invoices", json=invoice_body(line_items=[line])).json()

        assert invoice["total_amount"] == 12055  # 117.04 and 3 % of it
        assert [(c["amount"], c["currency"]) for c in sandbox.charges()] == [(120.55, "MYR")]


class TestSameCallTwice:
    def test_twenty_at_once_under_one_key_make_one_invoice(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        barrier = Barrier(20)

        def post(_: int) -> requests.Response:
            barrier.wait()
            return merchant.post(
                "/invoices", json=invoice_body(), headers={"Idempotency-Key": "order-77"}
            )

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(post, range(20)))

        statuses = sorted(answer.status_code for answer in answers)
        assert statuses.count(201) == 1
        assert set(statuses) <= {200, 201, 409}
        assert Invoice.objects.count() == 1
        assert len(sandbox.charges()) == 1

    def test_twenty_at_once_with_one_external_id_make_one_invoice(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        barrier = Barrier(20)

        def post(_: int) -> int:
            barrier.wait()
            body = invoice_body(external_id="order-77")
            return merchant.post("/invoices", json=body).status_code

        with ThreadPoolExecutor(20) as pool:
            statuses = list(pool.map(post, range(20)))

        assert statuses.count(201) == 1
        assert set(statuses) <= {200, 201, 409}
        assert Invoice.objects.count() == 1
        assert len(sandbox.charges()) == 1

    def test_the_key_replays_the_original_body(self, merchant: Merchant, sandbox: Sandbox) -> None:
        headers = {"Idempotency-Key": "order-77"}
        first = merchant.post("/invoices", json=invoice_body(), headers=headers)

        again = merchant.post("/invoices", json=invoice_body(), headers=headers)

        assert (first.status_code, again.status_code) == (201, 200)
        assert again.content == first.content
        assert again.headers["Idempotent-Replayed"] == "true"
        assert len(sandbox.charges()) == 1

    def test_external_id_answers_with_the_invoice_as_it_is_now(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        body = invoice_body(external_id="order-77")
        first = merchant.post("/invoices", json=body).json()
        sandbox.pay(first["payment_url"])
        merchant.wait_for(first["id"], status="fully_paid")

        again = merchant.post("/invoices", json=body)

        assert again.status_code == 200
        assert (again.json()["id"], again.json()["status"]) == (first["id"], "fully_paid")

    def test_external_id_knows_what_is_left_out_by_its_default(self, merchant: Merchant) -> None:
        body = invoice_body(external_id="order-77")
        first = merchant.post("/invoices", json=body).json()

        for name, value in (("metadata", {}), ("metadata", None), ("description", None)):
            again = merchant.post("/invoices", json={**body, name: value})
            assert (again.status_code, again.json()["id"]) == (200, first["id"]), name

    def test_external_id_with_other_content_is_a_conflict(self, merchant: Merchant) -> None:
        merchant.post("/invoices", json=invoice_body(external_id="order-77"))

        other = merchant.post("/invoices", json=rupiah_body(external_id="order-77"))

        assert (other.status_code, other.json()["error"]) == (409, "external_id_conflict")
        assert Invoice.objects.count() == 1


FAULTS = {  # fault: what the merchant sees, and how many charges the gateway has by then
    "created_but_timeout": (504, "gateway_timeout", 1),
    "http_500": (502, "gateway_unavailable", 0),
    "connection_reset": (502, "gateway_unavailable", 0),
    "html_502": (502, "gateway_unavailable", 0),
}


class TestGatewayInTrouble:
    @pytest.fixture(autouse=True)
    def _short_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "READ_SECONDS", 1)

    @GATEWAYS
    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("by", ["key", "external_id"])
    def test_the_same_call_again_continues_and_charges_once(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str, fault: str, by: str
    ) -> None:
        status, code, _ = FAULTS[fault]
        body = BODIES[gateway](**({"external_id": "order-77"} if by == "external_id" else {}))
        headers = {"Idempotency-Key": "order-77"} if by == "key" else {}
        sandbox.fault(gateway, fault)

        failed = merchant.post("/invoices", json=body, headers=headers)
        draft = merchant.get(f"/invoices/{failed.json()['details']['invoice_id']}").json()
        resumed = merchant.post("/invoices", json=body, headers=headers)

        assert (failed.status_code, failed.json()["error"]) == (status, code)
        assert failed.json()["details"]["gateway"] == gateway
        assert (draft["status"], draft["payment_url"]) == ("draft", None)
        assert resumed.status_code == 201
        assert resumed.json()["id"] == draft["id"]
        assert resumed.json()["status"] == "pending"
        assert [charge["reference"] for charge in sandbox.charges()] == [
            PaymentRequest.objects.get().reference
        ]
        sandbox.pay(resumed.json()["payment_url"])
        merchant.wait_for(draft["id"], status="fully_paid")

    def test_a_refused_search_does_not_lead_to_a_second_charge(
        self, merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = invoice_body(external_id="order-77")
        sandbox.fault("xendit", "created_but_timeout")
        merchant.post("/invoices", json=body)
        with monkeypatch.context() as wrong:
            wrong.setitem(
                settings.GATEWAY_CONNECTIONS["xendit"], "secret_key", "xnd_development_WRONG"
            )
            registry.reset_adapters()
            refused = merchant.post("/invoices", json=body)
        registry.reset_adapters()

        resumed = merchant.post("/invoices", json=body)

        assert (refused.status_code, refused.json()["error"]) == (422, "gateway_rejected")
        assert resumed.status_code == 201
        assert len(sandbox.charges()) == 1
        assert PaymentRequest.objects.count() == 1

    def test_a_refusal_carries_the_gateways_own_words(
        self, merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(
            settings.GATEWAY_CONNECTIONS["midtrans"], "server_key", "SB-Mid-server-WRONG"
        )
        registry.reset_adapters()

        refused = merchant.post("/invoices", json=rupiah_body())

        assert (refused.status_code, refused.json()["error"]) == (422, "gateway_rejected")
        assert "unauthorized" in refused.json()["details"]["gateway_message"]
        assert Invoice.objects.get().status == "draft"
        assert sandbox.charges() == []


class TestNotifications:
    def test_fifty_copies_at_once_book_once(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.fault("xendit", "webhook_lost")
        sandbox.pay(invoice["payment_url"])
        charge = sandbox.charges()[0]
        barrier = Barrier(50)

        def send(_: int) -> int:
            barrier.wait()
            return requests.post(
                f"{merchant.url}/webhooks/xendit",
                json=xendit_paid(charge),
                headers=XENDIT_HEADERS,
                timeout=30,
            ).status_code

        with ThreadPoolExecutor(50) as pool:
            statuses = list(pool.map(send, range(50)))

        merchant.wait_for(invoice["id"], status="fully_paid")
        assert statuses == [200] * 50
        assert Transaction.objects.count() == 1
        assert WebhookEvent.objects.count() == 1

    def test_an_authentic_looking_one_for_an_unpaid_charge_changes_nothing(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()

        answer = requests.post(
            f"{merchant.url}/webhooks/xendit",
            json=xendit_paid(sandbox.charges()[0]),
            headers=XENDIT_HEADERS,
            timeout=10,
        )

        assert answer.status_code == 200
        assert merchant.get(f"/invoices/{invoice['id']}").json() == invoice
        assert Transaction.objects.count() == 0
        event = WebhookEvent.objects.get()
        assert (event.status, event.outcome) == ("received", "not_confirmed")

    @pytest.mark.parametrize("content_type", [None, "text/plain", "application/octet-stream"])
    def test_one_is_taken_whatever_its_gateway_calls_it(
        self, merchant: Merchant, sandbox: Sandbox, content_type: str | None
    ) -> None:
        merchant.post("/invoices", json=invoice_body())

        answer = requests.post(
            f"{merchant.url}/webhooks/xendit",
            data=json.dumps(xendit_paid(sandbox.charges()[0])).encode(),
            headers=XENDIT_HEADERS | ({"Content-Type": content_type} if content_type else {}),
            timeout=10,
        )

        assert answer.status_code == 200
        assert WebhookEvent.objects.count() == 1

    def test_a_wrong_token_stores_nothing(self, merchant: Merchant, sandbox: Sandbox) -> None:
        merchant.post("/invoices", json=invoice_body())

        answer = requests.post(
            f"{merchant.url}/webhooks/xendit",
            json=xendit_paid(sandbox.charges()[0]),
            headers={"x-callback-token": "wrong"},
            timeout=10,
        )

        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_signature")
        assert WebhookEvent.objects.count() == 0

    def test_an_unknown_reference_is_kept_for_operators(self, merchant: Merchant) -> None:
        unknown = {"id": "6968a1f0d4e5f60001a00001", "reference": "invoice_123124123"}

        answer = requests.post(
            f"{merchant.url}/webhooks/xendit",
            json=xendit_paid({**unknown, "amount": 10000, "currency": "IDR"}),
            headers=XENDIT_HEADERS,
            timeout=10,
        )

        event = WebhookEvent.objects.get()
        assert answer.status_code == 200
        assert (event.status, event.outcome) == ("failed", "unknown_reference")

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id": 1}', b'"PAID"', b"\xff"])
    def test_a_malformed_one_is_kept_for_operators(self, merchant: Merchant, body: bytes) -> None:
        answer = requests.post(
            f"{merchant.url}/webhooks/xendit", data=body, headers=XENDIT_HEADERS, timeout=10
        )

        event = WebhookEvent.objects.get()
        assert answer.status_code == 200
        assert (event.status, event.outcome) == ("failed", "malformed_notification")
        assert bytes(event.body) == body

    @GATEWAYS
    def test_late_and_repeated_ones_never_undo_a_payment(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = merchant.post("/invoices", json=BODIES[gateway]()).json()
        sandbox.fault(gateway, "webhook_out_of_order")
        sandbox.fault(gateway, "webhook_duplicate")
        sandbox.pay(invoice["payment_url"])

        paid = merchant.wait_for(invoice["id"], status="fully_paid")

        assert paid["paid_amount"] == invoice["total_amount"]
        assert Transaction.objects.count() == 1

    @GATEWAYS
    def test_an_expired_page_ends_the_invoice(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        # A Snap page stays open after attempts on it, and expires without a notification; a charge
        # has one.
        method = {"payment_method": {"type": "qris"}} if gateway == "midtrans" else {}
        invoice = merchant.post("/invoices", json=BODIES[gateway](**method)).json()
        sandbox.pay(sandbox.charges()[-1]["payment_url"], "expire")

        expired = merchant.wait_for(invoice["id"], status="expired")

        assert (expired["paid_amount"], expired["payment_url"]) == (0, None)


class TestAnotherTenant:
    def test_sees_neither_the_invoice_nor_its_transactions(
        self, merchant: Merchant, stranger: Merchant
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()

        for path in (f"/invoices/{invoice['id']}", f"/invoices/{invoice['id']}/transactions"):
            theirs, nobodys = stranger.get(path), stranger.get("/invoices/999999999")
            assert theirs.status_code == nobodys.status_code == 404
            assert theirs.json()["error"] == nobodys.json()["error"] == "not_found"
        assert stranger.get("/invoices").json()["results"] == []

    def test_may_use_the_same_external_id_and_key(
        self, merchant: Merchant, stranger: Merchant
    ) -> None:
        call = {
            "json": invoice_body(external_id="order-77"),
            "headers": {"Idempotency-Key": "order-77"},
        }

        mine, theirs = merchant.post("/invoices", **call), stranger.post("/invoices", **call)

        assert (mine.status_code, theirs.status_code) == (201, 201)
        assert mine.json()["id"] != theirs.json()["id"]


XENDIT_HEADERS = {
    "x-callback-token": "TESTCALLBACKTOKEN0123456789abcdef",
    "webhook-id": "8c0f6a5e-0001-4000-8000-000000000001",
}


def xendit_paid(charge: dict[str, Any]) -> dict[str, Any]:
    """Return the callback that Xendit would send if `charge` were paid."""
    return {
        "id": charge["id"],
        "external_id": charge["reference"],
        "user_id": "64f0c0ffee00000000000001",
        "status": "PAID",
        "merchant_name": "PayTrust Test Shop",
        "amount": charge["amount"],
        "paid_amount": charge["amount"],
        "paid_at": "2026-11-22T09:00:00.000Z",
        "currency": charge["currency"],
        "created": "2026-11-22T08:00:00.000Z",
        "updated": "2026-11-22T09:00:00.000Z",
        "payment_method": "BANK_TRANSFER",
    }
