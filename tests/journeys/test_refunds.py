"""Money that goes back at the gateway also goes back in the books, in every way it was taken."""

from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from invoices.models import Transaction
from payments.models import WebhookEvent
from payments.webhooks import confirming
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
WAYS = {  # how it was paid and taken back; None: the sandbox's clock has to move
    "midtrans deny after settlement": ("midtrans", "permata", "reverse"),
    "midtrans chargeback": ("midtrans", "qris", "chargeback"),
}


def pass_time(sandbox: Sandbox) -> None:
    """Let the gateways finish, and confirm, their refunds."""
    requests.post(f"{sandbox.url}/control/clock", json={"advance": "60s"}, timeout=10)


class TestRefunded:
    @pytest.mark.parametrize("gateway", BODIES)
    def test_lowers_what_is_owed_and_leaves_the_invoice_paid(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = merchant.post("/invoices", json=BODIES[gateway]()).json()
        method = {"method": "qris"} if gateway == "midtrans" else {}
        sandbox.pay(invoice["payment_url"], **method)
        paid = merchant.wait_for(invoice["id"], status="fully_paid")

        sandbox.pay(invoice["payment_url"], "refund")
        pass_time(sandbox)

        after = merchant.wait_for(invoice["id"], refund_status="full")
        rows = merchant.get(f"/invoices/{invoice['id']}/transactions").json()["results"]
        total = invoice["total_amount"]
        assert (after["status"], after["paid_amount"]) == ("fully_paid", total)
        assert (after["refunded_amount"], after["amount_due"]) == (total, 0)
        assert (after["paid_at"], after["version"]) == (paid["paid_at"], paid["version"] + 1)
        assert [(row["type"], row["amount"]) for row in rows] == [
            ("refund", -total),
            ("payment", total),
        ]
        assert merchant.post(f"/invoices/{invoice['id']}/cancel").status_code == 409
        assert merchant.post(f"/invoices/{invoice['id']}/payments").status_code == 409


class TestTakenBack:
    @pytest.mark.parametrize("way", WAYS)
    def test_is_a_reversal_the_invoice_falls_back_and_finance_sees_the_flag(
        self, merchant: Merchant, sandbox: Sandbox, way: str
    ) -> None:
        gateway, method, action = WAYS[way]
        invoice = merchant.post("/invoices", json=BODIES[gateway]()).json()
        sandbox.pay(invoice["payment_url"], **({"method": method} if method else {}))
        merchant.wait_for(invoice["id"], status="fully_paid")

        sandbox.pay(invoice["payment_url"], action)
        pass_time(sandbox)

        after = merchant.wait_for(invoice["id"], status="pending")
        rows = merchant.get(f"/invoices/{invoice['id']}/transactions").json()["results"]
        listed = merchant.get("/reports/discrepancies")
        assert (after["paid_amount"], after["payment_url"]) == (0, None)
        assert [(row["type"], row["amount"]) for row in rows] == [
            ("reversal", -invoice["total_amount"]),
            ("payment", invoice["total_amount"]),
        ]
        assert rows[0]["allocations"] == [
            {"installment_number": 1, "amount": -invoice["total_amount"]}
        ]
        assert listed.status_code == 200
        assert "reversed" in listed.text

    def test_the_merchant_may_ask_for_it_again(self, merchant: Merchant, sandbox: Sandbox) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body()).json()
        sandbox.pay(invoice["payment_url"], method="qris")
        merchant.wait_for(invoice["id"], status="fully_paid")
        sandbox.pay(invoice["payment_url"], "chargeback")
        pass_time(sandbox)
        merchant.wait_for(invoice["id"], status="pending")

        again = merchant.post(f"/invoices/{invoice['id']}/payments")
        sandbox.pay(again.json()["payment_url"])

        assert again.status_code == 201
        assert again.json()["amount"] == invoice["total_amount"]
        merchant.wait_for(invoice["id"], status="fully_paid")

    def test_two_notifications_of_one_refund_are_booked_once(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body()).json()
        sandbox.pay(invoice["payment_url"], method="qris")
        merchant.wait_for(invoice["id"], status="fully_paid")

        sandbox.pay(invoice["payment_url"], "refund", amount="1000")
        merchant.wait_for(invoice["id"], refunded_amount=1000)
        pass_time(sandbox)

        merchant.wait_until(
            invoice["id"], lambda _: WebhookEvent.objects.filter(outcome="already_booked")
        )
        assert Transaction.objects.filter(kind="refund").count() == 1

    def test_a_refund_that_failed_changes_nothing(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.pay(invoice["payment_url"])
        paid = merchant.wait_for(invoice["id"], status="fully_paid")

        sandbox.pay(invoice["payment_url"], "refund_fail")
        pass_time(sandbox)

        merchant.wait_until(
            invoice["id"], lambda _: WebhookEvent.objects.filter(outcome="unchanged")
        )
        assert merchant.get(f"/invoices/{invoice['id']}").json() == paid

    def test_a_refund_that_the_gateway_does_not_confirm_moves_no_money(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=invoice_body()).json()
        sandbox.pay(invoice["payment_url"])
        merchant.wait_for(invoice["id"], status="fully_paid")
        forged = {
            "event": "refund.succeeded",
            "data": {
                "id": "rfd-forged",
                "invoice_id": sandbox.charges()[0]["id"],
                "amount": 1,
                "currency": "MYR",
                "status": "SUCCEEDED",
            },
        }

        requests.post(
            f"{merchant.url}/webhooks/xendit",
            json=forged,
            headers={"x-callback-token": "TESTCALLBACKTOKEN0123456789abcdef"},
            timeout=10,
        )

        stored = WebhookEvent.objects.order_by("-pk")[0]
        assert (stored.status, stored.outcome) == ("received", "not_confirmed")
        for minutes in (1, 6, 36):
            confirming.process(event_id=stored.pk, now=timezone.now() + timedelta(minutes=minutes))
        stored.refresh_from_db()
        assert (stored.status, stored.attempts) == ("failed", 4)
        assert merchant.get(f"/invoices/{invoice['id']}").json()["status"] == "fully_paid"
