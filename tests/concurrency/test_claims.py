"""Due rows that two callers want at the same moment, and why the lock between them is needed."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.db.models.query import QuerySet

from invoices.payment_requests import leases, opening, transitions
from payments.models import WebhookEvent
from payments.reconciliation import asking
from payments.webhooks import retrying
from paytrust.operations import locking
from tests.apikeys.factories import NOON
from tests.concurrency.threads import at_once
from tests.invoices.factories import PaymentRequestFactory, invoice

pytestmark = pytest.mark.usefixtures("committed")
DUE = NOON - timedelta(minutes=1)


def due_event() -> int:
    row = WebhookEvent.objects.create(
        gateway_id=1, event_id="due", headers={}, body=b"{}", received_at=DUE, next_attempt_at=DUE
    )
    return row.pk


def due_opening() -> int:
    return invoice(open_payment_at=DUE).pk


def due_closing() -> int:
    return PaymentRequestFactory.create(status="closing", next_check_at=DUE).pk


def due_check() -> int:
    return PaymentRequestFactory.create(next_check_at=DUE).pk


CLAIMS: dict[str, tuple[Callable[[], int], Callable[[], list[int]]]] = {
    "notifications": (due_event, lambda: retrying.claim_due(now=NOON, limit=5)),
    "openings": (due_opening, lambda: opening.claim_due_openings(now=NOON, limit=5)),
    "closings": (due_closing, lambda: leases.claim_closings(now=NOON, limit=5)),
    "checks": (due_check, lambda: asking.claim_due(now=NOON, limit=5)),
}
EACH = pytest.mark.parametrize(("due", "claim"), CLAIMS.values(), ids=CLAIMS)


@pytest.fixture
def _meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two callers that have read the due rows go on together; one alone, after a while."""
    barrier, claim = Barrier(2), locking.claim

    def together(*args: Any, taken: Callable[[list[int]], object], **kwargs: Any) -> list[int]:
        def taken_together(ids: list[int]) -> None:
            with suppress(BrokenBarrierError):
                barrier.wait(timeout=0.5)
            taken(ids)

        return claim(*args, taken=taken_together, **kwargs)

    monkeypatch.setattr(locking, "claim", together)


@EACH
@pytest.mark.usefixtures("_meet")
def test_a_due_row_is_given_to_one(due: Callable[[], int], claim: Callable[[], list[int]]) -> None:
    row = due()

    claims = at_once(claim, claim)

    assert sorted(claims, key=str) == [[row], []] or sorted(claims, key=str) == [[], [row]]
    assert claim() == []


@EACH
@pytest.mark.usefixtures("_meet")
def test_control_without_the_lock_both_get_it(
    due: Callable[[], int], claim: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())
    row = due()

    assert at_once(claim, claim) == [[row], [row]]


def test_a_closing_that_is_resumed_is_not_handed_out() -> None:
    left = PaymentRequestFactory.create(status="closing", next_check_at=DUE)

    assert transitions.closing_resumed(payment_request=left, now=NOON)
    assert not transitions.closing_resumed(payment_request=left, now=NOON)
    assert leases.claim_closings(now=NOON, limit=5) == []
