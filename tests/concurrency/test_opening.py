"""Calls that open a payment at the same time: one payment request, one charge at the gateway."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from time import monotonic
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from invoices.models import Invoice, InvoiceQuerySet, PaymentRequest
from invoices.payment_requests import opening as payment_requests
from invoices.payment_requests import recording
from invoices.payment_requests.leases import PaymentInProgress
from paytrust.operations.database import violated_constraint
from tests.concurrency.threads import at_once, locked_elsewhere
from tests.conftest import Sandbox
from tests.invoices.factories import invoice

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def draft(sandbox: Sandbox) -> Invoice:
    """An invoice whose payment is not open yet."""
    return invoice(status="draft", expires_at=timezone.now() + timedelta(days=1))


def opening(made: Invoice) -> Callable[[], bool]:
    def open_payment() -> bool:
        _, opened = payment_requests.open_payment(
            tenant=made.tenant, invoice_id=made.pk, now=timezone.now()
        )
        return opened

    return open_payment


def meet_before_recording(monkeypatch: pytest.MonkeyPatch, *, wait_seconds: float) -> list[int]:
    """Let two openings go on only together; one that is alone goes on after a while."""
    barrier, new_reference, arrived = Barrier(2), recording.new_reference, []

    def reference_together(**arguments: Any) -> str:
        arrived.append(1)
        with suppress(BrokenBarrierError):
            barrier.wait(timeout=wait_seconds)
        return new_reference(**arguments)

    monkeypatch.setattr(recording, "new_reference", reference_together)
    return arrived


def assert_one_payment_is_open(sandbox: Sandbox) -> None:
    request = PaymentRequest.objects.get()
    assert (request.status, request.sequence) == ("open", 1)
    assert [charge["reference"] for charge in sandbox.charges()] == [request.reference]
    assert Invoice.objects.get().status == "pending"


class TestOpeningTogether:
    def test_makes_one_demand_and_one_charge(self, draft: Invoice, sandbox: Sandbox) -> None:
        outcomes = at_once(*[opening(draft)] * 8)

        refused = [one for one in outcomes if isinstance(one, PaymentInProgress)]
        assert outcomes.count(True) == 1
        assert outcomes.count(False) + len(refused) == 7
        assert_one_payment_is_open(sandbox)

    def test_never_comes_as_far_as_recording_twice(
        self, draft: Invoice, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrived = meet_before_recording(monkeypatch, wait_seconds=0.2)

        at_once(opening(draft), opening(draft))

        assert len(arrived) == 1
        assert_one_payment_is_open(sandbox)

    def test_control_without_the_lock_both_record_and_only_a_constraint_stops_one(
        self, draft: Invoice, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(InvoiceQuerySet, "locked", lambda rows, **_: rows.order_by("pk"))
        arrived = meet_before_recording(monkeypatch, wait_seconds=10)

        outcomes = at_once(opening(draft), opening(draft))

        (refusal,) = [one for one in outcomes if isinstance(one, IntegrityError)]
        assert len(arrived) == 2
        assert violated_constraint(refusal) == "payment_request_one_open_per_installment"


class TestTheLock:
    def test_is_not_waited_for(self, draft: Invoice, sandbox: Sandbox) -> None:
        with CaptureQueriesContext(connection) as queries:
            opening(draft)()

        locks = [q["sql"] for q in queries.captured_queries if "FOR UPDATE" in q["sql"]]
        assert locks
        assert all(sql.endswith('FOR UPDATE OF "invoices_invoice" NOWAIT') for sql in locks)

    def test_held_by_somebody_else_is_tried_three_times(
        self, draft: Invoice, sandbox: Sandbox
    ) -> None:
        started = monotonic()

        with (
            locked_elsewhere(Invoice.objects.all()),
            CaptureQueriesContext(connection) as queries,
            pytest.raises(PaymentInProgress),
        ):
            opening(draft)()

        tries = [q for q in queries.captured_queries if "NOWAIT" in q["sql"]]
        assert len(tries) == 3
        assert monotonic() - started >= 0.26
        assert PaymentRequest.objects.count() == 0
        assert sandbox.charges() == []
        assert Invoice.objects.get().status == "draft"
