"""GET /customers: the customers on a merchant's invoices."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from invoices.models import Invoice
from tests.apikeys.factories import NOON
from tests.invoices.conftest import Api
from tests.invoices.factories import invoice


def bought(api: Api, email: str | None, hours: int = 0, **fields: Any) -> Invoice:
    """Make an invoice of 10 000 for the customer with this address."""
    of: dict[str, Any] = {
        "tenant": api.api_key.tenant,
        "customer": {"name": f"{email} at {hours}", "email": email, "phone": None},
        "created_at": NOON + timedelta(hours=hours),
    }
    return invoice(**of | fields)


def listed(api: Api, **params: Any) -> list[dict[str, Any]]:
    answer = api.get("/customers", **params)
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = json.loads(answer.content)["results"]
    return results


class TestCustomers:
    def test_are_those_of_the_invoices(self, api: Api) -> None:
        bought(api, "Siti@Example.com")
        bought(api, "budi@example.com", 1)
        paid = {"status": "fully_paid", "paid_amount": 10_000, "paid_at": NOON}
        bought(api, "siti@example.com", 2, **paid, refunded_amount=2_500)
        last = bought(api, "siti@example.com", 3, currency_code="IDR")
        bought(api, None, 4)
        invoice(tenant=api.api_key.tenant)
        bought(api, "rahasia@example.com", tenant=invoice().tenant)

        siti, budi = listed(api)

        assert siti == {
            "email": "siti@example.com",
            "name": "siti@example.com at 3",
            "phone": None,
            "invoice_count": 3,
            "last_invoice_id": last.pk,
            "first_invoice_at": "2026-11-22T12:00:00Z",
            "last_invoice_at": "2026-11-22T15:00:00Z",
            "by_currency": [
                {
                    "currency_code": "IDR",
                    "invoice_count": 1,
                    "total_amount": 10_000,
                    "paid_amount": 0,
                    "refunded_amount": 0,
                },
                {
                    "currency_code": "MYR",
                    "invoice_count": 2,
                    "total_amount": 20_000,
                    "paid_amount": 10_000,
                    "refunded_amount": 2_500,
                },
            ],
        }
        assert (budi["email"], budi["invoice_count"]) == ("budi@example.com", 1)
        assert listed(api, email="BUDI@example.com") == [budi]
        assert listed(api, email="nobody@example.com") == []

    def test_are_turned_page_by_page_in_the_same_statements(self, api: Api) -> None:
        for number in range(5):
            bought(api, f"{number % 3}@example.com", number)

        with CaptureQueriesContext(connection) as one:
            first = api.get("/customers", limit=1)
        with CaptureQueriesContext(connection) as three:
            everybody = listed(api)
        _, _, query = json.loads(first.content)["next"].partition("?")
        second = api.send("GET", "/customers", QUERY_STRING=query)

        assert [row["email"][0] for row in everybody] == ["1", "0", "2"]
        assert json.loads(first.content)["results"] == everybody[:1]
        assert json.loads(second.content)["results"] == everybody[1:2]
        assert len(one) == len(three)

    @pytest.mark.parametrize(
        ("name", "value"), [("email", "siti"), ("email", ""), ("name", "Siti"), ("limit", "101")]
    )
    def test_refuse_a_filter_that_is_none(self, api: Api, name: str, value: str) -> None:
        answer = api.get("/customers", **{name: value})

        assert answer.status_code == 400
        assert list(json.loads(answer.content)["details"]) == [name]

    def test_are_nobody_for_a_new_merchant(self, api: Api) -> None:
        assert api.get("/customers").content == b'{"results":[],"next":null,"previous":null}'
