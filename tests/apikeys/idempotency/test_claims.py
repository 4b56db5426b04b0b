import json
import uuid
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.idempotency import claims
from apikeys.idempotency.claims import idempotent, record_id_of
from apikeys.models import IdempotencyRecord
from paytrust.errors import PayTrustError
from paytrust.web.problems import ServiceUnavailable
from paytrust.web.serializers import StrictIntegerField, StrictSerializer
from tests.apikeys.factories import TenantFactory, api_key

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

BODY = {"count": 2, "note": {"a": 1, "b": 2}}


class Conflict(PayTrustError):
    """It conflicts."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class GatewayAway(PayTrustError):
    """The gateway is away."""

    status = HTTPStatus.BAD_GATEWAY
    code = "gateway_away"
    resumable = True


class Refused(PayTrustError):
    """The gateway refused."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "refused"
    resumable = True


class Wanted(StrictSerializer):
    count = StrictIntegerField()


class Orders(APIView):
    """Counts its runs; the next ones fail as the test says."""

    runs: list[uuid.UUID | None] = []  # emptied before each test
    failures: list[Exception] = []

    @idempotent
    def post(self, request: Request, order: str = "") -> Response:
        self.runs.append(record_id_of(request))
        if self.failures:
            raise self.failures.pop()
        body: Any = request.data
        return Response({"run": len(self.runs), "count": body["count"]}, 201)


class Checked(APIView):
    @idempotent
    def post(self, request: Request) -> Response:
        Orders.runs.append(record_id_of(request))
        body = Wanted(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


class Answering(APIView):
    @idempotent
    def post(self, request: Request, status: int) -> Response:
        return Response({}, status)


urlpatterns = [
    path("orders", Orders.as_view()),
    path("orders/<str:order>", Orders.as_view()),
    path("checked", Checked.as_view()),
    path("answer/<int:status>", Answering.as_view()),
]


@pytest.fixture(autouse=True)
def _no_runs_yet() -> None:
    Orders.runs.clear()
    Orders.failures.clear()


@pytest.fixture
def key() -> str:
    return api_key()[1]


def post(key: str, body: object = BODY, *, under: str | None = "k1", to: str = "/orders") -> Any:
    headers = {"x-api-key": key} | ({} if under is None else {"idempotency-key": under})
    return Client(raise_request_exception=False).post(
        to, body, content_type="application/json", headers=headers
    )


def error(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["error"]


class TestWithoutTheHeader:
    def test_each_call_runs_and_nothing_is_recorded(self, key: str) -> None:
        answers = [post(key, under=None) for _ in range(2)]

        assert [answer.json()["run"] for answer in answers] == [1, 2]
        assert Orders.runs == [None, None]
        assert not IdempotencyRecord.objects.exists()


class TestTheHeader:
    @pytest.mark.parametrize("under", ["", "x" * 256, "caf\u00e9", "a\tb"])
    def test_must_be_well_formed(self, key: str, under: str) -> None:
        assert error(post(key, under=under)) == (400, "invalid_idempotency_key")
        assert Orders.runs == []

    @pytest.mark.parametrize("under", ["x", "x" * 255, "order 77 / ~"])
    def test_may_be_any_printable_ascii(self, key: str, under: str) -> None:
        assert post(key, under=under).status_code == 201
        assert IdempotencyRecord.objects.get().key == under


class TestTheSameCall:
    def test_runs_once_and_gets_the_original_bytes(self, key: str) -> None:
        first, again = post(key), post(key)

        assert (first.status_code, again.status_code) == (201, 200)
        assert again.content == first.content
        assert again["Content-Type"] == first["Content-Type"] == "application/json"
        assert again["Idempotent-Replayed"] == "true"
        assert "Idempotent-Replayed" not in first
        assert len(Orders.runs) == 1

    def test_is_known_whatever_the_spelling_of_its_body(self, key: str) -> None:
        post(key, '{"count":2,"note":{"a":1,"b":2}}')

        again = post(key, '{ "note": {"b": 2, "\\u0061": 1},\n "count": 2 }')

        assert again["Idempotent-Replayed"] == "true"

    def test_tells_the_view_its_record(self, key: str) -> None:
        post(key)

        assert Orders.runs == [IdempotencyRecord.objects.get().pk]

    def test_costs_two_statements_the_first_time_and_two_the_next(self, key: str) -> None:
        with CaptureQueriesContext(connection) as first:
            post(key)
        with CaptureQueriesContext(connection) as again:
            post(key)

        def verbs(queries: CaptureQueriesContext) -> list[str]:
            return [query["sql"].split()[0] for query in queries]

        # The first statement authenticates, the last writes the audit entry.
        assert verbs(first) == ["SELECT", "INSERT", "UPDATE", "WITH"]
        assert verbs(again) == ["SELECT", "INSERT", "SELECT", "INSERT"]

    def test_runs_anew_after_24_hours(self, key: str) -> None:
        post(key)
        long_ago = timezone.now() - timedelta(hours=24)
        IdempotencyRecord.objects.update(created_at=long_ago)

        other = post(key, {"count": 9})

        assert (other.status_code, other.json()) == (201, {"run": 2, "count": 9})
        assert len(set(Orders.runs)) == 2  # a new record: the old call's draft is not resumed
        assert post(key, {"count": 9}).content == other.content

    def test_is_replayed_until_then(self, key: str) -> None:
        post(key)
        IdempotencyRecord.objects.update(
            created_at=timezone.now() - timedelta(hours=23, minutes=59)
        )

        assert post(key)["Idempotent-Replayed"] == "true"

    def test_of_another_tenant_is_another_call(self, key: str) -> None:
        post(key)

        assert post(api_key()[1]).json()["run"] == 2


class TestAnotherCall:
    @pytest.mark.parametrize(
        ("body", "to"),
        [
            ({**BODY, "count": 3}, "/orders"),
            ({**BODY, "more": None}, "/orders"),
            ([BODY], "/orders"),
            (BODY, "/orders/7"),
        ],
    )
    def test_may_not_use_the_key(self, key: str, body: object, to: str) -> None:
        first = post(key)

        assert error(post(key, body, to=to)) == (422, "idempotency_key_reused")
        assert len(Orders.runs) == 1
        assert post(key).content == first.content


class TestWhileTheFirstIsRunning:
    def test_the_same_call_is_asked_to_wait(self, key: str) -> None:
        post(key)
        in_progress(leased_for=timedelta(seconds=20))

        assert error(post(key)) == (409, "request_in_progress")
        assert len(Orders.runs) == 1

    def test_another_call_is_refused_for_good(self, key: str) -> None:
        post(key)
        in_progress(leased_for=timedelta(seconds=20))

        assert error(post(key, {"count": 1})) == (422, "idempotency_key_reused")

    def test_the_same_call_goes_on_once_the_lease_has_lapsed(self, key: str) -> None:
        post(key)
        in_progress(leased_for=timedelta(0))

        assert post(key).json()["run"] == 2
        assert Orders.runs[0] == Orders.runs[1]
        assert post(key)["Idempotent-Replayed"] == "true"

    def test_a_late_answer_of_a_lapsed_one_stays_the_answer(self) -> None:
        tenant, now = TenantFactory.create(), timezone.now()
        call = claims.Call(tenant=tenant, key="k", fingerprint="f")
        lapsed = claims.claim(call=call, now=now - timedelta(minutes=1))
        taken_over = claims.claim(call=call, now=now)
        assert isinstance(lapsed, claims.Claim)
        assert isinstance(taken_over, claims.Claim)

        claims.complete(claimed=lapsed, body=b"first", now=now)
        claims.delete(claimed=taken_over)
        claims.complete(claimed=taken_over, body=b"second", now=now)

        assert claims.claim(call=call, now=now) == claims.Replay(b"first")

    def test_a_lapsed_one_cannot_give_up_what_was_taken_over(self) -> None:
        tenant, now = TenantFactory.create(), timezone.now()
        call = claims.Call(tenant=tenant, key="k", fingerprint="f")
        lapsed = claims.claim(call=call, now=now - timedelta(minutes=1))
        assert isinstance(lapsed, claims.Claim)
        claims.claim(call=call, now=now)

        claims.delete(claimed=lapsed)
        claims.release(claimed=lapsed)

        with pytest.raises(claims.RequestInProgress):
            claims.claim(call=call, now=now)


class TestAFailure:
    @pytest.mark.parametrize(
        "failure",
        [GatewayAway(), Refused(), ServiceUnavailable(), RuntimeError("bug"), OperationalError()],
        ids=lambda failure: type(failure).__name__,
    )
    def test_that_can_be_resumed_is_resumed_under_the_same_record(
        self, key: str, failure: Exception
    ) -> None:
        Orders.failures.append(failure)

        assert post(key).status_code >= 422
        assert IdempotencyRecord.objects.get().state == "released"
        assert error(post(key, {"count": 1})) == (422, "idempotency_key_reused")
        assert post(key).status_code == 201
        assert len(Orders.runs) == 2
        assert Orders.runs[0] == Orders.runs[1] is not None

    def test_that_changed_nothing_frees_the_key(self, key: str) -> None:
        Orders.failures.append(Conflict())

        assert error(post(key)) == (409, "conflict")
        assert not IdempotencyRecord.objects.exists()
        assert post(key, {"count": 5}).json() == {"run": 2, "count": 5}

    def test_of_validation_frees_the_key_for_the_corrected_body(self, key: str) -> None:
        assert error(post(key, {"count": "x"}, to="/checked")) == (400, "invalid_request")
        assert post(key, {"count": 1}, to="/checked").json() == {"count": 1}

    def test_to_read_the_body_claims_nothing(self, key: str) -> None:
        assert error(post(key, "{")) == (400, "malformed_json")
        assert not IdempotencyRecord.objects.exists()

    @pytest.mark.parametrize(
        ("status", "state"), [(200, "completed"), (404, None), (500, "released")]
    )
    def test_answered_without_an_exception_counts_alike(
        self, key: str, status: int, state: str | None
    ) -> None:
        post(key, to=f"/answer/{status}")

        states = list(IdempotencyRecord.objects.values_list("state", flat=True))
        assert states == ([state] if state else [])


def in_progress(*, leased_for: timedelta) -> None:
    IdempotencyRecord.objects.update(
        state="in_progress",
        response_body=None,
        completed_at=None,
        leased_until=timezone.now() + leased_for,
    )


def test_stores_the_answer_as_it_was_sent(key: str) -> None:
    answer = post(key)

    record = IdempotencyRecord.objects.get()
    assert bytes(record.response_body or b"") == answer.content
    assert json.loads(answer.content) == {"run": 1, "count": 2}
