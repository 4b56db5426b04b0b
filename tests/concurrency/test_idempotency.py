import time
from collections import Counter
from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.idempotency import claims
from apikeys.models import IdempotencyRecord
from tests.apikeys.factories import api_key

pytestmark = [pytest.mark.usefixtures("committed"), pytest.mark.urls(__name__)]

CALLERS = 20


class Orders(APIView):
    runs: list[int] = []  # emptied before each test

    @claims.idempotent
    def post(self, request: Request) -> Response:
        self.runs.append(1)
        time.sleep(0.05)  # long enough for the others to come in
        return Response({"run": len(self.runs)}, 201)


urlpatterns = [path("orders", Orders.as_view())]


@pytest.fixture(autouse=True)
def _no_runs_yet() -> None:
    Orders.runs.clear()


def at_once(call: Callable[[], int]) -> Counter[int]:
    """Make the same call from many threads and count the answers' statuses."""
    barrier = Barrier(CALLERS)
    statuses: list[int] = []

    def run() -> None:
        barrier.wait()
        try:
            statuses.append(call())
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)


def post(key: str) -> int:
    headers = {"x-api-key": key, "idempotency-key": "k1"}
    return (
        Client().post("/orders", {}, content_type="application/json", headers=headers).status_code
    )


def test_of_many_same_calls_at_once_one_runs() -> None:
    _, key = api_key()

    statuses = at_once(lambda: post(key))

    assert len(Orders.runs) == 1
    assert statuses[201] == 1
    assert statuses[200] + statuses[409] == CALLERS - 1
    assert IdempotencyRecord.objects.get().state == "completed"


def test_of_many_that_meet_an_abandoned_call_one_takes_it_over() -> None:
    _, key = api_key()
    post(key)
    IdempotencyRecord.objects.update(state="released", response_body=None, completed_at=None)

    statuses = at_once(lambda: post(key))

    assert len(Orders.runs) == 2
    assert statuses[201] == 1
    assert statuses[200] + statuses[409] == CALLERS - 1


def test_control_without_the_claim_all_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def claim_without_asking(**_call: object) -> claims.Claim:
        return claims.Claim(record_id=IdempotencyRecord().pk, leased_until=None)  # type: ignore[arg-type]

    _, key = api_key()
    monkeypatch.setattr(claims, "claim", claim_without_asking)

    at_once(lambda: post(key))

    assert len(Orders.runs) == CALLERS
