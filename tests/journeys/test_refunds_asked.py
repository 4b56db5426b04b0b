"""Refunds that merchants ask for, at both gateways, also where the answer is lost."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from invoices.models import Transaction
from payments import tasks
from payments.models import Refund
from payments.refunds import sending
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body
from tests.faults.targets import wait_until

GATEWAYS = {
    "xendit": (invoice_body, {"method": "touchngo"}),
    "midtrans": (rupiah_body, {"method": "qris"}),
}
UNKNOWN: dict[str, dict[str, Any]] = {
    "created_but_timeout": {"delay_s": 3},
    "connection_reset": {"created": True},
    "connection_reset ": {},
    "http_500": {},
}


def pass_time(sandbox: Sandbox) -> None:
    requests.post(f"{sandbox.url}/control/clock", json={"advance": "60s"}, timeout=10)


def paid_invoice(
    merchant: Merchant, sandbox: Sandbox, gateway: str, **changes: Any
) -> dict[str, Any]:
    body, method = GATEWAYS[gateway]
    invoice = merchant.post("/invoices", json=body(**changes)).json()
    sandbox.pay(invoice["payment_url"], **method)
    return merchant.wait_for(invoice["id"], status="fully_paid")


def refund(merchant: Merchant, invoice_id: int, **body: Any) -> requests.Response:
    return merchant.post(
        f"/invoices/{invoice_id}/refunds", json={"reason": "requested_by_customer", **body}
    )


def settled(merchant: Merchant, sandbox: Sandbox, invoice_id: int, amount: int) -> dict[str, Any]:
    """Let the gateway finish, and the job ask, until so much has gone back."""
    pass_time(sandbox)
    later = timezone.now() + timedelta(hours=2)
    for refund_id in sending.claim_due(now=later, limit=10):
        sending.check(refund_id=refund_id, now=later)
    return merchant.wait_for(invoice_id, refunded_amount=amount)


@pytest.mark.parametrize("gateway", GATEWAYS)
class TestRefund:
    def test_gives_back_the_whole_and_the_invoice_stays_paid(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = paid_invoice(merchant, sandbox, gateway)

        made = refund(merchant, invoice["id"], note="sold out", external_id="r-1")
        after = settled(merchant, sandbox, invoice["id"], invoice["total_amount"])

        assert made.status_code == 201, made.text
        assert made.json()["amount"] == invoice["total_amount"]
        assert (after["status"], after["refund_status"]) == ("fully_paid", "full")
        assert after["amount_due"] == 0
        shown = merchant.get(f"/refunds/{made.json()['id']}").json()
        booked = Transaction.objects.get(kind="refund")
        assert (shown["status"], shown["refund_transaction_id"]) == ("succeeded", booked.pk)
        assert (shown["note"], shown["external_id"]) == ("sold out", "r-1")
        assert booked.amount == -invoice["total_amount"]
        assert booked.iso20022_transaction_status
        listed = merchant.get("/refunds?status=succeeded&external_id=r-1").json()["results"]
        assert listed == merchant.get(f"/invoices/{invoice['id']}/refunds").json()["results"]
        assert listed == [shown]
        events = [row["type"] for row in merchant.get("/events").json()["results"]]
        assert [name for name in events if name.startswith("refund")] in (
            ["refund.created", "refund.succeeded"],
            ["refund.succeeded", "refund.created"],
        )

    def test_gives_back_amounts_one_after_the_other_and_never_more(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = paid_invoice(merchant, sandbox, gateway)
        total = invoice["total_amount"]

        refund(merchant, invoice["id"], amount=1000)
        settled(merchant, sandbox, invoice["id"], 1000)
        too_much = refund(merchant, invoice["id"], amount=total - 999)
        rest = refund(merchant, invoice["id"])
        after = settled(merchant, sandbox, invoice["id"], total)
        nothing_left = refund(merchant, invoice["id"])

        assert (too_much.status_code, too_much.json()["error"]) == (422, "refund_exceeds_payment")
        assert too_much.json()["details"]["refundable_amount"] == total - 1000
        assert (rest.status_code, rest.json()["amount"]) == (201, total - 1000)
        assert after["refund_status"] == "full"
        assert nothing_left.json()["error"] == "refund_exceeds_payment"
        assert Refund.objects.count() == 2

    @pytest.mark.parametrize("fault", UNKNOWN)
    def test_an_unknown_outcome_leads_to_one_refund(
        self,
        merchant: Merchant,
        sandbox: Sandbox,
        gateway: str,
        fault: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("gateways.http.READ_SECONDS", 1)
        invoice = paid_invoice(merchant, sandbox, gateway)
        requests.post(
            f"{sandbox.url}/control/faults",
            json={
                "gateway": gateway,
                "fault": fault.strip(),
                "match": {"route": "refund"},
                **UNKNOWN[fault],
            },
            timeout=5,
        ).raise_for_status()

        url, key = f"/invoices/{invoice['id']}/refunds", {"Idempotency-Key": "k-3"}
        body = {"reason": "other", "amount": 2000}
        made = merchant.post(url, json=body, headers=key)
        second = merchant.post(url, json=body, headers=key)
        after = settled(merchant, sandbox, invoice["id"], 2000)
        for _ in range(2):
            settled(merchant, sandbox, invoice["id"], 2000)

        assert (made.status_code, made.json()["status"]) == (201, "sending")
        assert (second.status_code, second.json()) == (200, made.json())
        assert after["refunded_amount"] == 2000
        assert [row["amount"] for row in at_gateway(sandbox)] == [2000]
        assert Refund.objects.get().status == "succeeded"

    def test_one_at_a_time(self, merchant: Merchant, sandbox: Sandbox, gateway: str) -> None:
        invoice = paid_invoice(merchant, sandbox, gateway)
        sandbox.fault(gateway, "http_500")
        first = refund(merchant, invoice["id"], amount=100)

        second = refund(merchant, invoice["id"], amount=100)

        assert first.json()["status"] == "sending"
        assert (second.status_code, second.json()["error"]) == (409, "refund_in_progress")
        assert Refund.objects.count() == 1
        assert not at_gateway(sandbox)

    def test_the_same_key_is_the_same_refund(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = paid_invoice(merchant, sandbox, gateway)
        url, key = f"/invoices/{invoice['id']}/refunds", {"Idempotency-Key": "k-1"}
        body = {"reason": "duplicate", "amount": 700}

        first = merchant.post(url, json=body, headers=key)
        again = merchant.post(url, json=body, headers=key)
        other = merchant.post(url, json=body | {"amount": 800}, headers=key)

        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == first.json()
        assert (other.status_code, other.json()["error"]) == (422, "idempotency_key_reused")
        assert Refund.objects.count() == 1

    def test_without_funds_it_fails_and_may_be_sent_again(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = paid_invoice(merchant, sandbox, gateway)
        sandbox.fault(gateway, "refund_no_funds")
        url, key = f"/invoices/{invoice['id']}/refunds", {"Idempotency-Key": "k-2"}

        refused = merchant.post(url, json={"reason": "other"}, headers=key)
        again = merchant.post(url, json={"reason": "other"}, headers=key)
        settled(merchant, sandbox, invoice["id"], invoice["total_amount"])

        assert refused.status_code == 422
        assert refused.json()["error"] == "insufficient_gateway_balance"
        assert again.status_code == 201
        assert again.json()["id"] == refused.json()["details"]["refund_id"]
        assert Refund.objects.get().status == "succeeded"

    def test_a_refund_that_fails_later_leaves_the_payment_as_it_was(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = paid_invoice(merchant, sandbox, gateway)
        sandbox.fault(gateway, "refund_fails")

        refund(merchant, invoice["id"], amount=500)
        settled(merchant, sandbox, invoice["id"], 0)

        failed = merchant.get("/refunds").json()["results"][0]
        assert failed["status"] == "failed"
        assert failed["failure_code"]
        assert merchant.get(f"/invoices/{invoice['id']}").json() == invoice
        assert refund(merchant, invoice["id"], amount=500).status_code == 201

    def test_a_lost_webhook_is_found_by_asking(
        self, merchant: Merchant, sandbox: Sandbox, gateway: str
    ) -> None:
        invoice = paid_invoice(merchant, sandbox, gateway)
        sandbox.fault(gateway, "webhook_lost", times=5)

        refund(merchant, invoice["id"], amount=500)

        assert settled(merchant, sandbox, invoice["id"], 500)["refund_status"] == "partial"


def at_gateway(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Return what the gateway gave back, in minor units."""
    found = []
    for charge in sandbox.charges():
        digits = 100 if charge["gateway"] == "xendit" else 1
        for row in charge["refunds"]:
            amount = row["amount"] if isinstance(row, dict) else row
            found.append({"amount": round(float(amount) * digits)})
    return found


def test_a_refund_that_the_gateway_says_has_failed_is_asked_about_at_once(
    merchant: Merchant, sandbox: Sandbox
) -> None:
    invoice = paid_invoice(merchant, sandbox, "xendit")
    sandbox.fault("xendit", "refund_fails", times=1)
    asked = refund(merchant, invoice["id"], amount=777)
    assert (asked.status_code, asked.json()["status"]) == (201, "pending")
    other = Refund.objects.get().next_check_at
    assert other is not None
    assert other > timezone.now()

    pass_time(sandbox)
    due = lambda: Refund.objects.due(timezone.now()).exists()  # noqa: E731  # asked until it is
    assert wait_until(due, seconds=20), "the notification has no effect"
    tasks.check_refunds()

    assert merchant.get(f"/refunds/{asked.json()['id']}").json()["status"] == "failed"
    assert refund(merchant, invoice["id"], amount=777).status_code == 201
