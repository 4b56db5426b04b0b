"""What an invoice says about lateness, and what an unusual tax rate leaves in the log."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from invoices.models import Installment, Invoice
from tests.conftest import Sandbox
from tests.factories import invoice_body
from tests.invoices.conftest import Api
from tests.invoices.factories import invoice


def statuses(api: Api, made: Invoice) -> dict[str, list[str]]:
    """Return the states of an invoice's installments at each place of the API that shows them."""
    shown = json.loads(api.get(f"/invoices/{made.pk}").content)
    schedule = json.loads(api.get(f"/invoices/{made.pk}/installments").content)
    [listed] = json.loads(api.get("/invoices").content)["results"]
    return {
        name: [row["status"] for row in rows]
        for name, rows in (
            ("invoice", shown["installment_schedule"]),
            ("schedule", schedule["installments"]),
            ("list", listed["installment_schedule"]),
        )
    }


@pytest.mark.django_db
class TestOverdue:
    """Times are real ones: the API compares with the clock."""

    def made(self, api: Api, status: str = "pending") -> Invoice:
        now = timezone.now()
        made = invoice(
            tenant=api.api_key.tenant,
            totals=[1000, 1000],
            status=status,
            expires_at=now + timedelta(days=30),
        )
        for number, due_at in ((1, now - timedelta(seconds=1)), (2, now + timedelta(days=1))):
            Installment.objects.filter(invoice=made, number=number).update(due_at=due_at)
        return made

    def test_is_an_unpaid_installment_past_its_due_date_wherever_it_is_shown(
        self, api: Api
    ) -> None:
        made = self.made(api)

        late = ["overdue", "unpaid"]
        assert statuses(api, made) == {"invoice": late, "schedule": late, "list": late}

    def test_is_nothing_on_a_draft(self, api: Api) -> None:
        made = self.made(api, status="draft")

        assert statuses(api, made)["schedule"] == ["unpaid", "unpaid"]

    def test_is_not_stored(self, api: Api) -> None:
        made = self.made(api)

        statuses(api, made)

        assert set(made.installments.values_list("status", flat=True)) == {"unpaid"}


class TestUnusualTaxRate:
    def posted(self, live_api: Api, rates: list[float]) -> tuple[dict[str, Any], list[Any]]:
        line = invoice_body()["line_items"][0]
        body = invoice_body(line_items=[line | {"tax_rate": rate} for rate in rates])
        with capture_logs() as logs:
            answer = live_api.post("/invoices", body)
        assert answer.status_code == 201, answer.content
        return json.loads(answer.content), [
            entry for entry in logs if entry["event"] == "tax rate above 27 %"
        ]

    def test_is_accepted_and_leaves_one_warning_that_names_its_lines(
        self, live_api: Api, sandbox: Sandbox
    ) -> None:
        made, logged = self.posted(live_api, [0.27, 0.2701, 0.5])

        high = [line["id"] for line in made["line_items"] if float(line["tax_rate"]) > 0.27]
        assert len(high) == 2
        [entry] = logged
        assert entry["log_level"] == "warning"
        assert (entry["invoice_id"], entry["line_item_ids"]) == (made["id"], high)

    def test_begins_above_27_percent(self, live_api: Api, sandbox: Sandbox) -> None:
        _, logged = self.posted(live_api, [0.27, 0])

        assert logged == []
