"""Bodies that are made to cost much time are refused cheaply, and nothing is stored."""

import json
import time
from typing import Any

import pytest
from django.test import Client

from apikeys.models import IdempotencyRecord
from bench import hostile
from invoices.invoices.serializers import InvoiceCreateRequest
from invoices.models import Invoice
from paytrust.errors import PayTrustError
from paytrust.web import strict_json
from tests.apikeys.factories import api_key

SHAPES = hostile.shapes()
ROOM = 3  # times the cost of the largest honest body; the dearest shape takes 1.5
FULL_LINE = {
    "product_name": "x" * 255,
    "quantity": 2**31,
    "unit_price": "123456789.99",
    "tax_rate": "0.0625",
    "tax_category": "t" * 35,
    "country_code": "MY",
}
LARGEST_HONEST = {
    **hostile.INVOICE,
    "line_items": [FULL_LINE] * 500,
    "description": "d" * 1000,
    "customer": {"name": "n" * 140, "email": f"{'e' * 60}@example.test", "phone": "+6281234567"},
    "external_id": "e" * 255,
    "metadata": {f"k{i}": "v" * 20 for i in range(50)},
}


def post(body: bytes) -> Any:
    _, key = api_key()
    headers = {"X-API-Key": key, "Idempotency-Key": "once"}
    return Client().post("/invoices", body, content_type="application/json", headers=headers)


@pytest.mark.django_db
@pytest.mark.parametrize("name", SHAPES)
class TestAHostileBody:
    def test_is_refused_and_nothing_is_stored(self, name: str) -> None:
        body, status = SHAPES[name]

        answer = post(body)

        assert answer.status_code == status, answer.content[:500]
        assert len(answer.content) < 20_000
        assert (Invoice.objects.count(), IdempotencyRecord.objects.count()) == (0, 0)


@pytest.fixture(scope="module")
def honest_ms() -> float:
    """Return what it takes to read the largest honest invoice."""
    body = json.dumps(LARGEST_HONEST).encode()
    return min(read_in_ms(body, valid=True) for _ in range(5))


@pytest.mark.parametrize("name", [name for name, (_, status) in SHAPES.items() if status == 400])
def test_costs_no_more_than_an_honest_body(name: str, honest_ms: float) -> None:
    """Both are measured here and now, so that a busy machine or a tracer changes neither."""
    body, _ = SHAPES[name]

    quickest_ms = min(read_in_ms(body, valid=False) for _ in range(3))

    assert quickest_ms < ROOM * honest_ms


def read_in_ms(body: bytes, *, valid: bool) -> float:
    started = time.process_time()
    try:
        given = InvoiceCreateRequest(data=strict_json.decode(body))
        assert given.is_valid() == valid
    except PayTrustError:
        assert not valid
    return (time.process_time() - started) * 1000


class TestFiveHundredFullLines:
    def test_fit(self, settings: Any) -> None:
        raw = json.dumps(LARGEST_HONEST).encode()

        assert len(raw) < settings.REQUEST_BODY_LIMIT_BYTES
        assert InvoiceCreateRequest(data=strict_json.decode(raw)).is_valid()


class TestErrors:
    def test_of_many_lines_are_counted(self) -> None:
        given = InvoiceCreateRequest(data={**hostile.INVOICE, "line_items": [{}] * 500})

        assert not given.is_valid()
        assert given.errors["line_items"]["more"] == ["480 more entries were not looked at."]
        assert len(given.errors["line_items"]) == 21

    @pytest.mark.django_db
    def test_are_a_hundred_at_most(self) -> None:
        answer = post(
            json.dumps(
                {**hostile.INVOICE, "line_items": [dict.fromkeys("abcdefghi")] * 500}
            ).encode()
        )

        details = answer.json()["details"]
        shown = [one for line in details["line_items"].values() for one in line]
        assert answer.status_code == 400
        assert len(shown) <= 100
        assert details["more"] == ["161 more errors are not shown."]
