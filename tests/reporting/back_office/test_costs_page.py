"""What gateways take as a page of the back office."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from invoices.models import Transaction
from payments.models import SettlementTerms
from tests.apikeys.factories import TenantFactory
from tests.payments.settlement.test_services import paid
from tests.payments.settlement.test_views import settled

pytestmark = pytest.mark.django_db


@pytest.fixture
def payments() -> list[Transaction]:
    """Two payments of RM 100 each: the gateway takes RM 1 of each, 50 sen were planned."""
    term = {"currency": "MYR", "channel": None, "fixed_amount": 50, "basis_points": 0}
    SettlementTerms.objects.create(
        gateway_id=1, fees=[term | {"vat_basis_points": 0}], updated_at=timezone.now()
    )
    made = [paid(tenant=TenantFactory.create(name=name)) for name in ("Kopi", "Roti")]
    settled(*made)
    return made


def methods(client: Client, **asked: str) -> list[Any]:
    answer = client.get("/admin/costs/", asked)
    assert answer.status_code == 200
    return [method for one in answer.context["currencies"] for method in one.methods]


class TestThePage:
    def test_shows_planned_and_taken_of_each_method(
        self, viewer: Client, payments: list[Transaction]
    ) -> None:
        (method,) = methods(viewer)

        (row,) = method.rows
        assert (method.name, row.payment_count) == ("EWALLET", 2)
        assert (row.planned_amount, row.taken_amount, row.difference_amount) == (100, 200, 100)
        drawing = str(method.chart["drawing"])
        assert drawing.count("<title>") == 2
        assert "planned: RM\N{NO-BREAK SPACE}1.00" in drawing
        assert "taken: RM\N{NO-BREAK SPACE}2.00" in drawing

    def test_is_narrowed_to_a_merchant(self, viewer: Client, payments: list[Transaction]) -> None:
        (method,) = methods(viewer, merchant="Kopi")

        assert [row.payment_count for row in method.rows] == [1]
        assert methods(viewer, currency="IDR") == []

    def test_says_that_there_is_nothing(self, viewer: Client) -> None:
        year_ago = (timezone.now() - timedelta(days=365)).date().isoformat()

        answer = viewer.get("/admin/costs/", {"first": year_ago, "last": year_ago})

        assert "No settlement has told a fee of this time." in answer.text

    def test_shows_what_is_wrong_with_what_is_asked(self, viewer: Client) -> None:
        answer = viewer.get("/admin/costs/", {"merchant": "Nasi"})

        assert "No tenant is called so." in answer.text
        assert answer.context["currencies"] == []

    def test_is_not_for_people_without_a_role(self) -> None:
        assert Client().get("/admin/costs/").status_code == 302
