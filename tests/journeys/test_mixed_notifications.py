"""Notifications as they come in practice: doubled, shuffled, replayed, tampered, unknown.

Each has exactly one effect, or none; every one that is stored has an outcome; every unit adds up.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from invoices.models import Invoice, Transaction
from payments.models import WebhookEvent
from payments.webhooks import confirming
from paytrust.money import Money
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

SEED = 20261122
BODIES = {"xendit": invoice_body, "midtrans": rupiah_body}
LESS, MORE = 5_000, 7_000  # minor units
SENDERS = 4

# What happens to an invoice at first and later, and what it leads to: status, paid, overpaid.
PLANS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], Any]] = {
    "paid": ([{"action": "pay"}], [], lambda total: ("fully_paid", total, 0)),
    "short": (
        [{"action": "pay", "minor": LESS}],
        [],
        lambda total: ("partially_paid", LESS, 0),
    ),
    "over": (
        [{"action": "pay", "plus": MORE}],
        [],
        lambda total: ("fully_paid", total + MORE, MORE),
    ),
    "twice": ([{"action": "twice"}], [], lambda total: ("fully_paid", 2 * total, total)),
    # What the merchant gives back leaves the invoice paid (spec 10.2).
    "refunded": (
        [{"action": "pay"}],
        [{"action": "refund"}],
        lambda total: ("fully_paid", total, 0),
    ),
    "refunded in parts": (
        [{"action": "pay"}],
        [{"action": "refund", "minor": LESS}, {"action": "refund", "minor": MORE}],
        lambda total: ("fully_paid", total, 0),
    ),
    "expired": ([{"action": "expire"}], [], lambda total: ("expired", 0, 0)),
    "left": ([], [], lambda total: ("pending", 0, 0)),
}
ONLY_MIDTRANS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], Any]] = {
    "denied after settlement": (
        [{"action": "pay", "method": "permata"}],
        [{"action": "reverse"}],
        lambda total: ("pending", 0, 0),
    ),
    "charged back": (
        [{"action": "pay"}],
        [{"action": "chargeback"}],
        lambda total: ("pending", 0, 0),
    ),
    # An attempt that lapses on a Snap page is not the page's end (spec 2.6).
    "expired": ([{"action": "expire"}], [], lambda total: ("pending", 0, 0)),
}


@dataclass(frozen=True)
class Letter:
    gateway: str
    headers: dict[str, str]
    body: bytes
    refused: bool = False  # its proof is wrong, so it must be answered 401

    @property
    def fields(self) -> dict[str, Any]:
        return json.loads(self.body)

    def changed(self, **fields: Any) -> "Letter":
        """Change the body, leaving the proof as it is."""
        headers = {name: text for name, text in self.headers.items() if name != "webhook-id"}
        body = json.dumps({**self.fields, **fields}).encode()
        return replace(self, body=body, headers=headers)


@pytest.mark.parametrize(
    ("count", "invoices"),
    [(500, 36), pytest.param(10_000, 540, marks=pytest.mark.slow)],
)
def test_each_has_one_effect_and_an_outcome(
    merchant: Merchant, sandbox: Sandbox, count: int, invoices: int
) -> None:
    random = Random(SEED)  # noqa: S311  # repeatable, not secret
    for gateway in BODIES:
        sandbox.fault(gateway, "webhook_lost", times=10**6)
    plans = dict(enumerate(made(merchant, invoices)))
    pages = {number: page for number, (page, _) in plans.items()}

    happen(sandbox, plans, later=False)
    first = shuffled(random, letters(sandbox), count // 2)
    answers = post(merchant, first)
    happen(sandbox, plans, later=True)
    pass_time(sandbox)
    second = shuffled(random, letters(sandbox), count - len(first))
    answers += post(merchant, second)
    retry_until_done()

    refused = [letter.refused for letter in (*first, *second)]
    assert answers == Counter({200: refused.count(False), 401: refused.count(True)})
    assert not WebhookEvent.objects.filter(outcome=None).exists()
    assert not WebhookEvent.objects.filter(status="received").exists()
    for number, (_, plan) in plans.items():
        invoice = Invoice.objects.get(pk=pages[number]["id"])
        at_midtrans = pages[number]["gateway_id"] == 2
        of_gateway = PLANS | ONLY_MIDTRANS if at_midtrans else PLANS
        expected = of_gateway[plan][2](invoice.total_amount)
        now = (invoice.status, invoice.paid_amount, invoice.overpayment_amount)
        assert now == expected, f"invoice {invoice.pk}: {plan}"
    # A damaged notification makes the gateway be asked, and its answer has no event.
    assert Transaction.objects.exclude(booked_by=None).exists()
    call_command("audit_books")


def made(merchant: Merchant, count: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Make invoices, each gateway's and each plan's in turn."""
    for gateway, body in BODIES.items():
        plans = list(PLANS | (ONLY_MIDTRANS if gateway == "midtrans" else {}))
        for number in range(count // 2):
            answer = merchant.post("/invoices", json=body())
            assert answer.status_code == 201
            yield answer.json(), plans[number % len(plans)]


def happen(sandbox: Sandbox, plans: dict[int, tuple[dict[str, Any], str]], *, later: bool) -> None:
    for page, plan in plans.values():
        for step in {**PLANS, **ONLY_MIDTRANS}[plan][1 if later else 0]:
            if page["gateway_id"] == 2 and step["action"] == "expire":
                sandbox.pay(page["payment_url"], "choose", method="qris")
            sandbox.pay(page["payment_url"], **fields_of(step, page))
            if step["action"] == "refund":
                pass_time(sandbox)  # one at a time, as the gateways want it


def fields_of(step: dict[str, Any], page: dict[str, Any]) -> dict[str, str]:
    fields: dict[str, str] = {key: str(step[key]) for key in ("action", "method") if key in step}
    plain = step["action"] == "pay" and not {"minor", "plus", "method"} & step.keys()
    if page["gateway_id"] == 2 and plain:
        fields["method"] = "qris"  # which can be refunded
    minor = step.get("minor") or (page["total_amount"] + step["plus"] if "plus" in step else None)
    if minor:
        fields["amount"] = str(Money(minor, page["currency_code"]).whole())
    return fields


def pass_time(sandbox: Sandbox) -> None:
    """Let the gateways finish their refunds."""
    requests.post(f"{sandbox.url}/control/clock", json={"advance": "60s"}, timeout=60)


def letters(sandbox: Sandbox) -> list[Letter]:
    sent = requests.get(f"{sandbox.url}/control/deliveries", timeout=60).json()
    return [Letter(one["gateway"], one["headers"], one["body"].encode()) for one in sent]


def shuffled(random: Random, originals: list[Letter], count: int) -> list[Letter]:
    """Return every original at least once, and spoilt copies until there are `count`."""
    batch = list(originals)
    while len(batch) < count:
        letter = random.choice(originals)
        spoil = random.choice([doubled, replayed, tampered, unknown, unsigned])
        batch.append(spoil(letter, random))
    random.shuffle(batch)
    return batch


def doubled(letter: Letter, random: Random) -> Letter:
    return letter


def replayed(letter: Letter, random: Random) -> Letter:
    """Say another status under the old proof, which at neither gateway covers it."""
    if letter.gateway == "midtrans":
        statuses = ["settlement", "pending", "expire", "deny", "refund", "chargeback", "telepathy"]
        return letter.changed(transaction_status=random.choice(statuses))
    return letter.changed(status=random.choice(["PAID", "PENDING", "EXPIRED", "SETTLED", "NEW"]))


def tampered(letter: Letter, random: Random) -> Letter:
    """Change the amount: Midtrans's proof covers it, Xendit's covers nothing."""
    if letter.gateway == "midtrans":
        return replace(letter.changed(gross_amount="1.00"), refused=True)
    return letter.changed(amount=1, paid_amount=random.randint(1, 10**6))


def unknown(letter: Letter, random: Random) -> Letter:
    """Name a payment that PayTrust never asked for, with a right proof."""
    name = f"PT-{random.randint(10**9, 10**10)}-1-1-AAAAAA"
    if letter.gateway == "xendit":
        return letter.changed(id=f"{random.getrandbits(96):024x}", external_id=name, event_of=name)
    fields = {**letter.fields, "order_id": name, "transaction_id": f"unknown-{name}"}
    signed = name + fields["status_code"] + fields["gross_amount"]
    key = settings.GATEWAY_CONNECTIONS["midtrans"]["server_key"]
    fields["signature_key"] = hashlib.sha512((signed + key).encode()).hexdigest()
    return letter.changed(**fields)


def unsigned(letter: Letter, random: Random) -> Letter:
    if letter.gateway == "midtrans":
        return replace(letter.changed(signature_key="0" * 128), refused=True)
    return replace(letter, headers={**letter.headers, "x-callback-token": "wrong"}, refused=True)


def post(merchant: Merchant, batch: list[Letter]) -> Counter[int]:
    def send(letter: Letter) -> int:
        url = f"{merchant.url}/webhooks/{letter.gateway}"
        return requests.post(url, data=letter.body, headers=letter.headers, timeout=60).status_code

    with ThreadPoolExecutor(SENDERS) as pool:
        return Counter(pool.map(send, batch))


def retry_until_done() -> None:
    now = timezone.now()
    for minutes in (5, 12, 50, 60):
        then = now + timedelta(minutes=minutes)
        while confirming.process_due(now=then):
            pass
