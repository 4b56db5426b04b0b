from typing import NoReturn

import pytest

from gateways import registry
from gateways.adapter import GatewayUnavailable
from gateways.budgets.pacing import Priority
from invoices.payment_requests import opening, pages
from tests.apikeys.factories import NOON
from tests.invoices.factories import invoice


@pytest.mark.django_db
def test_a_job_leaves_budget_to_merchants_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    due = invoice(totals=[1000, 1000], created_at=NOON, open_payment_at=NOON)
    priorities = []

    def adapter_for(*_: object, priority: Priority, **_of: object) -> NoReturn:
        priorities.append(priority)
        raise GatewayUnavailable("xendit", "away")

    monkeypatch.setattr(registry, "adapter_for", adapter_for)
    monkeypatch.setattr(pages, "release_connection", lambda: None)

    opening.open_due_payment(invoice_id=due.pk, now=NOON)

    assert priorities == [Priority.CONFIRMATION]
    due.refresh_from_db()
    assert due.open_payment_at == NOON
