"""GET /transactions, and an invoice that shows its transactions and refunds."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gateways.adapter import PaymentState
from invoices.models import Invoice, Transaction
from payments.booking import settling
from payments.booking.answers import answers
from payments.booking.serializers import TransactionResponse
from payments.refunds.selectors import refundable_of
from payments.settlement.selectors import lines_of
from tests.apikeys.factories import NOON, api_key
from tests.invoices.conftest import Api
from tests.invoices.factories import PaymentRequestFactory, invoice
from tests.payments.reports import report

pytestmark = pytest.mark.django_db
CUSTOMER = {"name": "Siti", "email": "Siti@example.com", "phone": None}


@pytest.fixture
def api() -> Api:
    row, key = api_key()
    return Api(row, key)


def paid(api: Api, hours: int = 0, *, refunds: dict[str, int] | None = None, **of: Any) -> Invoice:
    """Book a payment of 10 000, and what went back of it."""
    now = NOON + timedelta(hours=hours)
    fields: dict[str, Any] = {"tenant": api.api_key.tenant, "created_at": now}
    made = invoice(**fields | of)
    request = PaymentRequestFactory.create(invoice=made)
    settling.settle(
        payment_request_id=request.pk,
        report=report(request, PaymentState.PAID, refunds=refunds or {}),
        event=None,
        now=now,
    )
    return made


@pytest.fixture
def booked(api: Api) -> dict[str, int]:
    """A merchant's transactions by what they are, and another's."""
    first = paid(api, external_id="order-1", customer=CUSTOMER)
    second = paid(api, 1, refunds={"back-1": 300})
    third = paid(api, 2, currency_code="IDR", gateway_id=2, customer=CUSTOMER | {"email": "a@b.co"})
    paid(api, tenant=invoice().tenant, external_id="order-1", customer=CUSTOMER)
    rows = Transaction.objects
    return {
        "first": rows.get(invoice=first).pk,
        "second": rows.get(invoice=second, kind="payment").pk,
        "back": rows.get(invoice=second, kind="refund").pk,
        "third": rows.get(invoice=third).pk,
        "second invoice": second.pk,
    }


def rows_of(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in json.loads(answer.content)["results"]]


class TestTransactions:
    @pytest.mark.parametrize(
        ("params", "names"),
        [
            ({}, ["third", "back", "second", "first"]),
            ({"type": "payment"}, ["third", "second", "first"]),
            ({"type": "refund"}, ["back"]),
            ({"type": "reversal"}, []),
            ({"currency_code": "IDR"}, ["third"]),
            ({"gateway_id": 1}, ["back", "second", "first"]),
            ({"gateway_id": 99}, []),
            ({"gateway_transaction_id": "nothing"}, []),
            ({"external_id": "order-1"}, ["first"]),
            ({"customer_email": "siti@example.com"}, ["first"]),
            ({"created_from": "2026-11-22T13:00:00Z"}, ["third", "back", "second"]),
            ({"created_to": "2026-11-22T13:00:00Z"}, ["first"]),
            ({"created_from": "2026-11-22T13:00:00Z", "type": "payment"}, ["third", "second"]),
        ],
    )
    def test_are_those_that_are_asked_for(
        self, api: Api, booked: dict[str, int], params: dict[str, Any], names: list[str]
    ) -> None:
        assert rows_of(api.get("/transactions", **params)) == [booked[name] for name in names]

    def test_are_found_by_invoice_and_by_the_gateways_id(
        self, api: Api, booked: dict[str, int]
    ) -> None:
        of = api.get("/transactions", invoice_id=booked["second invoice"])
        called = Transaction.objects.get(pk=booked["first"]).gateway_transaction_id

        assert rows_of(of) == [booked["back"], booked["second"]]
        assert rows_of(api.get("/transactions", gateway_transaction_id=called)) == [booked["first"]]

    def test_are_turned_page_by_page(self, api: Api, booked: dict[str, int]) -> None:
        first = api.get("/transactions", limit=3)
        _, _, query = json.loads(first.content)["next"].partition("?")
        second = api.send("GET", "/transactions", QUERY_STRING=query)

        assert rows_of(first) == [booked[name] for name in ("third", "back", "second")]
        assert rows_of(second) == [booked["first"]]
        assert json.loads(second.content)["next"] is None

    def test_take_the_same_statements_whatever_there_is(
        self, api: Api, booked: dict[str, int]
    ) -> None:
        counts = set()
        for limit in (1, 4):
            with CaptureQueriesContext(connection) as queries:
                api.get("/transactions", limit=limit)
            counts.add(len(queries))

        assert len(counts) == 1

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("type", value) for value in ["", "PAYMENT", "payments", "\0"]),
            *(("currency_code", value) for value in ["myr", "", "\0"]),
            *(("gateway_id", value) for value in ["x", "0", ""]),
            *(("invoice_id", value) for value in ["x", "0", "", "9" * 30]),
            *(("external_id", value) for value in ["", "x" * 256, "\0"]),
            *(("gateway_transaction_id", value) for value in ["", "x" * 256, "\0"]),
            *(("customer_email", value) for value in ["", "siti", "\0"]),
            *(("created_from", value) for value in ["", "yesterday"]),
            *(("created_to", value) for value in ["", "2026-11-22T00:00:00"]),
            ("limit", "0"),
            ("status", "completed"),
        ],
    )
    def test_refuse_a_filter_that_is_none(self, api: Api, name: str, value: str) -> None:
        answer = api.get("/transactions", **{name: value})

        body = json.loads(answer.content)
        assert (answer.status_code, body["error"]) == (400, "invalid_request")
        assert list(body["details"]) == [name]

    def test_are_shown_one_by_one(self, api: Api, booked: dict[str, int]) -> None:
        listed = json.loads(api.get("/transactions", type="refund").content)["results"]

        one = api.get(f"/transactions/{booked['back']}")

        assert json.loads(one.content) == listed[0]
        assert (listed[0]["amount"], listed[0]["type"]) == (-300, "refund")
        theirs = Transaction.objects.exclude(tenant=api.api_key.tenant).get()
        assert api.get(f"/transactions/{theirs.pk}").status_code == 404


class TestAnswers:
    """The list reads by a trip what events read by the ORM: both show the same."""

    @pytest.fixture
    def rows_of_all_kinds(self, api: Api) -> list[int]:
        paid(api, refunds={"back-1": 300, "back-2": 200})
        paid(api, 1, totals=(4_000, 6_000))
        paid(api, 2, currency_code="IDR", gateway_id=2)
        return list(Transaction.objects.order_by("-pk").values_list("pk", flat=True))

    def test_show_what_events_show(self, api: Api, rows_of_all_kinds: list[int]) -> None:
        now = NOON + timedelta(hours=3)
        booked = list(Transaction.objects.order_by("-pk"))
        context = {"refundable": refundable_of(booked, now=now), "lines": lines_of(booked)}
        expected = TransactionResponse(booked, many=True, context=context).data

        shown = answers(list(Transaction.objects.order_by("-pk")), now=now)

        assert [row["id"] for row in shown] == rows_of_all_kinds
        assert shown == list(expected)
        assert {row["type"] for row in shown} == {"payment", "refund"}


class TestExpand:
    def test_shows_transactions_and_refunds_beside_the_invoice(
        self, api: Api, booked: dict[str, int]
    ) -> None:
        path = f"/invoices/{booked['second invoice']}"
        plain = json.loads(api.get(path).content)

        both = json.loads(api.get(path, expand="transactions,refunds").content)

        assert json.loads(api.get(path, expand="refunds").content) == {
            **plain,
            "refunds": both["refunds"],
        }
        assert both["transactions"] == rows(api, f"{path}/transactions")
        assert both["refunds"] == rows(api, f"{path}/refunds")
        assert [row["id"] for row in both["transactions"]] == [booked["back"], booked["second"]]
        assert [row["amount"] for row in both["refunds"]] == [300]
        assert not {"transactions", "refunds"} & plain.keys()

    def test_takes_the_same_statements_whatever_there_is(self, api: Api) -> None:
        counts = set()
        for refunds in ({"a": 1}, {"a": 1, "b": 2, "c": 3}):
            of = paid(api, refunds=refunds)
            api.get(f"/invoices/{of.pk}")
            with CaptureQueriesContext(connection) as queries:
                api.get(f"/invoices/{of.pk}", expand="transactions,refunds")
            counts.add(len(queries))

        assert len(counts) == 1

    @pytest.mark.parametrize(
        "expand", ["", "customer", "refunds,", "refunds, transactions", "Refunds", "\0", "x" * 999]
    )
    def test_refuses_what_is_not_beside_it(self, api: Api, expand: str) -> None:
        of = invoice(tenant=api.api_key.tenant)

        answer = api.get(f"/invoices/{of.pk}", expand=expand)

        assert answer.status_code == 400
        assert list(json.loads(answer.content)["details"]) == ["expand"]

    def test_is_404_for_anothers(self, api: Api) -> None:
        assert api.get(f"/invoices/{invoice().pk}", expand="refunds").status_code == 404


def rows(api: Api, path: str) -> Any:
    return json.loads(api.get(path).content)["results"]
