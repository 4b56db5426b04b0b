import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.test import Client

from apikeys.keys import services as apikeys
from gateways.adapter import GatewayBusy, GatewayRejected, GatewayTimeout, GatewayUnavailable
from gateways.budgets import breaker
from gateways.budgets.breaker import Status
from paytrust.operations import metrics, shared_state
from tests.apikeys.factories import NOON, TenantFactory
from tests.conftest import Merchant, Sandbox
from tests.factories import invoice_body

NAME = "xendit"


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    """Redis itself, the gateway's state and the counters forgotten before and after."""
    with redis.Redis.from_url(settings.REDIS_URL, decode_responses=True) as client:
        breaker.reset(NAME)
        client.delete(metrics.COUNTERS)
        yield client
        breaker.reset(NAME)
        client.delete(metrics.COUNTERS)


def call(outcome: Exception | str = "page") -> str:
    """Make a watched call with this result, and return whether it was made."""

    def work() -> str:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    try:
        return breaker.watched(NAME, work)
    except GatewayUnavailable as error:
        return "refused" if "was not asked" in str(error) else "failed"
    except (GatewayTimeout, GatewayRejected) as error:
        return type(error).__name__


DEAD = GatewayUnavailable(NAME, "no connection")


def fail(times: int) -> list[str]:
    return [call(DEAD) for _ in range(times)]


def pause(client: redis.Redis) -> int:
    """Return for how many milliseconds calls are refused after a failure."""
    return int(client.hget(breaker._key(NAME), "pause") or 0)


def after_the_pause(client: redis.Redis) -> None:
    client.hset(breaker._key(NAME), "probe_at", 0)


@pytest.mark.usefixtures("client")
class TestWatched:
    def test_lets_calls_through_and_returns_their_answer(self) -> None:
        assert call("page") == "page"
        assert breaker.health_of(NAME).status == Status.UP

    def test_refuses_at_once_after_five_failures_in_a_row(self) -> None:
        assert fail(5) == ["failed"] * 5
        assert call("page") == "refused"
        assert breaker.health_of(NAME).status == Status.DOWN

    def test_counts_time_outs_alike(self) -> None:
        assert [call(GatewayTimeout(NAME, "no answer")) for _ in range(6)] == [
            *["GatewayTimeout"] * 5,
            "refused",
        ]

    def test_a_success_between_begins_the_count_anew(self) -> None:
        fail(4)
        call()

        assert fail(4) == ["failed"] * 4
        assert call("page") == "page"

    def test_a_refusal_is_an_answer(self) -> None:
        fail(4)
        refusal = GatewayRejected(NAME, gateway_code="X", gateway_message="no")

        assert call(refusal) == "GatewayRejected"
        assert breaker.health_of(NAME).consecutive_failures == 0

    def test_one_probe_after_each_pause_and_the_first_success_lets_all_through(
        self, client: redis.Redis
    ) -> None:
        fail(5)
        after_the_pause(client)

        assert (call(DEAD), call("page")) == ("failed", "refused")
        after_the_pause(client)
        assert (call("page"), call("page")) == ("page", "page")

    def test_the_pause_begins_short_and_each_failed_probe_doubles_it(
        self, client: redis.Redis
    ) -> None:
        fail(5)
        pauses = [pause(client)]
        for _ in range(6):
            after_the_pause(client)
            fail(1)
            pauses.append(pause(client))

        assert pauses == [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]

        after_the_pause(client)
        call()
        fail(5)
        assert pause(client) == 1_000

    def test_calls_that_were_under_way_do_not_lengthen_the_pause(self, client: redis.Redis) -> None:
        fail(4)
        breaker._last_seen[breaker._key(NAME)] = (time.monotonic(), False)

        def fails_after_the_others() -> str:
            fail(3)
            raise DEAD

        with pytest.raises(GatewayUnavailable):
            breaker.watched(NAME, fails_after_the_others)

        assert breaker.health_of(NAME).consecutive_failures == 6
        assert pause(client) == 1_000

    def test_while_a_probe_is_under_way_nobody_else_is_let_through(
        self, client: redis.Redis
    ) -> None:
        fail(5)
        after_the_pause(client)
        others: list[str] = []

        def probe() -> str:
            breaker._last_seen.clear()  # another process
            others.append(call("page"))
            return "page"

        assert breaker.watched(NAME, probe) == "page"
        assert others == ["refused"]

    def test_another_process_sees_it_too(self) -> None:
        fail(5)
        breaker._last_seen.clear()

        assert call("page") == "refused"

    def test_without_redis_nothing_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without_redis(monkeypatch)

        assert fail(9) == ["failed"] * 9
        assert call("page") == "page"
        assert breaker.health_of(NAME).status == Status.UP

    def test_costs_one_round_trip_when_all_is_well(
        self, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        call()
        trips: list[object] = []
        ask = shared_state.with_redis

        def counted(work: Callable[[Any], Any], *, otherwise: Any) -> Any:
            trips.append(work)
            return ask(work, otherwise=otherwise)

        monkeypatch.setattr(shared_state, "with_redis", counted)
        call()

        assert len(trips) == 1


@pytest.mark.usefixtures("client")
class TestHealthOf:
    def test_nothing_is_known_of_a_gateway_never_called(self) -> None:
        assert breaker.health_of(NAME) == breaker.Health()

    def test_a_failure_degrades_it(self) -> None:
        fail(1)

        assert breaker.health_of(NAME).status == Status.DEGRADED

    def test_so_does_slowness(self) -> None:
        assert breaker.Health(0, 3_001.0).status == Status.DEGRADED
        assert breaker.Health(0, 2_999.0).status == Status.UP


class TestOpeningAPayment:
    def test_is_answered_at_once_while_the_gateway_is_down_and_resumes_after_a_probe(
        self, merchant: Merchant, sandbox: Sandbox, client: redis.Redis
    ) -> None:
        fail(5)
        body = invoice_body(external_id="order-77")

        refused = merchant.post("/invoices", json=body)
        listed = merchant.get("/gateways").json()["results"]
        charges = sandbox.charges()
        after_the_pause(client)
        breaker._last_seen.clear()
        resumed = merchant.post("/invoices", json=body)

        assert (refused.status_code, refused.json()["error"]) == (502, "gateway_unavailable")
        assert refused.elapsed.total_seconds() < 1
        assert charges == []
        assert [(row["name"], row["status"]) for row in listed] == [
            ("Xendit", "down"),
            ("Midtrans", "up"),
        ]
        assert resumed.status_code == 201
        assert merchant.get("/gateways").json()["results"][0]["status"] == "up"


class TestAccounts:
    def test_one_that_fails_refuses_nobody_elses_calls(self, client: redis.Redis) -> None:
        for _ in range(5):
            with pytest.raises(GatewayUnavailable):
                breaker.watched(NAME, away, account="7")

        with pytest.raises(GatewayUnavailable, match="was not asked"):
            breaker.watched(NAME, lambda: "page", account="7")
        assert breaker.watched(NAME, lambda: "page") == "page"
        assert breaker.health_of(NAME, account="7").status == Status.DOWN
        assert breaker.health_of(NAME).status == Status.UP

    def test_a_limit_is_no_failure(self, client: redis.Redis) -> None:
        for _ in range(7):
            with pytest.raises(GatewayBusy):
                breaker.watched(NAME, busy)

        assert breaker.health_of(NAME) == breaker.Health()


def away() -> str:
    raise GatewayUnavailable(NAME, "away")


def busy() -> str:
    raise GatewayBusy(NAME, retry_after_seconds=9)


@pytest.mark.django_db
class TestMetrics:
    def shown(self) -> dict[str, float]:
        lines = Client().get("/metrics").content.decode().splitlines()
        pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {name: float(value) for name, _, value in pairs}

    def test_show_how_gateways_are_and_what_waits(self, client: redis.Redis) -> None:
        call()
        fail(2)

        shown = self.shown()

        assert shown['paytrust_gateway_calls_total{gateway="xendit",outcome="ok"}'] == 1
        assert shown['paytrust_gateway_calls_total{gateway="xendit",outcome="failed"}'] == 2
        assert (
            shown['paytrust_gateway_consecutive_failures{account="platform",gateway="xendit"}'] == 2
        )
        assert shown['paytrust_gateway_up{account="platform",gateway="xendit"}'] == 1
        assert shown["paytrust_webhooks_failed"] == 0
        assert shown["paytrust_webhooks_waiting"] == 0

    def test_count_refused_notifications(self, client: redis.Redis) -> None:
        Client().post("/webhooks/xendit", {}, content_type="application/json")

        assert self.shown()['paytrust_webhooks_refused_total{gateway="xendit"}'] == 1

    def test_do_without_redis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        without_redis(monkeypatch)

        assert self.shown()["paytrust_webhooks_failed"] == 0

    def test_are_only_read(self) -> None:
        answer = Client().post("/metrics")

        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")

    def test_name_no_secret(self, client: redis.Redis) -> None:
        tenant = TenantFactory.create()
        _, key = apikeys.create_key(
            tenant=tenant, description="x", actor="tests", ip_address=None, now=NOON
        )
        Client().get("/gateways", headers={"x-api-key": key})

        assert key not in Client().get("/metrics").content.decode()


def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shared_state,
        "_client",
        lambda: redis.Redis.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=0.1),
    )
    monkeypatch.setattr(shared_state.switch, "away_until", 0.0)
    monkeypatch.setattr(breaker, "_last_seen", {})
