"""Every fault of the sandbox, at each gateway and call: what the merchant sees, and the repair.

Each case is a row of the table in docs/gateways.md, and fails if the row there says otherwise.
`FAULT_TABLE=write python -m pytest tests/journeys/test_faults.py` writes the rows again.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.utils import timezone

from gateways import http
from invoices.models import PaymentRequest, Transaction
from payments.models import WebhookEvent
from payments.reconciliation import asking as reconciliation
from payments.webhooks import confirming
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "gateways.md"
BEGIN, END = "<!-- faults: made by tests/journeys/test_faults.py -->\n", "<!-- end of faults -->\n"
HEAD = (
    "| gateway | call | fault | the merchant saw | the books said | healed |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)
BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
OF_EACH = (
    "timeout",
    "connection_reset",
    "http_500",
    "http_503",
    "html_502",
    "rate_limit",
    "slow",
    "extra_field",
)
OF_CALL = {
    "create": ("created_but_timeout", "new_enum", "missing_field"),
    "get": ("new_enum", "missing_field", "stale_status"),
    "expire": (),
}
OF_WEBHOOK = (
    "webhook_duplicate",
    "webhook_out_of_order",
    "expire_after_paid",
    "webhook_late",
    "webhook_lost",
    "webhook_bad_signature",
    "no_token",
    "wrong_env_key",
    "double_encoded",
    "form_encoded",
    "empty_body",
    "get",
    "unknown_order",
)
ONLY = {
    ("midtrans", "get"): ("id_swap", "uppercase_status"),
    ("midtrans", "webhook"): (
        "tampered_status",
        "replay_as_settlement",
        "amount_no_decimals",
        "fee_imposed",
    ),
    ("xendit", "webhook"): ("paid_after_expired",),
}
CASES = [
    (gateway, call, fault)
    for gateway in BODIES
    for call in ("create", "get", "expire", "webhook")
    for fault in (
        *((*OF_EACH, *OF_CALL[call]) if call in OF_CALL else OF_WEBHOOK),
        *ONLY.get((gateway, call), ()),
    )
]


@dataclass(frozen=True)
class Row:
    """What a case showed."""

    case: tuple[str, str, str]
    seen: str
    books: str
    healed: str

    def __str__(self) -> str:
        return f"| {' | '.join((*self.case, self.seen, self.books, self.healed))} |\n"


@dataclass(frozen=True)
class Scene:
    merchant: Merchant
    sandbox: Sandbox
    gateway: str

    def invoice(self, **changes: Any) -> dict[str, Any]:
        return self.merchant.post("/invoices", json=BODIES[self.gateway](**changes)).json()

    def now(self, invoice: dict[str, Any]) -> dict[str, Any]:
        return self.merchant.get(f"/invoices/{invoice['id']}").json()

    def fault(self, name: str, **match: str) -> None:
        body = {"gateway": self.gateway, "fault": name, "delay_s": DELAYS.get(name, 0.2)}
        if match:
            body["match"] = match
        requests.post(f"{self.sandbox.url}/control/faults", json=body, timeout=5).raise_for_status()

    def choose(self, invoice: dict[str, Any]) -> None:
        """Choose how to pay where that is a step of its own."""
        if self.gateway == "midtrans":
            self.sandbox.pay(invoice["payment_url"], "choose", method="qris")
            self.settled()

    def settled(self) -> None:
        """Wait until every notification has been delivered once."""
        deadline = time.monotonic() + 10
        while True:
            sent = requests.get(f"{self.sandbox.url}/control/deliveries", timeout=5).json()
            if sent and all(one["attempts"] or one["status"] == "lost" for one in sent):
                return
            assert time.monotonic() < deadline, "the sandbox keeps a notification back"
            time.sleep(0.05)


DELAYS = {"timeout": 1.5, "created_but_timeout": 1.5, "webhook_late": 1.0}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second stands for the ten that PayTrust waits for an answer."""
    monkeypatch.setattr(http, "READ_SECONDS", 0.5)


@pytest.fixture
def books() -> Iterator[None]:
    """Whatever happened, every unit adds up in the end, and is there once."""
    yield
    call_command("audit_books")


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_is_survived_as_the_table_says(
    merchant: Merchant, sandbox: Sandbox, case: tuple[str, str, str]
) -> None:
    gateway, call, fault = case

    row = Row(case, *SCENARIOS[call](Scene(merchant, sandbox, gateway), fault))

    if os.environ.get("FAULT_TABLE") == "write":
        write(row)
    assert str(row) in table(), "the table in docs/gateways.md says otherwise"


def test_the_table_has_no_other_rows() -> None:
    cases = [tuple(re.split(r" ?\| ?", line)[1:4]) for line in table()]

    assert cases == CASES


def creating(scene: Scene, fault: str) -> tuple[str, str, str]:
    body = BODIES[scene.gateway](external_id="order-77")
    scene.fault(fault, route="create")

    first = scene.merchant.post("/invoices", json=body)
    ids = [request.invoice_id for request in PaymentRequest.objects.all()]
    then = scene.now({"id": ids[0]})
    again = scene.merchant.post("/invoices", json=body)

    assert again.json()["status"] == "pending"
    assert again.json()["id"] == then["id"]
    assert len(scene.sandbox.charges()) == 1
    pay_and_wait(scene, again.json())
    healed = {201: "the same call again", 200: "at once"}[again.status_code]
    return said(first), f"{then['status']}, nothing paid", healed


def asking(scene: Scene, fault: str) -> tuple[str, str, str]:
    """The question that confirms a notification."""
    invoice = scene.invoice()
    scene.choose(invoice)
    scene.fault(fault, route="get")

    scene.sandbox.pay(invoice["payment_url"])
    scene.settled()
    then, event = scene.now(invoice), WebhookEvent.objects.order_by("-pk")[0]
    stood = f"notification {event.status}: {event.outcome or 'waits for the limit'}"
    healed = "at once"
    if event.outcome is None:  # that is no failure, and costs no attempt
        time.sleep(2 * DELAYS.get(fault, 0.2))
        confirming.process(event_id=event.pk, now=in_(minutes=1))
        healed = "when the limit allows"
    elif event.status == "received":
        confirming.process(event_id=event.pk, now=in_(minutes=1))
        healed = "the retry 1 minute later"

    paid_once(scene, invoice)
    return then["status"], stood, healed


def expiring(scene: Scene, fault: str) -> tuple[str, str, str]:
    """The call that closes the open payment of an invoice that is cancelled."""
    invoice = scene.invoice()
    scene.choose(invoice)
    scene.fault(fault, route="expire")
    path = f"/invoices/{invoice['id']}/cancel"

    first = scene.merchant.post(path)
    then = scene.now(invoice)
    again = first if first.status_code == 200 else scene.merchant.post(path)

    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
    assert {charge["status"].lower() for charge in scene.sandbox.charges()} <= {"expire", "expired"}
    assert Transaction.objects.count() == 0
    healed = "at once" if again is first else "the same call again"
    return said(first), f"{then['status']}, nothing paid", healed


def notifying(scene: Scene, fault: str) -> tuple[str, str, str]:
    invoice = scene.invoice()
    scene.choose(invoice)
    before = WebhookEvent.objects.count()
    scene.fault(fault)

    if fault == "paid_after_expired":
        scene.sandbox.pay(invoice["payment_url"], "expire")
    else:
        scene.sandbox.pay(invoice["payment_url"])
    if fault == "replay_as_settlement":
        return _refunded(scene, invoice)
    scene.settled()
    then = scene.now(invoice)
    events = WebhookEvent.objects.order_by("pk")[before:]
    stood = "; ".join(sorted(f"{one.status}: {one.outcome}" for one in events)) or "nothing stored"
    healed = "at once"
    if then["status"] != "fully_paid":
        request = PaymentRequest.objects.get()
        reconciliation.check(payment_request_id=request.pk, now=in_(minutes=10))
        healed = "asking after 10 minutes"

    paid_once(scene, invoice)
    return then["status"], stood, healed


def _refunded(scene: Scene, invoice: dict[str, Any]) -> tuple[str, str, str]:
    scene.settled()
    scene.sandbox.pay(invoice["payment_url"], "refund")
    then = scene.merchant.wait_for(invoice["id"], refund_status="full")
    scene.settled()
    time.sleep(0.3)  # for the replay, which is sent after the refund
    then = scene.now(invoice)

    amounts = sorted(Transaction.objects.values_list("amount", flat=True))
    assert amounts == [-invoice["total_amount"], invoice["total_amount"]]
    assert (then["status"], then["refunded_amount"]) == ("fully_paid", invoice["total_amount"])
    return then["status"], "paid, then refunded; the replay changed nothing", "at once"


SCENARIOS = {"create": creating, "get": asking, "expire": expiring, "webhook": notifying}


def said(answer: requests.Response) -> str:
    body = answer.json()
    return f"{answer.status_code} {body.get('error') or body['status']}"


def pay_and_wait(scene: Scene, invoice: dict[str, Any]) -> None:
    scene.sandbox.pay(invoice["payment_url"])
    scene.merchant.wait_for(invoice["id"], status="fully_paid")
    paid_once(scene, invoice)


def paid_once(scene: Scene, invoice: dict[str, Any]) -> None:
    after = scene.now(invoice)
    assert (after["status"], after["overpayment_amount"]) == ("fully_paid", 0)
    assert list(Transaction.objects.values_list("amount", flat=True)) == [invoice["total_amount"]]


def in_(**time: float) -> datetime:
    return timezone.now() + timedelta(**time)


def table() -> list[str]:
    text = DOCUMENT.read_text()
    inside = text.partition(BEGIN)[2].partition(END)[0]
    return inside.removeprefix(HEAD).splitlines(keepends=True)


def write(row: Row) -> None:
    """Put one row into its place in the document."""
    rows = {tuple(re.split(r" ?\| ?", line)[1:4]): line for line in table()} | {row.case: str(row)}
    body = HEAD + "".join(rows[case] for case in CASES if case in rows)
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + body + END + rest.partition(END)[2])
