"""The fields of a serializer are copied once a thread; no body leaves a trace for the next."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rest_framework import serializers

from invoices.invoices.serializers import InvoiceCreateRequest
from paytrust.web import serializers as strict
from tests.factories import invoice_body

GOOD = invoice_body()
LINE = GOOD["line_items"][0]
BODIES: list[dict[str, Any]] = [
    GOOD,
    {},
    {**GOOD, "line_items": [LINE, {**LINE, "quantity": 0}]},
    {**GOOD, "line_items": [{}] * 30},  # more than are named
    {**GOOD, "metadata": {"a": 1}, "customer": {"email": "none"}, "more": True},
    {**GOOD, "installments": {"count": 2, "interval_days": 7, "due_dates": []}},
    {**GOOD, "payment_method": {"type": "bank_transfer"}},
    GOOD,
]


def verdict(body: dict[str, Any]) -> object:
    read = InvoiceCreateRequest(data=body)
    try:
        read.is_valid(raise_exception=True)
    except serializers.ValidationError as error:
        return error.get_full_details()
    return read.to_request()


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The verdicts of a serializer that was never used before."""
    verdicts = []
    for body in BODIES:
        monkeypatch.setattr(strict, "_threads", type("Empty", (), {})())
        verdicts.append(verdict(body))
    monkeypatch.undo()
    return verdicts


class TestMembers:
    def test_say_the_same_whatever_was_read_before(self, alone: list[object]) -> None:
        for _ in range(3):
            assert [verdict(body) for body in BODIES] == alone
        assert [verdict(body) for body in reversed(BODIES)] == alone[::-1]

    def test_say_the_same_in_threads(self, alone: list[object]) -> None:
        with ThreadPoolExecutor(8) as threads:
            verdicts = list(threads.map(verdict, BODIES * 20))

        assert verdicts == alone * 20
