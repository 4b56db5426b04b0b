"""A month at Xendit's sandbox with five planted faults: the queue names exactly those five."""

from datetime import timedelta

import requests
from django.utils import timezone

from invoices.models import Transaction
from payments.models import SettlementLine, SettlementMismatch, SettlementTerms
from payments.settlement import comparing, fetching
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body

FAULTS = {
    "settlement_missing": "missing_at_gateway",
    "settlement_doubled": "duplicate",
    "settlement_other_fee": "fee_differs",
    "settlement_other_amount": "amount_differs",
    "settlement_late": "missing_at_gateway",
}
TERM = {
    "currency": "MYR",
    "channel": None,
    "fixed_amount": 0,
    "basis_points": 150,
    "vat_basis_points": 0,
}


def pay(merchant: Merchant, sandbox: Sandbox) -> Transaction:
    invoice = merchant.post("/invoices", json=invoice_body()).json()
    sandbox.pay(invoice["payment_url"], method="touchngo")
    merchant.wait_for(invoice["id"], status="fully_paid")
    return Transaction.objects.select_related("payment_request").get(invoice=invoice["id"])


def queue() -> dict[int | None, str]:
    """Return the state of each open mismatch by its transaction; each has one."""
    found = SettlementMismatch.objects.filter(ended_at=None).values_list("transaction_id", "state")
    assert len(dict(found)) == len(found)
    return dict(found)


def pass_days(sandbox: Sandbox, days: int) -> None:
    body = {"advance": f"{days}d"}
    requests.post(f"{sandbox.url}/control/clock", json=body, timeout=10).raise_for_status()


def test_a_month_with_five_faults(merchant: Merchant, sandbox: Sandbox) -> None:
    SettlementTerms.objects.create(gateway_id=1, fees=[TERM], updated_at=timezone.now())
    good = [pay(merchant, sandbox) for _ in range(3)]
    bad = {fault: pay(merchant, sandbox) for fault in FAULTS}
    for fault, row in bad.items():
        match = {"reference": row.payment_request.reference}
        body = {"gateway": "xendit", "fault": fault, "match": match}
        requests.post(f"{sandbox.url}/control/faults", json=body, timeout=5).raise_for_status()
    start = timezone.now()

    pass_days(sandbox, 13)
    fetching.fetch(code="xendit", account_id=None, now=start + timedelta(days=13))
    comparing.find_missing(now=start + timedelta(days=13))

    assert queue() == {row.pk: FAULTS[fault] for fault, row in bad.items()}
    lines = SettlementLine.objects.filter(state="matched")
    assert {line.transaction_id for line in lines} == {
        row.pk for row in (*good, bad["settlement_doubled"])
    }
    shown = merchant.get(f"/invoices/{good[0].invoice_id}/transactions").json()["results"][0]
    assert shown["net_amount"] == good[0].amount - shown["gateway_fee_amount"]
    assert shown["settled_at"] is not None

    pass_days(sandbox, 17)
    fetching.fetch(code="xendit", account_id=None, now=start + timedelta(days=30))
    comparing.find_missing(now=start + timedelta(days=30))

    del bad["settlement_late"]  # it has come
    assert queue() == {row.pk: FAULTS[fault] for fault, row in bad.items()}
