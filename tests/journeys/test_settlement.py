"""A month in the sandbox with five planted faults: the queue names exactly those five."""

import io
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.utils import timezone

from gateways.models import Gateway
from invoices.models import Transaction
from payments.models import (
    SettlementControl,
    SettlementLine,
    SettlementMismatch,
    SettlementReport,
    SettlementTerms,
)
from payments.settlement import comparing, controls, fetching, reports, services
from payments.settlement.reading import SettlementColumnsMissing
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body, rupiah_body

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


RUPIAH_TERM = TERM | {"currency": "IDR", "basis_points": 70, "vat_basis_points": 1_100}


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
    pass_time(sandbox, f"{days}d")


def pass_time(sandbox: Sandbox, duration: str) -> None:
    body = {"advance": duration}
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


def test_a_months_report_has_what_the_list_left_out(merchant: Merchant, sandbox: Sandbox) -> None:
    listed, hidden = pay(merchant, sandbox), pay(merchant, sandbox)
    plant(
        sandbox,
        "settlement_unlisted",
        gateway="xendit",
        reference=hidden.payment_request.reference,
    )
    start = timezone.now()
    pass_days(sandbox, 13)
    fetching.fetch(code="xendit", account_id=None, now=start + timedelta(days=13))
    assert list(SettlementLine.objects.values_list("transaction", flat=True)) == [listed.pk]
    today = start.astimezone(reports.ZONE)
    ninth = (today.replace(day=1) + timedelta(days=32)).replace(day=9)

    assert reports.open_last_month(now=ninth) == 1
    [report_id] = reports.claim_due(now=ninth)
    reports.go_on(report_id=report_id, now=ninth)
    reports.go_on(report_id=report_id, now=ninth)  # it is not ready
    pass_time(sandbox, "10m")
    reports.go_on(report_id=report_id, now=ninth)

    report = SettlementReport.objects.select_related("imported_in").get()
    assert report.imported_in is not None
    assert (report.status, report.absent_count) == ("done", 0)
    assert (report.imported_in.line_count, report.imported_in.new_count) == (2, 1)
    lines = SettlementLine.objects.order_by("transaction")
    assert list(lines.values_list("transaction", "state")) == [
        (listed.pk, "matched"),
        (hidden.pk, "matched"),
    ]


def pay_rupiah(merchant: Merchant, sandbox: Sandbox) -> Transaction:
    invoice = merchant.post("/invoices", json=rupiah_body()).json()
    sandbox.pay(invoice["payment_url"], method="qris")
    merchant.wait_for(invoice["id"], status="fully_paid")
    return Transaction.objects.select_related("payment_request").get(invoice=invoice["id"])


def plant(sandbox: Sandbox, fault: str, *, gateway: str = "midtrans", **match: str) -> None:
    body = {"gateway": gateway, "fault": fault, "match": match}
    requests.post(f"{sandbox.url}/control/faults", json=body, timeout=5).raise_for_status()


def take(sandbox: Sandbox, name: str, now: datetime) -> Any:
    file = requests.get(f"{sandbox.url}/midtrans/dashboard/{name}", timeout=10)
    file.raise_for_status()
    upload = services.Upload(
        gateway=Gateway.objects.get(code="midtrans"),
        account=None,
        file=io.BytesIO(file.content),
        file_name=name,
        currency="IDR",
    )
    return services.import_file(upload=upload, now=now)


@pytest.mark.parametrize(
    "names",
    [("withdrawals.csv", "balance-statement.xlsx"), ("balance-statement.csv", "withdrawals.xlsx")],
)
def test_a_month_at_midtrans_with_five_faults(
    merchant: Merchant, sandbox: Sandbox, names: tuple[str, str]
) -> None:
    SettlementTerms.objects.create(gateway_id=2, fees=[RUPIAH_TERM], updated_at=timezone.now())
    good = [pay_rupiah(merchant, sandbox) for _ in range(3)]
    bad = {fault: pay_rupiah(merchant, sandbox) for fault in FAULTS}
    for fault, row in bad.items():
        plant(sandbox, fault, reference=row.payment_request.reference)
    start = timezone.now()

    pass_days(sandbox, 13)
    later = pay_rupiah(merchant, sandbox)  # so that the files reach past the seventh working day
    for name in names:
        take(sandbox, name, start + timedelta(days=13))
    comparing.find_missing(now=start + timedelta(days=13))

    assert queue() == {row.pk: FAULTS[fault] for fault, row in bad.items()}
    lines = SettlementLine.objects.filter(state="matched")
    assert {line.transaction_id for line in lines} == {
        row.pk for row in (*good, later, bad["settlement_doubled"])
    }
    own = SettlementLine.objects.get(transaction=good[0])
    assert own.payout_id is not None
    paid_out = SettlementLine.objects.counted().filter(payout_id=own.payout_id)
    [payout] = paid_out.filter(kind="payout")
    assert -payout.net_amount == sum(line.net_amount for line in paid_out.exclude(kind="payout"))

    pass_days(sandbox, 17)
    for name in names:
        take(sandbox, name, start + timedelta(days=30))

    del bad["settlement_late"]  # it has come
    assert queue() == {row.pk: FAULTS[fault] for fault, row in bad.items()}


def test_a_renamed_column_is_named(merchant: Merchant, sandbox: Sandbox) -> None:
    pay_rupiah(merchant, sandbox)
    plant(sandbox, "settlement_column_renamed")

    with pytest.raises(SettlementColumnsMissing) as refusal:
        take(sandbox, "withdrawals.csv", timezone.now())

    assert refusal.value.details["missing"] == ["gross"]
    assert "Nominal" in refusal.value.details["found"]
    SettlementTerms.objects.create(
        gateway_id=2, columns={"gross": ["Nominal"]}, updated_at=timezone.now()
    )
    assert take(sandbox, "balance-statement.csv", timezone.now()).line_count == 1


def test_midtranss_totals_are_those_of_its_file(merchant: Merchant, sandbox: Sandbox) -> None:
    pay_rupiah(merchant, sandbox)
    pass_days(sandbox, 5)
    take(sandbox, "balance-statement.csv", timezone.now())
    now = timezone.now()

    totals = requests.get(
        f"{sandbox.url}/midtrans/v1/balance/mutation",
        params={
            "currency": "IDR",
            "start_time": (now - timedelta(days=1)).isoformat(),
            "end_time": (now + timedelta(days=6)).isoformat(),
        },
        auth=(settings.GATEWAY_CONNECTIONS["midtrans"]["server_key"], ""),
        timeout=10,
    ).json()

    net = SettlementLine.objects.get().net_amount
    names = ("effective", "pending", "overall")
    assert [totals[f"opening_balance_{name}"] for name in names] == [0, 0, 0]
    assert [totals[f"closing_balance_{name}"] for name in names] == [net, 0, net]
    payin, iris = totals["wallets"]
    assert payin == {"source": "payin"} | {
        name: amount for name, amount in totals.items() if "_balance_" in name
    }
    assert iris == {"source": "iris"} | dict.fromkeys(payin.keys() - {"source"}, 0)


@pytest.mark.parametrize(
    ("fault", "difference"),
    [(None, 0), ("settlement_missing", -1), ("settlement_doubled", 1)],
)
def test_a_statement_is_compared_with_the_balance(
    merchant: Merchant, sandbox: Sandbox, fault: str | None, difference: int
) -> None:
    first, middle, last = (pay_rupiah(merchant, sandbox) for _ in range(3))
    if fault:
        plant(sandbox, fault, reference=middle.payment_request.reference)
    pass_days(sandbox, 5)
    made = take(sandbox, "balance-statement.csv", timezone.now())
    take(sandbox, "withdrawals.csv", timezone.now())  # it names payouts, so it has no control total

    assert controls.check_due(now=timezone.now()) == 1
    assert controls.check_due(now=timezone.now()) == 0

    control = SettlementControl.objects.get()
    line = SettlementLine.objects.filter(transaction__in=(first, last)).first()
    assert line is not None
    assert (control.imported_in, control.currency_code) == (made, "IDR")
    assert control.gateway_amount == 3 * line.net_amount
    assert control.difference_amount == difference * line.net_amount
