"""POST /quotes: the numbers of an invoice, without the invoice."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.models import IdempotencyRecord
from gateways.models import GatewayFee
from invoices.models import Installment, Invoice, LineItem, PaymentRequest
from tests.factories import invoice_body, rupiah_body
from tests.invoices.conftest import Api

SAME = (
    "currency_code",
    "gateway_id",
    "selected_gateway",
    "subtotal_amount",
    "total_tax_amount",
    "total_service_fee_amount",
    "total_amount",
)
LINE = (
    "product_name",
    "quantity",
    "unit_price",
    "discount_amount",
    "tax_rate",
    "subtotal_amount",
    "tax_amount",
)
INSTALLMENT = ("number", "due_date", "amount", "tax", "service_fee", "total")
BODIES = {
    "ringgit": invoice_body(),
    "rupiah": rupiah_body(),
    "three installments": invoice_body(installments={"count": 3}),
    "its own amounts": invoice_body(installments={"count": 2, "custom_amounts": [999]}),
    "a discount and a part": invoice_body(
        line_items=[
            {
                "product_name": "Kopi",
                "quantity": 1.5,
                "unit_price": "9.99",
                "discount": "4.99",
                "tax_rate": 0.06,
            }
        ]
    ),
    "all that an invoice takes": invoice_body(
        external_id="order-1",
        description="two phones",
        customer={"name": "Siti", "email": "siti@example.com", "phone": "0812"},
        metadata={"table": "12"},
        success_redirect_url="https://shop.example.com/thanks",
    ),
}


def quoted(api: Api, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post("/quotes", body)
    assert answer.status_code == 200, answer.content
    shown: dict[str, Any] = json.loads(answer.content)
    return shown


def counts() -> list[int]:
    kept = (Invoice, LineItem, Installment, PaymentRequest, IdempotencyRecord)
    return [model.objects.count() for model in kept]


@pytest.fixture
def odd_fee(live_api: Api) -> Iterator[None]:
    """Another fee, really committed, and then the old one again: gateways outlive a test."""
    fee = GatewayFee.objects.get(currency_code="MYR")
    changed = GatewayFee.objects.filter(pk=fee.pk)
    changed.update(percentage="2.9", fixed_amount=100)
    yield
    changed.update(percentage=fee.percentage, fixed_amount=fee.fixed_amount)


class TestQuote:
    @pytest.mark.usefixtures("odd_fee")
    @pytest.mark.parametrize("name", BODIES)
    def test_has_the_numbers_of_the_invoice(self, live_api: Api, name: str) -> None:
        body = BODIES[name]

        quote = quoted(live_api, body)
        invoice = json.loads(live_api.post("/invoices", body).content)

        assert {field: quote[field] for field in SAME} == {field: invoice[field] for field in SAME}
        assert quote["line_items"] == [
            {field: line[field] for field in LINE} for line in invoice["line_items"]
        ]
        schedule = quote.get("installment_schedule")
        schedule_of_invoice = invoice.get("installment_schedule")
        assert schedule == (
            schedule_of_invoice
            and [{field: one[field] for field in INSTALLMENT} for one in schedule_of_invoice]
        )
        rates = quote["tax_breakdown"]
        assert sum(rate["amount"] for rate in rates) == quote["total_tax_amount"]
        assert sum(rate["taxed_amount"] for rate in rates) == quote["subtotal_amount"]

    def test_compares_the_gateways_that_take_the_currency(self, api: Api) -> None:
        GatewayFee.objects.filter(currency_code="IDR", gateway_id=1).update(
            percentage="2.5", fixed_amount=4000
        )
        GatewayFee.objects.filter(currency_code="IDR", gateway_id=2).update(
            percentage=0, fixed_amount=5000
        )

        quote = quoted(api, rupiah_body())

        subtotal, tax = quote["subtotal_amount"], quote["total_tax_amount"]
        assert quote["gateways"] == [
            {
                "gateway_id": 1,
                "gateway_name": "Xendit",
                "fee_percentage": 2.5,
                "fee_fixed_amount": 4000,
                "total_service_fee_amount": 7500,
                "total_amount": subtotal + tax + 7500,
            },
            {
                "gateway_id": 2,
                "gateway_name": "Midtrans",
                "fee_percentage": 0,
                "fee_fixed_amount": 5000,
                "total_service_fee_amount": 5000,
                "total_amount": subtotal + tax + 5000,
            },
        ]
        assert quote["total_service_fee_amount"] == 5000
        assert [row["gateway_id"] for row in quoted(api, invoice_body())["gateways"]] == [1]

    def test_stores_nothing_and_asks_the_same_whatever_is_quoted(self, api: Api) -> None:
        quoted(api, invoice_body())
        before = counts()
        statements = set()
        for body in (invoice_body(), invoice_body(installments={"count": 12})):
            with CaptureQueriesContext(connection) as queries:
                quoted(api, body)
            statements.add(len(queries))

        assert counts() == before == [0] * 5
        assert len(statements) == 1

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"line_items": []}, "invalid_request"),
            ({"gateway_id": 99}, "unknown_gateway"),
            ({"gateway_id": 2}, "unsupported_gateway_currency"),
            ({"currency_code": "EUR"}, "unsupported_currency"),
            ({"currency_code": "ZZZ"}, "invalid_currency"),
            ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid_expiry"),
            ({"installments": {"count": 2, "custom_amounts": [1, 2]}}, "invalid_installments"),
            ({"colour": "red"}, "invalid_request"),
        ],
    )
    def test_refuses_what_an_invoice_would(
        self, api: Api, changes: dict[str, Any], code: str
    ) -> None:
        body = invoice_body(**changes)

        quote, invoice = api.post("/quotes", body), api.post("/invoices", body)

        assert (quote.status_code, json.loads(quote.content)["error"]) == (400, code)
        said = [json.loads(answer.content)["details"] for answer in (quote, invoice)]
        if "expires_at" not in changes:  # it names the moment
            assert said[0] == said[1]
        assert counts() == [0] * 5

    def test_says_when_an_invoice_would_expire(self, api: Api) -> None:
        until = (timezone.now() + timedelta(days=2)).replace(microsecond=0)

        quote = quoted(api, invoice_body(expires_at=until.isoformat()))

        assert quote["expires_at"] == f"{until:%Y-%m-%dT%H:%M:%SZ}"
