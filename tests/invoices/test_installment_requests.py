"""Requests for instalments and supplementary invoices: refusals, and the number of queries."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from invoices.models import Installment, Invoice, LineItem, PaymentRequest
from paytrust.money import MAX_AMOUNT
from tests.apikeys.factories import NOON
from tests.conftest import Sandbox
from tests.factories import invoice_body, rupiah_body
from tests.invoices.conftest import Api
from tests.invoices.factories import invoice

TOTAL = 217_998  # of a MYR invoice: two phones at 999.99 with 6 % tax, and the gateway's fee
PHONES = {"product_name": "Phone", "quantity": 2, "unit_price": 999.99, "tax_rate": 0.06}
EXTRA = {"product_name": "Extra", "quantity": 1, "unit_price": 10, "tax_rate": 0}
COLUMNS = {
    "amount": "subtotal_amount",
    "tax": "total_tax_amount",
    "service_fee": "total_service_fee_amount",
    "total": "total_amount",
}


def body(**installments: Any) -> dict[str, Any]:
    return invoice_body(line_items=[PHONES], installments=installments)


def answered(answer: HttpResponse) -> tuple[int, str]:
    return answer.status_code, json.loads(answer.content).get("error")


def nothing_is_stored() -> bool:
    models = (Invoice, LineItem, Installment, PaymentRequest)
    return not any(model._default_manager.exists() for model in models)


def midnight(*, days: int) -> datetime:
    """Return the start of a day from today on, in UTC, as default due dates are."""
    today = timezone.now().date()
    return datetime.combine(today + timedelta(days=days), time(), UTC)


def in_days(*days: float) -> list[str]:
    now = timezone.now()
    return [(now + timedelta(days=day)).isoformat() for day in days]


class TestCount:
    @pytest.mark.parametrize("count", [-1, 0, 1, 13, 2**53])
    def test_is_two_to_twelve(self, api: Api, count: int) -> None:
        answer = api.post("/invoices", body(count=count))

        assert answered(answer) == (400, "invalid_request")
        assert nothing_is_stored()


class TestCustomAmounts:
    @pytest.mark.parametrize(
        "amounts",
        [
            [TOTAL // 2, TOTAL // 2 + 1],
            [TOTAL // 2, TOTAL // 2 - 1],
            [TOTAL, MAX_AMOUNT],
            [],
            [1, 1, TOTAL - 2],
        ],
        ids=["one above", "one below", "far above", "too few", "too many"],
    )
    def test_miss_the_total(self, api: Api, amounts: list[int]) -> None:
        answer = api.post("/invoices", body(count=2, custom_amounts=amounts))

        assert answered(answer) == (400, "invalid_installments")
        assert nothing_is_stored()

    @pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT + 1])
    @pytest.mark.parametrize("others", [[], [TOTAL]], ids=["the last rests", "all given"])
    def test_are_positive_and_within_the_limit(
        self, api: Api, amount: int, others: list[int]
    ) -> None:
        answer = api.post("/invoices", body(count=2, custom_amounts=[amount, *others]))

        assert answered(answer) == (400, "invalid_request")
        assert nothing_is_stored()

    @pytest.mark.parametrize("first", [TOTAL, TOTAL + 1, MAX_AMOUNT])
    def test_leave_nothing_for_the_last(self, api: Api, first: int) -> None:
        answer = api.post("/invoices", body(count=2, custom_amounts=[first]))

        assert answered(answer) == (400, "installment_too_small")
        assert nothing_is_stored()

    def test_too_small_for_its_own_tax_and_fee(self, api: Api) -> None:
        # 9.99, as much tax and a fee of 0.30 over 12 parts: the last takes 11 units of tax that
        # the floors of the others left, which is more than the 1 unit it asks for.
        line = EXTRA | {"unit_price": 9.99, "tax_rate": 1}
        amounts = [184] * 5 + [185] * 5 + [182]

        answer = api.post(
            "/invoices",
            invoice_body(line_items=[line], installments={"count": 12, "custom_amounts": amounts}),
        )

        assert answered(answer) == (400, "installment_too_small")
        assert nothing_is_stored()


class TestDueDates:
    @pytest.mark.parametrize("days", [(14, 7), (7, 7), (-1, 7), (0, 7), (7,), (7, 14, 21)], ids=str)
    def test_come_one_after_the_other_one_for_each(self, api: Api, days: tuple[float, ...]) -> None:
        answer = api.post("/invoices", body(count=2, due_dates=in_days(*days)))

        assert answered(answer) == (400, "invalid_installments")
        assert nothing_is_stored()

    def test_may_be_days(self, live_api: Api) -> None:
        days = [moment[:10] for moment in in_days(7, 14)]

        answer = live_api.post("/invoices", body(count=2, due_dates=days))

        assert answer.status_code == 201
        schedule = answer.json()["installment_schedule"]
        assert [installment["due_date"] for installment in schedule] == [
            f"{day}T00:00:00Z" for day in days
        ]

    @pytest.mark.parametrize(
        "plan",
        [
            {"due_dates": ["2027-01-01T00:00:00", "2027-02-01T00:00:00"]},
            {"interval_days": 0},
            {"interval_days": -14},
            {"interval_days": 14, "due_dates": ["2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z"]},
        ],
        ids=["without offset", "every 0 days", "backwards", "both"],
    )
    def test_are_shown_one_way_and_with_their_offset(self, api: Api, plan: dict[str, Any]) -> None:
        answer = api.post("/invoices", body(count=2, **plan))

        assert answered(answer) == (400, "invalid_request")
        assert nothing_is_stored()

    @pytest.mark.parametrize("seconds", [-1, 30 * 24 * 3600 + 1], ids=["before", "too late"])
    def test_end_no_later_than_the_invoice_and_thirty_days_before_it_at_most(
        self, api: Api, seconds: int
    ) -> None:
        expires_at = midnight(days=28) + timedelta(seconds=seconds)

        answer = api.post("/invoices", body(count=2) | {"expires_at": expires_at.isoformat()})

        assert answered(answer) == (400, "invalid_expiry")
        assert nothing_is_stored()

    @pytest.mark.parametrize("seconds", [0, 30 * 24 * 3600], ids=["first", "last"])
    def test_leave_the_invoice_these_thirty_days(self, live_api: Api, seconds: int) -> None:
        expires_at = midnight(days=28) + timedelta(seconds=seconds)

        answer = live_api.post("/invoices", body(count=2) | {"expires_at": expires_at.isoformat()})

        assert answer.status_code == 201
        assert Invoice.objects.get().expires_at == expires_at


class TestTwelveInstallments:
    def test_of_rupiah_print_and_add_up(self, live_api: Api) -> None:
        made = json.loads(
            live_api.post("/invoices", rupiah_body(installments={"count": 12})).content
        )
        shown = json.loads(live_api.get(f"/invoices/{made['id']}/installments").content)

        installments = shown["installments"]
        # 2 x 70 000, 11 % tax, 2 % and 2 500 fee: 140 000 + 15 400 + 5 300 = 160 700.
        assert [installment["total"] for installment in installments] == [13_391] * 11 + [13_399]
        assert [installment["tax"] for installment in installments] == [1_283] * 11 + [1_287]
        assert [installment["service_fee"] for installment in installments] == [441] * 11 + [449]
        assert [installment["amount"] for installment in installments] == [11_667] * 11 + [11_663]
        for column, of_invoice in COLUMNS.items():
            assert sum(installment[column] for installment in installments) == made[of_invoice]
        assert [installment["number"] for installment in installments] == list(range(1, 13))
        assert [installment["payment_url"] is not None for installment in installments] == [
            True
        ] + [False] * 11


class TestSupplementary:
    @pytest.mark.parametrize(
        "fields",
        [
            {"status": "draft", "payment_initiated_at": None},
            {"status": "failed", "ended_as": "failed"},
            {"status": "expired", "ended_as": "expired"},
            {"status": "cancelled", "ended_as": "cancelled"},
        ],
        ids=lambda fields: fields["status"],
    )
    def test_is_refused_of_what_cannot_be_added_to(self, api: Api, fields: dict[str, Any]) -> None:
        parent = invoice(tenant=api.api_key.tenant, **fields)

        answer = api.post(f"/invoices/{parent.pk}/supplementary", {"line_items": [EXTRA]})

        assert answered(answer) == (400, "invalid_parent")
        assert json.loads(answer.content)["details"]["status"] == fields["status"]
        assert list(Invoice.objects.all()) == [parent]

    def test_is_refused_of_a_supplementary_one(self, api: Api) -> None:
        tenant = api.api_key.tenant
        parent = invoice(tenant=tenant)
        extra = invoice(tenant=tenant, parent=parent)

        answer = api.post(f"/invoices/{extra.pk}/supplementary", {"line_items": [EXTRA]})

        assert answered(answer) == (400, "invalid_parent")
        assert Invoice.objects.count() == 2

    @pytest.mark.parametrize("name", ["gateway_id", "currency_code"])
    def test_takes_gateway_and_currency_from_its_parent_only(self, api: Api, name: str) -> None:
        parent = invoice(tenant=api.api_key.tenant)
        asked = {"line_items": [EXTRA], name: invoice_body()[name]}

        answer = api.post(f"/invoices/{parent.pk}/supplementary", asked)

        assert answered(answer) == (400, "invalid_request")
        assert list(Invoice.objects.all()) == [parent]

    def test_with_a_bad_plan_is_refused_as_an_invoice_is(self, api: Api) -> None:
        parent = invoice(tenant=api.api_key.tenant)
        asked = {
            "line_items": [EXTRA],
            "installments": {"count": 2, "custom_amounts": [515, 516]},  # 1030 with the fee
        }

        answer = api.post(f"/invoices/{parent.pk}/supplementary", asked)

        assert answered(answer) == (400, "invalid_installments")
        assert list(Invoice.objects.all()) == [parent]


def statements(call: Callable[[], HttpResponse]) -> list[str]:
    """Return the SQL of a call that must succeed, without transaction control.

    One of them is its one audit entry.
    """
    with CaptureQueriesContext(connection) as queries:
        answer = call()
    assert answer.status_code in {200, 201}, answer.content
    control = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    sql = [q["sql"] for q in queries.captured_queries if not q["sql"].startswith(control)]
    assert sum("INSERT INTO apikeys_apikeyauditentry" in one for one in sql) == 1, sql
    return sql


@pytest.mark.parametrize("installments", [2, 12])
@pytest.mark.parametrize("lines", [1, 50])
class TestStatements:
    """None of them grows with lines or parts."""

    def made(
        self, live_api: Api, sandbox: Sandbox, installments: int, lines: int
    ) -> dict[str, Any]:
        asked = invoice_body(line_items=[PHONES] * lines, installments={"count": installments})
        sandbox.fault("xendit", "webhook_lost", times=9)  # they would compete for the lock
        answer = live_api.post("/invoices", asked)
        assert answer.status_code == 201
        return json.loads(answer.content)

    def test_of_an_adjustment_that_closes_and_opens_a_payment(
        self, live_api: Api, sandbox: Sandbox, installments: int, lines: int
    ) -> None:
        shown = self.made(live_api, sandbox, installments, lines)
        total = shown["installment_schedule"][0]["total"]
        change = {"installments": [{"number": 1, "total": total + 30}]}

        sql = statements(
            lambda: live_api.send("PATCH", f"/invoices/{shown['id']}/installments", change)
        )

        assert len(sql) == ADJUST_AND_REOPEN, sql

    def test_of_an_adjustment_that_leaves_the_payment_alone(
        self, live_api: Api, sandbox: Sandbox, installments: int, lines: int
    ) -> None:
        shown = self.made(live_api, sandbox, installments, lines)
        as_it_is = [
            {"number": installment["number"], "total": installment["total"]}
            for installment in shown["installment_schedule"]
        ]
        change = {"installments": as_it_is}

        sql = statements(
            lambda: live_api.send("PATCH", f"/invoices/{shown['id']}/installments", change)
        )

        assert len(sql) == ADJUST, sql

    def test_of_a_payment_that_is_open_already(
        self, live_api: Api, sandbox: Sandbox, installments: int, lines: int
    ) -> None:
        shown = self.made(live_api, sandbox, installments, lines)

        sql = statements(lambda: live_api.post(f"/invoices/{shown['id']}/payments", {}))

        assert len(sql) == FIND_OPEN, sql

    def test_of_a_payment_that_is_opened(
        self, live_api: Api, sandbox: Sandbox, installments: int, lines: int
    ) -> None:
        shown = self.made(live_api, sandbox, installments, lines)
        PaymentRequest.objects.update(status="expired", ended_at=NOON)

        sql = statements(lambda: live_api.post(f"/invoices/{shown['id']}/payments", {}))

        assert len(sql) == OPEN, sql

    def test_of_a_cancellation(
        self, live_api: Api, sandbox: Sandbox, installments: int, lines: int
    ) -> None:
        shown = self.made(live_api, sandbox, installments, lines)

        sql = statements(lambda: live_api.post(f"/invoices/{shown['id']}/cancel", None))

        assert len(sql) == CANCEL, sql


ADJUST_AND_REOPEN = 38
ADJUST = 17
FIND_OPEN = 8
OPEN = 15
CANCEL = 24
