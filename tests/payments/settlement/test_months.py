"""Random months in the sandbox's files with every fault: the order of imports decides nothing."""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateways.models import Gateway
from gateways.sandbox import simulator
from gateways.sandbox.faults import FaultBook, rule_from
from gateways.sandbox.midtrans import statements
from gateways.sandbox.midtrans.methods import METHODS
from gateways.sandbox.midtrans.transactions import Refund
from gateways.sandbox.midtrans.transactions import Transaction as Charge
from invoices.models import Transaction
from payments.models import SettlementLine, SettlementMismatch
from payments.settlement import comparing, plain, services
from payments.settlement.matching import COUNTED, MISMATCHES
from payments.settlement.reading import read_rows
from payments.settlement.services import SettlementAlreadyImported
from tests.invoices.factories import invoice
from tests.payments.refunds.paid import pay
from tests.payments.settlement.test_services import NOW

pytestmark = pytest.mark.django_db

FAULTS = (
    "settlement_missing",
    "settlement_doubled",
    "settlement_other_fee",
    "settlement_other_amount",
    "settlement_late",
)
FILES = ("balance-statement.csv", "balance-statement.xlsx", "withdrawals.csv", "withdrawals.xlsx")
PAYMENTS = 4


@dataclass(frozen=True)
class Month:
    """What happens to each of our payments, and which files are downloaded on which days."""

    faults: tuple[frozenset[str], ...]
    methods: tuple[str, ...]
    unknown: bool  # the gateway has a payment that we do not know
    refunded: bool
    downloads: tuple[tuple[str, int], ...]  # file and day, in the order of their imports


months = st.builds(
    Month,
    faults=st.tuples(*[st.frozensets(st.sampled_from(FAULTS), max_size=2)] * PAYMENTS),
    methods=st.tuples(*[st.sampled_from(sorted(METHODS))] * PAYMENTS),
    unknown=st.booleans(),
    refunded=st.booleans(),
    downloads=st.lists(
        st.tuples(st.sampled_from(FILES), st.sampled_from([1, 4, 20])),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple),
)


@pytest.fixture
def payments() -> list[Transaction]:
    made = [
        invoice(gateway_id=2, currency_code="IDR", totals=(100_000 + number,))
        for number in range(PAYMENTS)
    ]
    return [
        pay(one, method="QRIS", channel="qris", paid_at=NOW - timedelta(days=40)) for one in made
    ]


def downloaded(month: Month, payments: list[Transaction]) -> list[bytes]:
    """Return the files of a month, as the sandbox's dashboard has them."""
    faults, charges = FaultBook(), []
    for number, payment in enumerate(payments):
        charges.append(charge(payment.payment_request.reference, month.methods[number], payment))
        for fault in month.faults[number]:
            match = {"reference": payment.payment_request.reference}
            rule = {"gateway": "midtrans", "fault": fault, "match": match}
            faults.add(rule_from(rule))
    if month.unknown:
        charges.append(charge("PT-of-no-invoice", "qris", payments[0]))
    if month.refunded:
        charges[0].refunds.append(Refund(1, 500, "refund-1", "asked", charges[0].created_at))
    found = []
    for name, day in month.downloads:
        sandbox = SimpleNamespace(
            midtrans=SimpleNamespace(ledger=SimpleNamespace(all=lambda: charges)),
            faults=faults,
            clock=SimpleNamespace(now=lambda day=day: charges[0].created_at + timedelta(days=day)),
        )
        found.append(file_of(sandbox, name))
    return found


def charge(reference: str, method: str, payment: Transaction) -> Charge:
    at = payment.paid_at
    return Charge(
        id=f"id-of-{reference}",
        order_id=reference,
        gross_amount=payment.amount,
        method=METHODS[method],
        created_at=at,
        expires_at=at,
        details={},
        echoed={},
        status="settlement",
        settled_at=at,
    )


def file_of(sandbox: Any, name: str) -> bytes:
    stem, _dot, suffix = name.partition(".")
    view = statements.withdrawals if stem == "withdrawals" else statements.balance_statement
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator, "current", lambda: sandbox)
        return bytes(view(HttpRequest(), suffix).content)


def take(content: bytes, now: datetime = NOW) -> None:
    upload = services.Upload(
        gateway=Gateway.objects.get(code="midtrans"),
        account=None,
        file=io.BytesIO(content),
        file_name="file",
        currency="IDR",
    )
    try:
        services.import_file(upload=upload, now=now)
    except SettlementAlreadyImported:
        return


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def judged() -> tuple[Counter[Any], list[Any]]:
    """Return the lines in force and the open mismatches, without their ids."""
    comparing.find_missing(now=NOW)
    lines = SettlementLine.objects.counted().values_list(
        "identity", "state", "transaction_id", "net_amount", "payout_id"
    )
    queue = SettlementMismatch.objects.filter(ended_at=None).values_list(
        "state", "transaction_id", "line__identity"
    )
    return Counter(lines), sorted(map(str, queue))


def payouts_of(contents: list[bytes]) -> dict[str, int]:
    """Return what the files say of each payout: the sum that reached the bank."""
    return {
        row.payout_id: -row.net_amount
        for content in contents
        for row in read_rows(io.BytesIO(content), currency="IDR")
        if row.kind == "payout" and row.payout_id
    }


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(month=months)
def test_any_month_is_judged_the_same_in_any_order(
    payments: list[Transaction], month: Month
) -> None:
    files = downloaded(month, payments)

    with undone():
        for content in files:
            take(content)
        found = judged()
        identities = Counter(
            SettlementLine.objects.filter(state__in=COUNTED).values_list("identity", flat=True)
        )
        assert set(identities.values()) <= {1}
        assert len(identities) == SettlementLine.objects.values("identity").distinct().count()
        for name, amount in payouts_of(files[-1:]).items():
            lines = SettlementLine.objects.counted().filter(payout_id=name).exclude(kind="payout")
            assert sum(line.net_amount for line in lines) == amount, name
        wrong = SettlementLine.objects.counted().filter(state__in=MISMATCHES).count()
        assert wrong == SettlementMismatch.objects.filter(ended_at=None, line__isnull=False).count()

        for content in files:
            take(content)
        assert judged() == found
    with undone():
        for content in reversed(files):
            take(content)
        assert judged() == found
    with undone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "store", lambda *_, **__: 0)  # every line by itself
        for content in files:
            take(content)
        assert judged() == found
