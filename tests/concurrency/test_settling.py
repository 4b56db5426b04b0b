"""Notifications that arrive together: each payment is booked once and no unit is lost."""

from collections.abc import Callable
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from invoices.models import (
    Installment,
    Invoice,
    InvoiceQuerySet,
    LedgerEntry,
    PaymentRequest,
    Transaction,
)
from payments.booking import recording
from payments.booking import settling as services
from payments.booking.recording import Draft
from paytrust.operations.database import violated_constraint
from tests.apikeys.factories import NOON
from tests.concurrency.test_changes import lock_no_installments
from tests.concurrency.threads import at_once
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report

pytestmark = pytest.mark.usefixtures("committed")


def settling(request: PaymentRequest, charge: str = "charge-1", **said: Any) -> Callable[[], str]:
    def settle() -> str:
        return services.settle(
            payment_request_id=request.pk,
            report=report(request, charge=charge, **said),
            event=None,
            now=NOON,
        ).outcome

    return settle


def meet_before_crediting(monkeypatch: pytest.MonkeyPatch, *, wait_seconds: float) -> list[int]:
    """Let two settlements go on only together; one that is alone goes on after a while."""
    barrier, drafted, arrived = Barrier(2), recording.drafted, []

    def draft_together(**arguments: Any) -> Draft:
        arrived.append(1)
        with suppress(BrokenBarrierError):
            barrier.wait(timeout=wait_seconds)
        return drafted(**arguments)

    monkeypatch.setattr(recording, "drafted", draft_together)
    return arrived


def lock_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InvoiceQuerySet, "locked", lambda rows, **_: rows.order_by("pk"))
    lock_no_installments(monkeypatch)


def balances() -> tuple[str, int, int]:
    row = Invoice.objects.get()
    return row.status, row.paid_amount, row.overpayment_amount


class TestTheSamePaymentManyTimesAtOnce:
    def test_is_booked_once(self) -> None:
        request = PaymentRequestFactory.create()

        outcomes = at_once(*[settling(request)] * 12)

        assert sorted(map(str, outcomes)) == ["already_booked"] * 11 + ["booked"]
        assert Transaction.objects.count() == LedgerEntry.objects.count() == 1
        assert balances() == ("fully_paid", 10_000, 0)

    def test_never_comes_as_far_as_crediting_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        request = PaymentRequestFactory.create()
        arrived = meet_before_crediting(monkeypatch, wait_seconds=0.3)

        outcomes = at_once(settling(request), settling(request))

        assert sorted(map(str, outcomes)) == ["already_booked", "booked"]
        assert len(arrived) == 1

    def test_control_without_the_lock_both_credit_and_only_a_constraint_stops_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = PaymentRequestFactory.create()
        lock_nothing(monkeypatch)
        arrived = meet_before_crediting(monkeypatch, wait_seconds=10)

        outcomes = at_once(settling(request), settling(request))

        (refusal,) = [one for one in outcomes if isinstance(one, IntegrityError)]
        assert len(arrived) == 2
        assert violated_constraint(refusal) == "transaction_once"
        assert Transaction.objects.count() == 1
        assert balances() == ("fully_paid", 10_000, 0)


class TestTwoChargesOfOneDemandAtOnce:
    def test_are_both_booked_and_the_second_is_an_overpayment(self) -> None:
        request = PaymentRequestFactory.create()

        outcomes = at_once(settling(request, "charge-1"), settling(request, "charge-2"))

        assert outcomes == ["booked", "booked"]
        assert balances() == ("fully_paid", 20_000, 10_000)
        assert Installment.objects.get().paid_amount == 10_000

    def test_control_without_the_lock_one_is_lost_and_only_a_constraint_notices(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = PaymentRequestFactory.create()
        lock_nothing(monkeypatch)
        meet_before_crediting(monkeypatch, wait_seconds=10)

        outcomes = at_once(settling(request, "charge-1"), settling(request, "charge-2"))

        (refusal,) = [one for one in outcomes if isinstance(one, IntegrityError)]
        assert violated_constraint(refusal) == "invoice_balance"
        assert balances() == ("fully_paid", 10_000, 0)


class TestPaymentsOfOneInvoiceAtOnce:
    def test_fill_its_installments_in_order_and_lose_nothing(self) -> None:
        made = invoice(totals=(4_000, 3_000, 3_000), expires_at=NOON)  # no next payment is due
        demands = [
            PaymentRequestFactory.create(invoice=made, installment=installment)
            for installment in made.installments.order_by("number")
        ]

        outcomes = at_once(*(settling(one, f"charge-{one.pk}", paid=3_500) for one in demands))

        paid = Installment.objects.order_by("number").values_list("paid_amount", flat=True)
        assert set(outcomes) == {"booked"}
        assert balances()[1] == 10_500
        assert sum(paid) + balances()[2] == 10_500
        assert list(paid) == sorted(paid, reverse=True)


class TestTheLock:
    def test_is_taken_on_the_invoice_before_anything_is_read_or_written(self) -> None:
        request = PaymentRequestFactory.create()

        with CaptureQueriesContext(connection) as queries:
            settling(request)()

        statements = [query["sql"] for query in queries.captured_queries]
        locks = [sql for sql in statements if "FOR UPDATE" in sql]
        first = statements.index(locks[0])
        assert locks[0].endswith('FOR UPDATE OF "invoices_invoice"')
        assert 'FROM "invoices_installment"' in locks[1]
        assert [sql for sql in statements[:first] if sql.startswith(("UPDATE", "INSERT"))] == []
