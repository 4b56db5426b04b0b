"""Calls whose claim and answer go with the rows that they write."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.views import APIView

from apikeys.idempotency import once
from apikeys.idempotency.once import Once, idempotent_by_trips, once_of
from apikeys.keys.authentication import tenant_of
from apikeys.models import ApiKey, IdempotencyRecord
from paytrust.errors import PayTrustError
from paytrust.operations.postgresql import batches
from paytrust.operations.trips import Statement, trip
from tests.apikeys.factories import api_key

pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.urls(__name__)]

CALLERS = 20
ROW = """
UPDATE apikeys_apikey SET description = description || '.'
WHERE tenant_id = %(id)s AND description ~ '^[.]*$'"""  # another key than that of the calls


class Early(PayTrustError):
    """The time is over."""

    code = "too_early"


class GatewayAway(PayTrustError):
    """The gateway is away."""

    status = HTTPStatus.BAD_GATEWAY
    code = "gateway_away"
    resumable = True


class Conflict(PayTrustError):
    """It conflicts."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class Orders(APIView):
    """Writes one row, waits as if for a gateway, and stores its answer with another."""

    before: list[Exception] = []  # what the next calls fail with before their rows
    between: list[Exception] = []  # and behind the first
    seconds = 0.0
    in_the_last_trip = True

    @idempotent_by_trips
    def post(self, request: Request) -> HttpResponse:
        own, row = once_of(request), Statement(ROW, {"id": tenant_of(request).pk})
        own.shows(lambda made: made)
        if self.before:
            raise self.before.pop()
        trip(*own.opening(), row)
        own.opened()
        time.sleep(self.seconds)
        if self.between:
            raise self.between.pop()
        made = {"id": 7, "record": str(own.record_id)}
        if self.in_the_last_trip:
            trip(row, *own.closing(made))
            own.closed()
        return own.answered_at(made, at="/orders", is_new=True)


urlpatterns = [path("orders", Orders.as_view())]


@pytest.fixture(autouse=True)
def _as_usual(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    Orders.before.clear()
    Orders.between.clear()


@pytest.fixture
def key() -> str:
    row, key = api_key()
    api_key(tenant=row.tenant, description="")
    return key


def post(key: str, body: object = None, *, under: str | None = "k1") -> Any:
    headers = {"x-api-key": key} | ({} if under is None else {"idempotency-key": under})
    return Client(raise_request_exception=False).post(
        "/orders", body or {}, content_type="application/json", headers=headers
    )


def error(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


def rows() -> int:
    """Return how many rows the calls have written."""
    return ApiKey.objects.order_by("-pk")[0].description.count(".")


def lapsed() -> None:
    IdempotencyRecord.objects.update(
        state="in_progress",
        response_body=None,
        completed_at=None,
        leased_until=timezone.now() - timedelta(seconds=1),
    )


class TestTheSameCall:
    @pytest.mark.parametrize("in_the_last_trip", [True, False])
    def test_writes_once_and_gets_the_original_bytes(
        self, key: str, monkeypatch: pytest.MonkeyPatch, in_the_last_trip: bool
    ) -> None:
        monkeypatch.setattr(Orders, "in_the_last_trip", in_the_last_trip)
        first, again = post(key), post(key)

        assert (first.status_code, first["Location"]) == (201, "/orders/7")
        assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
        assert again.content == first.content
        assert rows() == 1 + in_the_last_trip
        assert IdempotencyRecord.objects.get().state == "completed"

    def test_costs_no_statement_but_those_in_its_trips(
        self, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        post(key, under="warm")
        trips: list[list[str]] = []
        answers = batches.answers

        def seen(own: Any, questions: Any) -> Any:
            trips.append([sql.split()[0] for sql, *_ in questions])
            return answers(own, questions)

        monkeypatch.setattr(batches, "answers", seen)
        with CaptureQueriesContext(connection) as queries:
            post(key)

        # wall and key, claim and a row; wall, a row, the answer and the audit entry
        assert trips == [["SELECT", "WITH", "UPDATE"], ["SELECT", "UPDATE", "UPDATE", "INSERT"]]
        assert len(queries) == sum(map(len, trips))

    def test_without_a_key_is_recorded_nowhere(self, key: str) -> None:
        for _ in range(2):
            assert post(key, under=None).json() == {"id": 7, "record": "None"}

        assert rows() == 4
        assert not IdempotencyRecord.objects.exists()

    def test_under_another_calls_key_is_refused(self, key: str) -> None:
        post(key)

        assert error(post(key, {"another": 1})) == (422, "idempotency_key_reused")
        assert rows() == 2

    def test_is_refused_while_the_first_is_running(self, key: str) -> None:
        post(key)
        IdempotencyRecord.objects.update(
            state="in_progress",
            response_body=None,
            completed_at=None,
            leased_until=timezone.now() + timedelta(seconds=20),
        )

        assert error(post(key)) == (409, "request_in_progress")
        assert rows() == 2

    def test_goes_on_under_the_record_of_one_that_stopped(self, key: str) -> None:
        first = post(key)
        lapsed()

        again = post(key)

        assert again.status_code == 201
        assert again.json() == first.json()
        assert post(key)["Idempotent-Replayed"] == "true"


class TestARefusal:
    def test_before_the_claim_leaves_nothing(self, key: str) -> None:
        Orders.before.append(Early())

        assert error(post(key)) == (400, "too_early")
        assert not IdempotencyRecord.objects.exists()
        assert post(key, {"corrected": 1}).status_code == 201

    def test_before_the_claim_is_no_answer_to_a_call_that_was_made(self, key: str) -> None:
        first = post(key)
        Orders.before.append(Early())  # what was right then may be too late by now

        again = post(key)

        assert (again.status_code, again.content) == (200, first.content)

    def test_before_the_claim_says_first_that_the_key_is_anothers(self, key: str) -> None:
        post(key)
        Orders.before.append(Early())

        assert error(post(key, {"another": 1})) == (422, "idempotency_key_reused")

    def test_that_can_be_resumed_keeps_the_key_for_the_same_call(self, key: str) -> None:
        Orders.between.append(GatewayAway())

        assert error(post(key)) == (502, "gateway_away")
        record = IdempotencyRecord.objects.get()
        assert record.state == "released"
        assert error(post(key, {"another": 1})) == (422, "idempotency_key_reused")
        assert post(key).json()["record"] == str(record.pk)

    def test_behind_the_claim_that_changed_nothing_frees_the_key(self, key: str) -> None:
        Orders.between.append(Conflict())

        assert error(post(key)) == (409, "conflict")
        assert not IdempotencyRecord.objects.exists()

    def test_that_is_met_again_after_a_take_over_frees_the_key(self, key: str) -> None:
        post(key)
        lapsed()
        Orders.before.extend([Early(), Early()])

        assert error(post(key)) == (400, "too_early")
        assert not IdempotencyRecord.objects.exists()


def at_once(key: str) -> Counter[int]:
    """Make the same call from many threads and count the answers' statuses."""
    barrier = Barrier(CALLERS)
    statuses: list[int] = []

    def run() -> None:
        barrier.wait()
        try:
            statuses.append(post(key).status_code)
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)


class TestAtOnce:
    @pytest.fixture(autouse=True)
    def _as_slow_as_a_gateway(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Orders, "seconds", 0.05)

    def test_one_of_many_writes(self, key: str) -> None:
        statuses = at_once(key)

        assert statuses[201] == 1
        assert statuses[200] + statuses[409] == CALLERS - 1
        assert rows() == 2

    def test_one_of_many_takes_over_what_stopped(self, key: str) -> None:
        post(key)
        lapsed()

        statuses = at_once(key)

        assert statuses[201] == 1
        assert statuses[200] + statuses[409] == CALLERS - 1
        assert rows() == 4

    def test_control_without_the_claim_all_write(
        self, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opening: Callable[[Once], tuple[Statement, ...]] = lambda _own: ()  # noqa: E731
        monkeypatch.setattr(once.Once, "opening", opening)

        at_once(key)

        assert rows() == 2 * CALLERS
