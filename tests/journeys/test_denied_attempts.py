"""A customer whose attempt fails tries again on the same page, or the merchant changes plans."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from invoices.models import Invoice, PaymentRequest, Transaction
from payments.models import WebhookEvent
from payments.reconciliation import asking
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
GATEWAYS = pytest.mark.parametrize("gateway", BODIES)


def denied(
    merchant: Merchant, sandbox: Sandbox, gateway: str, action: str = "fail", **fields: Any
) -> dict[str, Any]:
    """Return an invoice on whose page an attempt has failed, after its event was written."""
    invoice: dict[str, Any] = merchant.post("/invoices", json=BODIES[gateway](**fields)).json()
    if action == "abandon":
        sandbox.pay(invoice["payment_url"], "choose", method="credit_card")
    card = {"method": "credit_card"} if gateway == "midtrans" else {}
    sandbox.pay(invoice["payment_url"], action, **card)
    if gateway == "midtrans":  # Xendit tells of no attempt on an invoice's page
        notified = WebhookEvent.objects.filter(status="processed", outcome="unchanged")
        merchant.wait_until(invoice["id"], lambda _: notified.count() == 2)  # pending, then deny
    return invoice


def charge_of(sandbox: Sandbox, invoice: dict[str, Any]) -> dict[str, Any]:
    (charge,) = [one for one in sandbox.charges() if one["payment_url"] == invoice["payment_url"]]
    return charge


def can_be_paid(sandbox: Sandbox, invoice: dict[str, Any]) -> bool:
    requests.post(invoice["payment_url"], data={"action": "pay"}, timeout=10)
    return charge_of(sandbox, invoice)["status"] in {"PAID", "settlement", "capture"}


def ask(now: datetime) -> None:
    for payment_request_id in asking.claim_due(now=now, limit=10):
        asking.check(payment_request_id=payment_request_id, now=now)


@GATEWAYS
def test_the_invoice_stays_pending_with_its_page(
    merchant: Merchant, sandbox: Sandbox, gateway: str
) -> None:
    invoice = denied(merchant, sandbox, gateway)

    shown = merchant.get(f"/invoices/{invoice['id']}").json()

    assert (shown["status"], shown["payment_url"]) == ("pending", invoice["payment_url"])
    request = PaymentRequest.objects.get()
    assert (request.status, request.ended_at) == ("open", None)
    assert request.next_check_at is not None


@GATEWAYS
def test_a_later_payment_whose_webhook_is_lost_is_booked_by_asking(
    merchant: Merchant, sandbox: Sandbox, gateway: str
) -> None:
    invoice = denied(merchant, sandbox, gateway)
    ask(timezone.now() + timedelta(minutes=11))  # the denied attempt is found once more
    sandbox.fault(gateway, "webhook_lost", times=9)

    sandbox.pay(invoice["payment_url"])
    ask(timezone.now() + timedelta(hours=1, minutes=1))

    paid = merchant.get(f"/invoices/{invoice['id']}").json()
    assert (paid["status"], paid["paid_amount"]) == ("fully_paid", invoice["total_amount"])
    assert Transaction.objects.count() == 1
    assert PaymentRequest.objects.get().next_check_at is None


@GATEWAYS
def test_a_later_payment_is_booked_by_its_webhook(
    merchant: Merchant, sandbox: Sandbox, gateway: str
) -> None:
    invoice = denied(merchant, sandbox, gateway)

    sandbox.pay(invoice["payment_url"])

    paid = merchant.wait_for(invoice["id"], status="fully_paid")
    assert (paid["paid_amount"], paid["overpayment_amount"]) == (invoice["total_amount"], 0)
    assert Transaction.objects.count() == 1


@GATEWAYS
def test_the_gateway_is_asked_until_the_page_has_ended(
    merchant: Merchant, sandbox: Sandbox, gateway: str
) -> None:
    denied(merchant, sandbox, gateway)
    request = PaymentRequest.objects.get()
    now = timezone.now()

    while (due_at := request.next_check_at) is not None:
        assert due_at > now
        if due_at <= request.expires_at:
            now = due_at
            ask(now)
        else:  # the page has closed by now; our own clock ends it
            ask(due_at)
        request.refresh_from_db()

    assert due_at is None
    assert request.status == "expired"
    assert Invoice.objects.get().status == "expired"


@GATEWAYS
def test_a_cancellation_closes_the_page(merchant: Merchant, sandbox: Sandbox, gateway: str) -> None:
    invoice = denied(merchant, sandbox, gateway)

    cancelled = merchant.post(f"/invoices/{invoice['id']}/cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert cancelled.json()["payment_url"] is None
    assert PaymentRequest.objects.get().status == "cancelled"
    assert not can_be_paid(sandbox, invoice)
    assert merchant.get(f"/invoices/{invoice['id']}").json()["paid_amount"] == 0


@GATEWAYS
def test_an_adjustment_closes_the_page_and_opens_one(
    merchant: Merchant, sandbox: Sandbox, gateway: str
) -> None:
    invoice = denied(merchant, sandbox, gateway, installments={"count": 2})
    first, second = (installment["total"] for installment in invoice["installment_schedule"])
    change = [{"number": 1, "total": first + 100}, {"number": 2, "total": second - 100}]

    adjusted = merchant.patch(
        f"/invoices/{invoice['id']}/installments", json={"installments": change}
    )

    assert adjusted.status_code == 200, adjusted.text
    shown = merchant.get(f"/invoices/{invoice['id']}").json()
    assert shown["payment_url"] != invoice["payment_url"]
    assert not can_be_paid(sandbox, invoice)
    assert can_be_paid(sandbox, shown)


@GATEWAYS
def test_opening_the_payment_shows_the_one_page_that_lives(
    merchant: Merchant, sandbox: Sandbox, gateway: str
) -> None:
    invoice = denied(merchant, sandbox, gateway)

    opened = merchant.post(f"/invoices/{invoice['id']}/payments", json={})

    assert opened.status_code == 201
    assert opened.json()["payment_url"] == invoice["payment_url"]
    assert PaymentRequest.objects.count() == len(sandbox.charges()) == 1


class TestAtSnap:
    def test_the_expiry_of_an_attempt_is_not_the_end(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = denied(merchant, sandbox, "midtrans", "abandon")

        shown = merchant.get(f"/invoices/{invoice['id']}").json()

        assert (shown["status"], shown["payment_url"]) == ("pending", invoice["payment_url"])
        sandbox.pay(invoice["payment_url"])
        merchant.wait_for(invoice["id"], status="fully_paid")

    def test_a_page_whose_customer_has_chosen_a_method_is_closed(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        invoice = merchant.post("/invoices", json=rupiah_body()).json()
        sandbox.pay(invoice["payment_url"], "choose", method="bca")

        cancelled = merchant.post(f"/invoices/{invoice['id']}/cancel")

        assert cancelled.json()["status"] == "cancelled"
        assert not can_be_paid(sandbox, invoice)

    def test_a_denied_charge_without_a_page_is_the_end(
        self, merchant: Merchant, sandbox: Sandbox
    ) -> None:
        body = rupiah_body(payment_method={"type": "qris"})
        invoice = merchant.post("/invoices", json=body).json()

        sandbox.pay(sandbox.charges()[-1]["payment_url"], "fail")

        merchant.wait_for(invoice["id"], status="failed", payment_url=None)
        opened = merchant.post(f"/invoices/{invoice['id']}/payments", json={})
        assert opened.status_code == 201
        assert [row.status for row in PaymentRequest.objects.order_by("pk")] == ["failed", "open"]
