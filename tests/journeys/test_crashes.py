"""A kill between any two steps of opening, booking and cancelling leaves one of each.

No money is lost, and each change has one event. A step ends the process by SystemExit, as a kill
would, before it or after it has done its work. Then everything starts again: leases end, the jobs
run, the merchant repeats the call.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.utils import timezone

from apikeys.idempotency import claims
from apikeys.idempotency.once import Once
from events.outbox import services as outbox_services
from gateways.budgets.watching import WatchedAdapter
from invoices.invoices import recording as invoice_recording
from invoices.ledger import posting, states
from invoices.models import Installment, Invoice, PaymentRequest, Transaction
from invoices.payment_requests import opening, pages, recording, transitions
from invoices.schedule import adjusting
from invoices.telling import services as telling
from payments.booking import recording as booking
from payments.booking import reversals, settling
from payments.changes import closing
from payments.models import WebhookEvent
from payments.reconciliation import asking
from payments.webhooks import confirming, gathering, receiving, retrying
from paytrust.operations import queue
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body
from tests.journeys import outbox

BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
GATEWAYS = pytest.mark.parametrize("gateway", BODIES)
WHEN = pytest.mark.parametrize("when", ["before", "after"])

OPENING: dict[str, tuple[Any, str]] = {
    "the invoice is recorded": (invoice_recording, "record_invoice"),
    "the line items are made": (invoice_recording, "_line_items"),
    "the demand is made": (recording, "first_request"),
    "the new invoice is told": (telling, "created"),
    "the rows are written": (invoice_recording, "trip"),
    "the gateway is asked": (pages, "ask_gateway"),
    "the connection is given back": (pages, "release_connection"),
    "the gateway makes the payment": (WatchedAdapter, "create_payment"),
    "the page is recorded": (pages, "record_page_of"),
    "the invoice moves on": (pages, "_move_invoice_on"),
    "the page is told": (telling, "page_events"),
    "the page is written": (pages, "trip"),
    "an event is written": (outbox_services, "recorded"),
}
BOOKING: dict[str, tuple[Any, str]] = {
    "the notification is read": (receiving, "_parsed"),
    "it is stored": (receiving, "_store_for_its_owner"),
    "it is published": (queue, "publish"),
    "it is taken": (retrying, "claim_due"),
    "others are taken with it": (gathering, "take_due"),
    "its payment is looked for": (receiving, "find_payment_requests"),
    "the gateway is asked": (confirming, "_ask"),
    "the answer is believed": (confirming, "_confirmed"),
    "the books are opened": (confirming, "_settle"),
    "it is settled": (settling, "settle_within"),
    "all is locked and read": (settling, "join"),
    "the account is made of it": (posting, "account_of"),
    "the booking is drafted": (booking, "drafted"),
    "the plan is written": (posting, "writing"),
    "the row is made": (posting, "_transaction"),
    "the instalments are filled": (posting, "_installments"),
    "the invoice moves": (posting, "_invoice"),
    "the booking is told": (telling, "changed"),
    "the outcome is recorded": (retrying, "processed"),
    "the rows are written": (booking, "join"),
    "what follows is known": (posting, "written"),
    "the deliveries are woken": (outbox_services, "recorded"),
}
REVERSING: dict[str, tuple[Any, str]] = {
    "the reversals are booked": (reversals, "book"),
    "one is booked": (reversals, "_book_share"),
    "the plan is written": (posting, "writing"),
    "the rows are written": (booking, "join"),
    "it is told": (telling, "tell"),
    "the events are written": (outbox_services, "record_all"),
}
CANCELLING: dict[str, tuple[Any, str]] = {
    "the open payment is leased": (adjusting, "begin_cancellation"),
    "the call is claimed": (Once, "opened"),
    "the gateway closes it": (closing, "close"),
    "that is recorded": (settling, "settle_closed"),
    "all is locked and read": (adjusting, "_locked"),
    "the invoice ends": (states, "ended"),
    "the rows are written": (adjusting, "_write"),
    "the call is closed": (Once, "closed"),
}


class Killer:
    """Ends the process once, before or after a step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch, self.struck = monkeypatch, False

    def kill(self, step: tuple[Any, str], when: str) -> None:
        owner, name = step
        work: Callable[..., Any] = getattr(owner, name)

        def dying(*args: Any, **kwargs: Any) -> Any:
            if self.struck:
                return work(*args, **kwargs)
            if when == "after":
                work(*args, **kwargs)
            self.struck = True
            raise SystemExit

        self._monkeypatch.setattr(owner, name, dying)


@dataclass(frozen=True)
class Scene:
    """Where it happens: a merchant, the gateways, and who ends the process."""

    merchant: Merchant
    sandbox: Sandbox
    killer: Killer


@pytest.fixture
def scene(merchant: Merchant, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(merchant, sandbox, Killer(monkeypatch))


def start_again(now: datetime) -> None:
    """Run what beat and the workers would, once every lease has run out."""
    while confirming.process_due(now=now):
        pass
    for payment_request_id in asking.claim_due(now=now, limit=100):
        asking.check(payment_request_id=payment_request_id, now=now)
    for invoice_id in opening.claim_due_openings(now=now, limit=100):
        opening.open_due_payment(invoice_id=invoice_id, now=now)


def later() -> datetime:
    return timezone.now() + timedelta(minutes=11)


@GATEWAYS
@WHEN
@pytest.mark.parametrize("step", OPENING)
def test_opening_makes_one_charge(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, gateway: str, step: str, when: str
) -> None:
    merchant, sandbox, killer = scene.merchant, scene.sandbox, scene.killer
    monkeypatch.setattr(transitions, "LEASE", timedelta(0))  # its time has run out by then
    killer.kill(OPENING[step], when)
    body = BODIES[gateway](external_id="order-77")

    killed = post(merchant, "/invoices", json=body)
    start_again(later())
    resumed = merchant.post("/invoices", json=body)
    sandbox.pay(resumed.json()["payment_url"])
    paid = merchant.wait_for(resumed.json()["id"], status="fully_paid")

    assert killer.struck
    assert killed in {None, 500}
    assert resumed.status_code in {200, 201}
    assert Invoice.objects.count() == PaymentRequest.objects.count() == 1
    assert [charge["reference"] for charge in sandbox.charges()] == [
        PaymentRequest.objects.get().reference
    ]
    assert paid["paid_amount"] == paid["total_amount"]
    call_command("audit_books")
    outbox.check()


@GATEWAYS
@WHEN
@pytest.mark.parametrize("step", BOOKING)
def test_booking_books_once(scene: Scene, gateway: str, step: str, when: str) -> None:
    merchant, sandbox, killer = scene.merchant, scene.sandbox, scene.killer
    invoice = merchant.post("/invoices", json=BODIES[gateway]()).json()
    choose_method(merchant, sandbox, invoice)
    sandbox.fault(gateway, "webhook_lost", times=9)
    sandbox.pay(invoice["payment_url"])
    letter = deliveries(sandbox)[-1]

    killer.kill(BOOKING[step], when)
    deliver(merchant, letter)
    start_again(later())
    deliver(merchant, letter)  # the gateway, which had no answer, sends it again
    start_again(later())

    assert killer.struck
    events = WebhookEvent.objects.order_by("pk").values_list("status", "outcome")
    assert events[len(events) - 1] in {("processed", "booked"), ("processed", "already_booked")}
    assert len(events) == {"xendit": 1, "midtrans": 2}[gateway]  # Midtrans: pending, settlement
    assert list(Transaction.objects.values_list("amount", flat=True)) == [invoice["total_amount"]]
    paid = merchant.get(f"/invoices/{invoice['id']}").json()
    assert (paid["status"], paid["paid_amount"]) == ("fully_paid", invoice["total_amount"])
    call_command("audit_books")
    outbox.check()


@WHEN
@pytest.mark.parametrize("step", REVERSING)
def test_reversing_gives_back_once(scene: Scene, step: str, when: str) -> None:
    merchant, sandbox, killer = scene.merchant, scene.sandbox, scene.killer
    invoice = merchant.post("/invoices", json=rupiah_body()).json()
    choose_method(merchant, sandbox, invoice)
    sandbox.pay(invoice["payment_url"], method="qris")
    merchant.wait_for(invoice["id"], status="fully_paid")
    sandbox.fault("midtrans", "webhook_lost", times=9)
    sandbox.pay(invoice["payment_url"], "chargeback")

    killer.kill(REVERSING[step], when)
    deliver(merchant, deliveries(sandbox)[-1])
    start_again(later())

    assert killer.struck
    assert sorted(Transaction.objects.values_list("amount", flat=True)) == [
        -invoice["total_amount"],
        invoice["total_amount"],
    ]
    assert list(Installment.objects.values_list("status", "paid_amount")) == [("unpaid", 0)]
    call_command("audit_books")
    outbox.check()


@GATEWAYS
@WHEN
@pytest.mark.parametrize("step", CANCELLING)
def test_cancelling_ends_it_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, gateway: str, step: str, when: str
) -> None:
    merchant, killer = scene.merchant, scene.killer
    for module in (transitions, claims):
        monkeypatch.setattr(module, "LEASE", timedelta(0))  # its time has run out by then
    invoice = merchant.post("/invoices", json=BODIES[gateway]()).json()
    path, key = f"/invoices/{invoice['id']}/cancel", {"Idempotency-Key": "cancel 77"}
    killer.kill(CANCELLING[step], when)

    killed = post(merchant, path, headers=key)
    done = merchant.post(path, headers=key)
    again = merchant.post(path, headers=key)

    assert killer.struck
    assert killed in {None, 500}
    assert (done.status_code, done.json()["status"]) == (200, "cancelled")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == done.content
    assert PaymentRequest.objects.get().status == "cancelled"
    call_command("audit_books")
    outbox.check()


def post(merchant: Merchant, path: str, **asked: Any) -> int | None:
    try:
        return merchant.post(path, **asked).status_code
    except requests.ConnectionError:
        return None


def choose_method(merchant: Merchant, sandbox: Sandbox, invoice: dict[str, Any]) -> None:
    """Choose how to pay where that is a step of its own, which Midtrans notifies of."""
    if invoice["gateway_id"] != 2:
        return
    sandbox.pay(invoice["payment_url"], "choose", method="qris")
    merchant.wait_until(invoice["id"], lambda _: WebhookEvent.objects.filter(status="processed"))


def deliveries(sandbox: Sandbox) -> list[dict[str, Any]]:
    return requests.get(f"{sandbox.url}/control/deliveries", timeout=5).json()


def deliver(merchant: Merchant, letter: dict[str, Any]) -> None:
    """Hand a notification over as the gateway would; a dying process may not answer."""
    with contextlib.suppress(requests.ConnectionError):
        requests.post(
            f"{merchant.url}/webhooks/{letter['gateway']}",
            data=letter["body"].encode(),
            headers=letter["headers"],
            timeout=20,
        )
