"""The events that merchants receive about their invoices, over real HTTP."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from events.models import Event
from invoices import tasks
from invoices.models import Installment, Invoice
from invoices.telling import services as telling
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body


def events_of(merchant: Merchant) -> list[dict[str, Any]]:
    """Return the merchant's events; they show once no older transaction of the server runs."""
    deadline = time.monotonic() + 20
    while True:
        found = merchant.get("/events?limit=100").json()["results"]
        if len(found) >= Event.objects.count() or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def types(merchant: Merchant) -> list[str]:
    return [event["type"] for event in events_of(merchant)]


def shown(invoice: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in invoice.items() if name != "line_items"}


class TestEvents:
    @pytest.mark.parametrize("body", [invoice_body, rupiah_body], ids=["xendit", "midtrans"])
    def test_tell_an_invoice_from_its_making_to_its_last_payment(
        self, merchant: Merchant, sandbox: Sandbox, body: Any
    ) -> None:
        made = merchant.post(
            "/invoices",
            json=body(installments={"count": 2}),
            headers={"X-Request-Id": "checkout-77"},
        ).json()
        first_url = made["payment_url"]
        sandbox.pay(first_url)
        merchant.wait_until(
            made["id"], lambda i: i["payment_url"] and i["payment_url"] != first_url
        )
        between = merchant.get(f"/invoices/{made['id']}").json()
        sandbox.pay(between["payment_url"])
        paid = merchant.wait_for(made["id"], status="fully_paid")

        events = events_of(merchant)
        booking = ["payment.succeeded", "installment.paid"]
        assert [event["type"] for event in events] == [
            *("invoice.created", "invoice.payment_ready"),
            *(*booking, "invoice.partially_paid", "invoice.payment_ready"),
            *(*booking, "invoice.paid"),
        ]
        created, ready, payment, installment, partially, next_ready, *_, last = events
        assert created["request_id"] == "checkout-77"
        assert (created["data"]["object"]["status"], created["data"]["previous"]) == ("draft", {})
        assert ready["data"]["object"] == shown(made)
        assert ready["data"]["previous"] == {"status": "draft", "payment_url": None}
        rows = merchant.get(f"/invoices/{made['id']}/transactions").json()["results"]
        assert payment["data"] == {"object": rows[-1], "previous": {}}
        assert installment["data"]["object"] == {
            "invoice_id": made["id"],
            "currency_code": made["currency_code"],
            **paid["installment_schedule"][0],
        }
        assert installment["data"]["previous"]["status"] == "unpaid"
        assert partially["data"]["previous"]["status"] == "pending"
        assert next_ready["data"]["object"] == shown(between)
        assert last["data"]["object"] == shown(paid)
        assert last["data"]["previous"]["status"] == "partially_paid"

    def test_tell_that_one_was_cancelled(self, merchant: Merchant) -> None:
        made = merchant.post("/invoices", json=invoice_body()).json()

        merchant.post(f"/invoices/{made['id']}/cancel", json={})
        merchant.post(f"/invoices/{made['id']}/cancel", json={})

        assert types(merchant) == ["invoice.created", "invoice.payment_ready", "invoice.cancelled"]
        assert events_of(merchant)[-1]["data"]["previous"] == {
            name: made[name] for name in ("status", "amount_due", "payment_url")
        }

    def test_tell_that_one_expired(self, merchant: Merchant) -> None:
        made = merchant.post("/invoices", json=invoice_body()).json()
        Invoice.objects.update(expires_at=timezone.now() - timedelta(days=9))

        tasks.expire_invoices()
        tasks.expire_invoices()

        assert types(merchant)[2:] == ["invoice.expired"]
        expired = merchant.get(f"/invoices/{made['id']}").json()
        assert events_of(merchant)[2]["data"]["object"] == shown(expired)

    def test_tell_once_that_an_installment_fell_overdue(self, merchant: Merchant) -> None:
        made = merchant.post("/invoices", json=invoice_body(installments={"count": 3})).json()
        now = timezone.now()
        for number, days in ((1, 5), (2, 1)):
            Installment.objects.filter(number=number).update(due_at=now - timedelta(days=days))

        counts = [telling.tell_overdue(now=now, limit=10) for _ in range(2)]

        assert counts == [2, 0]
        overdue = events_of(merchant)[2:]
        assert [event["type"] for event in overdue] == ["installment.overdue"] * 2
        schedule = merchant.get(f"/invoices/{made['id']}").json()["installment_schedule"]
        assert overdue[1]["data"]["object"] == {
            "invoice_id": made["id"],
            "currency_code": made["currency_code"],
            **schedule[1],
        }

    def test_tell_nothing_that_did_not_happen(self, merchant: Merchant) -> None:
        refused = merchant.post("/invoices", json=invoice_body(currency_code="XXX"))

        assert refused.status_code == 400
        assert events_of(merchant) == []
