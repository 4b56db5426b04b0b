"""A person is taken out of all that names them; money, proof and other people stay."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from apikeys.models import StaffAct
from events.models import Event
from invoices.models import Invoice, LedgerEntry, Transaction
from payments.models import SettlementLine, WebhookEvent
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body
from tests.payments.settlement.test_services import csv, take

SITI = {"name": "Siti Aminah", "email": "Siti@example.com", "phone": "+60123456789"}
BUDI = {"name": "Budi", "email": "budi@example.com", "phone": "+628111222333"}
AMOUNTS = ("gross_amount", "gateway_fee_amount", "net_amount", "state", "transaction")
MARKS = ("aminah", "siti@", "60123456789")


@pytest.fixture
def clerk(committed: None) -> User:
    return User.objects.create_user("clerk", is_staff=True)


def paid(merchant: Merchant, sandbox: Sandbox, customer: dict[str, str]) -> dict[str, Any]:
    created = merchant.post("/invoices", json=invoice_body(customer=customer)).json()
    sandbox.pay(created["payment_url"])
    return merchant.wait_for(created["id"], status="fully_paid")


def erase(merchant: Merchant, **options: Any) -> str:
    said = StringIO()
    given = {"by": "clerk", "reason": "request 12", **options}
    call_command("erase_customer", merchant.tenant.pk, stdout=said, **given)
    return said.getvalue()


def texts_of_the_database() -> str:
    """Return every row of every table of ours, bytes as text, but what is kept for 24 hours."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table == "apikeys_idempotencyrecord":
                continue
            cursor.execute(f'SELECT to_jsonb(one)::text FROM "{table}" one')  # noqa: S608
            found += [row for (row,) in cursor.fetchall()]
        cursor.execute("SELECT convert_from(body, 'UTF8') FROM payments_webhookevent")
        found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


def test_erases_one_customer_everywhere_and_no_money(
    merchant: Merchant, stranger: Merchant, sandbox: Sandbox, clerk: User
) -> None:
    invoice = paid(merchant, sandbox, SITI)
    other, elsewhere = paid(merchant, sandbox, BUDI), paid(stranger, sandbox, SITI)
    money = (list(Transaction.objects.values()), list(LedgerEntry.objects.values()))
    assert all(mark in texts_of_the_database().lower() for mark in MARKS)

    said = erase(merchant, email="SITI@EXAMPLE.COM")

    now = merchant.get(f"/invoices/{invoice['id']}").json()
    assert now["customer"] is None
    assert {**now, "customer": 0, "version": 0, "updated_at": 0} == {
        **invoice,
        "customer": 0,
        "version": 0,
        "updated_at": 0,
    }
    assert now["version"] == invoice["version"] + 1
    assert (list(Transaction.objects.values()), list(LedgerEntry.objects.values())) == money
    assert merchant.get(f"/invoices/{other['id']}").json()["customer"] == BUDI
    assert stranger.get(f"/invoices/{elsewhere['id']}").json()["customer"] == SITI
    assert said.startswith("Erased from 1 invoices, ")
    act = StaffAct.objects.get(act="customer_erased")
    assert (act.staff, act.tenant_id, act.outcome) == (clerk, merchant.tenant.pk, "done")

    erase(stranger, phone=SITI["phone"])
    left = texts_of_the_database()
    assert not [mark for mark in MARKS if mark in left.lower()]
    assert "budi@example.com" in left
    call_command("audit_books", stdout=StringIO())


def test_shows_no_more_in_events(merchant: Merchant, sandbox: Sandbox, clerk: User) -> None:
    paid(merchant, sandbox, SITI)
    before = merchant.get("/events").json()["results"]

    erase(merchant, invoice=[Invoice.objects.get().pk])

    after = merchant.get("/events").json()["results"]
    assert [event["id"] for event in after] == [event["id"] for event in before]
    shown = [e["data"]["object"] for e in after if "customer" in e["data"]["object"]]
    assert shown
    assert {one["customer"] for one in shown} == {None}
    for earlier, later in zip(before, after, strict=True):
        for one in (earlier, later):
            one["data"]["object"].pop("customer", None)
        assert earlier == later


def test_may_be_repeated(merchant: Merchant, sandbox: Sandbox, clerk: User) -> None:
    paid(merchant, sandbox, SITI)
    erase(merchant, email=SITI["email"])

    assert erase(merchant, email=SITI["email"]).startswith("Erased from 0 invoices, 0 events")


def test_counts_only_with_dry_run(merchant: Merchant, sandbox: Sandbox, clerk: User) -> None:
    paid(merchant, sandbox, SITI)

    assert erase(merchant, email=SITI["email"], dry_run=True).startswith("1 invoices")
    assert Invoice.objects.get().customer == SITI
    assert not StaffAct.objects.exists()


def test_waits_for_notifications_that_had_no_effect(
    merchant: Merchant, sandbox: Sandbox, clerk: User
) -> None:
    paid(merchant, sandbox, SITI)
    WebhookEvent.objects.update(status="failed", failure_reason="x")

    with pytest.raises(CommandError, match="has not had its effect"):
        erase(merchant, email=SITI["email"])
    assert Invoice.objects.get().customer == SITI
    assert StaffAct.objects.get().outcome == "notifications_wait"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "Name the customer"),
        ({"email": "x@y.z", "by": "nobody"}, "no member of staff"),
        ({"email": "x@y.z", "reason": " "}, "Say why"),
    ],
)
def test_wants_a_customer_somebody_and_a_reason(
    merchant: Merchant, clerk: User, options: dict[str, str], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        erase(merchant, **options)


@pytest.mark.parametrize(
    "change",
    [
        'UPDATE events_event SET data = \'{"object": {"customer": null}}\'',
        "UPDATE events_event SET type = 'x'",
        "UPDATE events_event SET created_at = now()",
        "UPDATE payments_webhookevent SET body = 'x'",
        "UPDATE payments_webhookevent SET body = '', event_id = 'x'",
    ],
)
def test_leaves_no_other_way_to_edit(merchant: Merchant, sandbox: Sandbox, change: str) -> None:
    paid(merchant, sandbox, SITI)
    assert Event.objects.exists()

    with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
        connection.cursor().execute(change)


def test_empties_rows_of_settlement_files_and_keeps_their_money(
    merchant: Merchant, sandbox: Sandbox, clerk: User
) -> None:
    paid(merchant, sandbox, SITI)
    paid(merchant, sandbox, BUDI)
    mine, other = Transaction.objects.select_related("payment_request").order_by("pk")
    plain = csv(mine, mine, other).decode().splitlines()
    names = ("Customer", "siti@", "siti@", "budi@")
    named = [f"{line},{name}" for line, name in zip(plain, names, strict=True)]
    take("\n".join(named).encode())
    money = list(SettlementLine.objects.order_by("pk").values(*AMOUNTS))

    said = erase(merchant, email="siti@example.com")

    assert "2 settlement lines" in said
    lines = SettlementLine.objects.order_by("pk")
    assert list(lines.values(*AMOUNTS)) == money
    assert [line.raw for line in lines.filter(reference=mine.payment_request.reference)] == [
        {},
        {},
    ]
    assert lines.get(transaction=other).raw["Customer"] == "budi@"
    assert "siti@" not in texts_of_the_database()
