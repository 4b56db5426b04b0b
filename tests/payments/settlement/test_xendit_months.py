"""Random months in the sandbox's Xendit with every fault, by lists and reports in any order."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.http import read_json
from gateways.models import Gateway
from gateways.sandbox.faults import FaultBook, rule_from
from gateways.sandbox.messages import encode
from gateways.sandbox.xendit import channels, reports, transactions
from gateways.sandbox.xendit.disputes import Dispute
from gateways.sandbox.xendit.invoices import Invoice, Payment
from gateways.sandbox.xendit.refunds import Refund
from gateways.settlements import SettlementRow
from gateways.xendit import reports as report_files
from gateways.xendit.transactions import page_of
from invoices.models import Transaction
from payments.booking import settling
from payments.models import SettlementImport, SettlementLine, SettlementMismatch, SettlementTerms
from payments.settlement import plain, services
from payments.settlement.matching import COUNTED, MISMATCHES
from tests.invoices.factories import invoice
from tests.payments.refunds.paid import pay
from tests.payments.reports import refund as reversal
from tests.payments.reports import report
from tests.payments.settlement.test_months import FAULTS, judged, undone
from tests.payments.settlement.test_services import NOW

pytestmark = pytest.mark.django_db

ALL_FAULTS = (*FAULTS, "settlement_unlisted")
METHODS = ("BCA", "DANA", "QRIS", "CREDIT_CARD", "ALFAMART")
PAYMENTS = 4
PAID_AT = NOW - timedelta(days=40)
SEEN = 10  # days after which all money is settled that is not late


@dataclass(frozen=True)
class Import:
    """A list of what changed in the days before a day, or a report of all up to it."""

    is_list: bool
    day: int
    days_back: int


@dataclass(frozen=True)
class Month:
    """What happens to each of our payments, and what of it is imported, in that order."""

    faults: tuple[frozenset[str], ...]
    methods: tuple[str, ...]
    unknown: bool  # the gateway has a payment that we do not know
    refunded: tuple[bool, ...]  # a part of the payment
    charged_back: bool  # all of the first payment
    imports: tuple[Import, ...]


months = st.builds(
    Month,
    faults=st.tuples(*[st.frozensets(st.sampled_from(ALL_FAULTS), max_size=2)] * PAYMENTS),
    methods=st.tuples(*[st.sampled_from(METHODS)] * PAYMENTS),
    unknown=st.booleans(),
    refunded=st.tuples(*[st.booleans()] * PAYMENTS),
    charged_back=st.booleans(),
    imports=st.lists(
        st.builds(
            Import,
            is_list=st.booleans(),
            day=st.sampled_from([1, 4, SEEN, 20]),
            days_back=st.sampled_from([2, 31]),
        ),
        min_size=1,
        max_size=4,
        unique=True,
    ).map(tuple),
)


@pytest.fixture
def payments() -> list[Transaction]:
    """Our payments; a part of each was given back, and the rest of the first one taken back."""
    SettlementTerms.objects.create(gateway_id=1, fees=terms(), updated_at=NOW)
    made = [
        invoice(gateway_id=1, currency_code="IDR", totals=(100_000 + number,))
        for number in range(PAYMENTS)
    ]
    found = [pay(one, method="QR_CODE", channel="QRIS", paid_at=PAID_AT) for one in made]
    for number, payment in enumerate(found):
        back = [reversal(refund_id(number), 500, "IDR")]
        if number == 0:
            back.append(reversal("dispute-0", payment.amount - 500, "IDR", "chargeback"))
        said = report(
            payment.payment_request,
            charge=payment.gateway_transaction_id,
            reversals=tuple(back),
        )
        settling.settle(
            payment_request_id=payment.payment_request_id, report=said, event=None, now=NOW
        )
    return found


def refund_id(number: int) -> str:
    return f"rfd-{number}"


def terms() -> list[dict[str, Any]]:
    """Return what the sandbox takes, as the terms of the account."""
    found = []
    for method in METHODS:
        channel = channels.choose(method, "IDR", [])
        price = transactions.PRICES[channel.method]
        found.append(
            {
                "currency": "IDR",
                "channel": channel.name,
                "fixed_amount": int(price.fixed),
                "basis_points": int(price.percentage * 10_000),
                "vat_basis_points": 1_100,
            }
        )
    return found


def sandbox_of(month: Month, payments: list[Transaction]) -> Any:
    """Return the sandbox of a month; its clock is moved by `rows_of`."""
    faults, invoices, refunds = FaultBook(), [], []
    for number, payment in enumerate(payments):
        reference = payment.payment_request.reference
        made = invoice_of(reference, month.methods[number], payment)
        invoices.append(made)
        for fault in month.faults[number]:
            rule = {"gateway": "xendit", "fault": fault, "match": {"reference": reference}}
            faults.add(rule_from(rule))
        if month.refunded[number]:
            refunds.append(refund_of(number, made))
    if month.charged_back:
        amount = Decimal(payments[0].amount - 500)
        invoices[0].dispute = dispute_of(invoices[0], amount)
    if month.unknown:
        invoices.append(invoice_of("PT-of-no-invoice", "QRIS", payments[0]))
    desk = SimpleNamespace(
        all=lambda: invoices, faults=faults, refunds=SimpleNamespace(all=lambda: refunds)
    )
    return SimpleNamespace(xendit=desk, clock=None)


def invoice_of(reference: str, method: str, payment: Transaction) -> Invoice:
    at = payment.paid_at
    paid = Payment(
        amount=Decimal(payment.amount),
        paid_at=at,
        channel=channels.choose(method, "IDR", []),
        traces={"payment_id": f"py-{reference}"},
        request_id=f"pr-{reference}",
    )
    return Invoice(
        id=f"id-of-{reference}",
        external_id=reference,
        amount=paid.amount,
        currency="IDR",
        request={},
        created_at=at,
        updated_at=at,
        expires_at=at,
        status="SETTLED",
        payments=[paid],
    )


def refund_of(number: int, of: Invoice) -> Refund:
    return Refund(
        id=refund_id(number),
        invoice=of,
        payment=of.payments[0],
        amount=Decimal(500),
        request={},
        created_at=of.created_at,
        updated_at=of.created_at,
        finishes_at=of.created_at,
        status="SUCCEEDED",
    )


def dispute_of(of: Invoice, amount: Decimal) -> Dispute:
    return Dispute(
        id="dispute-0",
        payment_id="py-1",
        reference=of.external_id,
        amount=amount,
        currency="IDR",
        channel="CARDS",
        status="LOST",
        created_at=of.created_at,
        updated_at=of.created_at,
    )


def rows_of(sandbox: Any, wanted: Import) -> list[SettlementRow]:
    """Return what the adapter reads of a list or of a report."""
    now = PAID_AT + timedelta(days=wanted.day)
    if not wanted.is_list:
        return report_rows(sandbox, now)
    since = now - timedelta(days=wanted.days_back)
    rows = [
        row
        for row in transactions.every_row(sandbox.xendit, now, is_list=True)
        if datetime.fromisoformat(row["updated"]) >= since
    ]
    return list(page_of(read_json(encode({"has_more": False, "data": rows}))).rows)


def report_rows(sandbox: Any, now: datetime) -> list[SettlementRow]:
    sandbox.clock = SimpleNamespace(now=lambda: now)
    asked: Any = SimpleNamespace(currency="IDR", start=PAID_AT - timedelta(days=1), end=now)
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(reports.COLUMNS)
    table.writerows(reports._cells(row) for row in reports._rows(sandbox, asked))
    return list(report_files.rows_of(io.BytesIO(text.getvalue().encode())))


def take(sandbox: Any, wanted: Import, number: int) -> None:
    source = SettlementImport.Source.API if wanted.is_list else SettlementImport.Source.REPORT
    made = SettlementImport(
        gateway=Gateway.objects.get(code="xendit"),
        source=source,
        sha256=f"{number:064d}",
        covers_from=PAID_AT - timedelta(days=1),
        covers_to=PAID_AT + timedelta(days=wanted.day),
        imported_at=NOW,
    )
    services.import_rows(made=made, rows=rows_of(sandbox, wanted), now=NOW)


def newest(sandbox: Any, month: Month) -> dict[str, SettlementRow]:
    """Return the newest version of each row that any import has, by the gateway's name of it."""
    found: dict[str, SettlementRow] = {}
    for wanted in sorted(month.imports, key=lambda one: one.day):
        found |= {row.line_id or "": row for row in rows_of(sandbox, wanted)}
    return found


def take_all(sandbox: Any, month: Month, *, first: int = 0, step: int = 1) -> None:
    """Take all imports in their order, or backwards."""
    for number, wanted in enumerate(month.imports[::step], first):
        take(sandbox, wanted, number)


def check_lines(sandbox: Any, month: Month, payments: list[Transaction]) -> None:
    """Check what must be true of the lines in force, whatever the order was."""
    in_force = SettlementLine.objects.counted()
    known = newest(sandbox, month)
    identities = Counter(in_force.values_list("identity", flat=True))
    assert set(identities.values()) <= {1}
    assert len(identities) == len(known)
    assert sum(line.net_amount for line in in_force) == sum(
        row.net_amount for row in known.values()
    )
    assert SettlementLine.objects.exclude(state__in=COUNTED).exclude(state="replaced").count() == 0
    wrong = in_force.filter(state__in=MISMATCHES).count()
    assert wrong == SettlementMismatch.objects.filter(ended_at=None, line__isnull=False).count()
    for number, payment in enumerate(payments):
        check_payment(month.faults[number], payment, known)


def check_payment(
    faults: frozenset[str], payment: Transaction, known: dict[str, SettlementRow]
) -> None:
    reference = payment.payment_request.reference
    rows = [row for row in known.values() if row.reference == reference and row.kind == "payment"]
    own = SettlementLine.objects.counted().filter(reference=reference, kind="payment")
    states = sorted(own.values_list("state", flat=True))
    assert len(states) == len(rows)
    if "settlement_missing" in faults or not rows:
        assert states == []
        return
    assert {line.transaction_id for line in own} == {payment.pk}
    wrong = [state for state in states if state != "duplicate"]
    assert len(wrong) == 1
    assert states.count("duplicate") == len(rows) - 1 == ("settlement_doubled" in faults)
    if "settlement_other_amount" in faults:
        assert wrong == ["amount_differs"]
    elif "settlement_other_fee" in faults and all(row.fee_state == "final" for row in rows):
        assert wrong == ["fee_differs"]
    else:
        assert wrong == ["matched"]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(month=months)
def test_any_month_is_judged_the_same_in_any_order(
    payments: list[Transaction], month: Month
) -> None:
    sandbox = sandbox_of(month, payments)

    with undone():
        take_all(sandbox, month)
        check_lines(sandbox, month, payments)
        found = judged()

        take_all(sandbox, month, first=100)
        assert judged() == found
    with undone():
        take_all(sandbox, month, step=-1)
        check_lines(sandbox, month, payments)
        assert judged() == found
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "store", lambda *_, **__: 0)  # every line by itself
        take_all(sandbox, month)
        assert judged() == found


def test_faults_are_found_each_by_its_name(payments: list[Transaction]) -> None:
    month = Month(
        faults=(
            frozenset({"settlement_unlisted"}),
            frozenset({"settlement_other_fee"}),
            frozenset({"settlement_other_amount"}),
            frozenset({"settlement_doubled"}),
        ),
        methods=("BCA", "DANA", "QRIS", "CREDIT_CARD"),
        unknown=True,
        refunded=(True,) * PAYMENTS,
        charged_back=True,
        imports=(Import(True, SEEN, 31), Import(False, SEEN, 31)),
    )

    take_all(sandbox_of(month, payments), month)

    assert dict(states_of("payment")) == {
        "matched": 2,
        "fee_differs": 1,
        "amount_differs": 1,
        "duplicate": 1,
        "missing_here": 1,
    }
    assert dict(states_of("refund")) == {"matched": PAYMENTS}
    assert dict(states_of("chargeback")) == {"matched": 1}


def states_of(kind: str) -> Counter[str]:
    lines: Iterator[str] = (
        SettlementLine.objects.counted()
        .filter(kind=kind)
        .values_list("state", flat=True)
        .iterator()
    )
    return Counter(lines)
