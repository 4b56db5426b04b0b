"""Budgets on a real Valkey: who may call, who must wait, and the gateway's own limit."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client

from gateways.adapter import GatewayBusy
from gateways.budgets import pacing
from gateways.budgets.pacing import Caller, Priority
from gateways.http import GatewaySession
from paytrust.operations import shared_state
from tests.gateways.budgets.test_breaker import without_redis
from tests.gateways.playback import Playback

MERCHANT, REFUND = Priority.MERCHANT, Priority.REFUND
CONFIRMATION, RECONCILIATION = Priority.CONFIRMATION, Priority.RECONCILIATION


@pytest.fixture(autouse=True)
def _redis_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_state.switch, "away_until", 0.0)


@pytest.fixture
def client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)


def caller(priority: Priority = MERCHANT, *, limit: int = 60, **changes: Any) -> Caller:
    fields: dict[str, Any] = {
        "gateway": "xendit",
        "account": "platform",
        "calls_per_minute": limit,
        "priority": priority,
        "tenant_id": None,
    }
    return Caller(**fields | changes)


def takes(who: Caller, *, endpoint: str = "create", times: int = 10_000) -> int:
    """Return how many calls may be made at once."""
    with pacing.calling(who):
        for number in range(times):
            try:
                pacing.take(endpoint, until=time.monotonic())
            except GatewayBusy:
                return number
    return times


class TestTake:
    def test_lets_as_many_calls_through_as_the_limit_says(self) -> None:
        assert takes(caller(limit=60)) == 60

    def test_says_when_the_next_one_may_come(self) -> None:
        takes(caller(limit=60))

        with pacing.calling(caller(limit=60)), pytest.raises(GatewayBusy) as caught:
            pacing.take("create", until=time.monotonic() + 1)

        assert 55 < caught.value.wait_seconds <= 60
        assert caught.value.retry_after_seconds in range(56, 61)

    def test_is_exact_among_many_callers_at_once(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            shares = list(pool.map(lambda _: takes(caller(limit=100)), range(8)))

        assert sum(shares) == 100

    def test_counts_each_kind_of_call_and_each_account_apart(self) -> None:
        takes(caller(limit=60))

        assert takes(caller(limit=60), endpoint="expire") == 60
        assert takes(caller(limit=60, account="7")) == 60

    def test_waits_as_long_as_the_caller_has_patience(self, client: redis.Redis) -> None:
        who = caller()
        free_at = int(time.time() * 1000) + 400
        client.hset(pacing._key(who, "create", "state"), "free_at", free_at)
        started = time.monotonic()

        with pacing.calling(who):
            pacing.take("create", until=time.monotonic() + pacing.patience())

        assert 0.2 < time.monotonic() - started < 1.5

    def test_has_no_limit_where_none_is_known(self) -> None:
        assert takes(caller(limit=0), times=700) == 700

    def test_counts_nothing_without_a_caller(self) -> None:
        pacing.take("create", until=time.monotonic())

        assert takes(caller(limit=60)) == 60

    def test_refuses_nobody_without_redis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without_redis(monkeypatch)

        assert takes(caller(limit=1), times=5) == 5


class TestPriorities:
    @pytest.mark.parametrize(
        ("priority", "at_once"), [(REFUND, 9), (CONFIRMATION, 8), (RECONCILIATION, 5)]
    )
    def test_lower_ones_go_evenly(self, priority: Priority, at_once: int) -> None:
        assert takes(caller(priority, limit=60)) == at_once  # of 54, 45 or 30 a minute, in 10 s

    @pytest.mark.parametrize(
        ("priority", "used"), [(REFUND, 54), (CONFIRMATION, 45), (RECONCILIATION, 30)]
    )
    def test_lower_ones_leave_the_rest_to_those_before_them(
        self, priority: Priority, used: int
    ) -> None:
        takes(caller(limit=60), times=used)

        assert takes(caller(priority, limit=60)) == 0
        assert takes(caller(limit=60)) == 60 - used

    def test_only_a_waiting_merchant_waits(self) -> None:
        waits = []
        for priority in Priority:
            with pacing.calling(caller(priority)):
                waits.append(pacing.patience())

        assert waits == [2.0, 0.0, 0.0, 0.0]


class TestFairness:
    def test_a_burst_leaves_something_for_others(self) -> None:
        burst = takes(caller(limit=600, tenant_id=1))

        assert burst == 540
        assert takes(caller(limit=600, tenant_id=2)) == 30
        assert takes(caller(limit=600, tenant_id=3)) == 30

    def test_tenants_that_call_at_the_same_time_get_the_same(self) -> None:
        made = dict.fromkeys(range(1, 11), 0)
        takes_one = [(tenant_id, caller(limit=600, tenant_id=tenant_id)) for tenant_id in made]
        for _ in range(100):
            for tenant_id, who in takes_one:
                made[tenant_id] += takes(who, times=1)

        assert set(made.values()) == {54}

    def test_an_account_of_ones_own_is_ones_own(self) -> None:
        assert takes(caller(limit=600, tenant_id=None)) == 600


class TestWhatTheGatewaySays:
    def send(self, gateway: Playback, who: Caller) -> None:
        session = GatewaySession(gateway="xendit", user="k")
        with pacing.calling(who):
            session.send("POST", gateway.url, endpoint="create", json={})

    def test_its_limit_takes_the_place_of_ours(self, gateway: Playback) -> None:
        limits = {"Rate-Limit-Limit": "20", "Rate-Limit-Remaining": "19", "Rate-Limit-Reset": "30"}
        gateway.will_answer({}, headers=limits)
        self.send(gateway, caller(limit=600))

        assert takes(caller(limit=600)) == 19

    def test_calls_that_others_made_count(self, gateway: Playback) -> None:
        limits = {"Rate-Limit-Limit": "600", "Rate-Limit-Remaining": "3", "Rate-Limit-Reset": "9.5"}
        gateway.will_answer({}, headers=limits)
        self.send(gateway, caller(limit=600))

        assert takes(caller(CONFIRMATION, limit=600)) == 0
        assert takes(caller(limit=600)) == 3

    @pytest.mark.parametrize(
        "limits",
        [
            {"Rate-Limit-Limit": "many", "Rate-Limit-Remaining": "0", "Rate-Limit-Reset": "9"},
            {"Rate-Limit-Limit": "20"},
            {"Rate-Limit-Limit": "20", "Rate-Limit-Remaining": "-1", "Rate-Limit-Reset": "nan"},
        ],
    )
    def test_what_cannot_be_read_changes_nothing(
        self, gateway: Playback, limits: dict[str, str]
    ) -> None:
        gateway.will_answer({}, headers=limits)
        self.send(gateway, caller(limit=60))

        assert takes(caller(limit=60)) == 59

    @pytest.mark.parametrize("header", ["Rate-Limit-Reset", "Retry-After"])
    def test_a_429_stops_calls_for_as_long_as_it_says(self, gateway: Playback, header: str) -> None:
        gateway.will_answer("<html>Too many</html>", status=429, headers={header: "41.5"})

        with pytest.raises(GatewayBusy) as caught:
            self.send(gateway, caller(limit=600))

        assert caught.value.retry_after_seconds == 42
        assert (takes(caller(limit=600)), len(gateway.asked)) == (0, 1)

    def test_a_short_429_is_waited_for(self, gateway: Playback) -> None:
        gateway.will_answer({}, status=429, headers={"Rate-Limit-Reset": "0.3"})
        gateway.will_answer({"ok": True})

        self.send(gateway, caller(limit=600))

        assert len(gateway.asked) == 2

    def test_repeated_429s_without_a_time_are_spaced(
        self, gateway: Playback, client: redis.Redis
    ) -> None:
        waits = []
        for _ in range(3):
            gateway.will_answer({}, status=429)
            with pytest.raises(GatewayBusy) as caught:
                self.send(gateway, caller(CONFIRMATION, limit=600))
            waits.append(round(caught.value.wait_seconds))
            client.hdel(pacing._key(caller(), "create", "state"), "free_at")

        assert waits == [2, 4, 8]


@pytest.mark.django_db
def test_what_is_left_is_on_metrics() -> None:
    takes(caller(limit=60), times=20)

    shown = Client().get("/metrics").content.decode()

    labels = '{account="platform",endpoint="create",gateway="xendit"}'
    assert f"paytrust_gateway_budget_left{labels} 40" in shown
    assert f"paytrust_gateway_budget{labels} 60" in shown
