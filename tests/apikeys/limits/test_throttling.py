import math
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apikeys.audit.recording import Caller
from apikeys.keys import hashing, services
from apikeys.limits import throttling
from apikeys.limits.throttling import MemoryLimiter, OpenWhenAway, RateLimiter, RedisLimiter
from paytrust.operations import shared_state
from tests.apikeys.factories import api_key
from tests.payments.webhooks.test_confirming import TOKEN

TAKE_MANY = """
import os, sys, django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paytrust.settings")
django.setup()
from apikeys.limits.throttling import RedisLimiter
limiter = RedisLimiter(os.environ["REDIS_URL"])
print(sum(limiter.take(sys.argv[1], limit=1000, seconds=60).allowed for _ in range(700)))
"""

Clock = Callable[[float], None]  # moves on by seconds


@pytest.fixture
def bucket() -> str:
    return uuid.uuid4().hex


@pytest.fixture(params=["memory", "redis"])
def limiter_and_clock(request: pytest.FixtureRequest, bucket: str) -> tuple[RateLimiter, Clock]:
    """A limiter, and what makes time pass for it."""
    if request.param == "memory":
        now = [1000.0]

        def pass_time(seconds: float) -> None:
            now[0] += seconds

        return MemoryLimiter(lambda: now[0]), pass_time

    return RedisLimiter(os.environ["REDIS_URL"]), lambda seconds: age(bucket, seconds)


def age(bucket: str, seconds: float) -> None:
    """Move what Redis remembers into the past: its own clock cannot be moved."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as server:
        name = f"paytrust:rate:{bucket}"
        moments = [int(moment) for moment in server.lrange(name, 0, -1)]
        server.delete(name)
        if moments:
            server.rpush(name, *(moment - int(seconds * 1_000_000) for moment in moments))


def allowed(limiter: RateLimiter, bucket: str, times: int, *, limit: int = 1000) -> int:
    standings = [limiter.take(bucket, limit=limit, seconds=60) for _ in range(times)]
    return sum(standing.allowed for standing in standings if standing)


class TestTake:
    def test_lets_1000_pass_and_not_one_more(
        self, limiter_and_clock: tuple[RateLimiter, Clock], bucket: str
    ) -> None:
        limiter, _ = limiter_and_clock

        assert allowed(limiter, bucket, 1005) == 1000

    def test_slides_so_that_no_edge_lets_twice_the_limit_pass(
        self, limiter_and_clock: tuple[RateLimiter, Clock], bucket: str
    ) -> None:
        limiter, pass_time = limiter_and_clock
        passed = []
        # Real time passes besides, on a busy machine several seconds: each step leaves room for it.
        for seconds, times in [(0, 10), (30, 990), (20, 5), (15, 15), (30, 1000)]:
            pass_time(seconds)
            passed.append(allowed(limiter, bucket, times))

        # After 65 s the first ten are past; after 95 s the 990 of second 30 are too.
        assert passed == [10, 990, 0, 10, 990]

    def test_tells_how_the_bucket_stands(
        self, limiter_and_clock: tuple[RateLimiter, Clock], bucket: str
    ) -> None:
        limiter, pass_time = limiter_and_clock
        seen = []
        for seconds in (0, 21.05, 0, 39.05):  # real time may pass besides, up to 0.9 s
            pass_time(seconds)
            standing = limiter.take(bucket, limit=2, seconds=60)
            assert standing is not None
            seen.append((standing.allowed, standing.remaining, standing.reset_seconds))

        assert seen == [(True, 1, 60), (True, 0, 39), (False, 0, 39), (True, 0, 21)]

    def test_counts_each_bucket_by_itself(
        self, limiter_and_clock: tuple[RateLimiter, Clock], bucket: str
    ) -> None:
        limiter, _ = limiter_and_clock

        assert allowed(limiter, bucket, 3, limit=2) == 2
        assert allowed(limiter, f"{bucket}x", 3, limit=2) == 2

    def test_takes_nothing_by_looking(
        self, limiter_and_clock: tuple[RateLimiter, Clock], bucket: str
    ) -> None:
        limiter, _ = limiter_and_clock
        looks = []
        for _ in range(3):
            looks += [limiter.take(bucket, limit=2, seconds=60, only_look=True) for _ in range(2)]
            limiter.take(bucket, limit=2, seconds=60)

        assert [look.allowed for look in looks if look] == [True] * 4 + [False] * 2
        assert [look.remaining for look in looks if look] == [2, 2, 1, 1, 0, 0]


class TestRedisLimiter:
    def test_is_exact_across_two_processes(self, bucket: str) -> None:
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", TAKE_MANY, bucket], stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        counts = [int(worker.communicate(timeout=60)[0]) for worker in workers]

        assert sum(counts) == 1000

    def test_drops_a_window_when_it_is_past(self, bucket: str) -> None:
        allowed(RedisLimiter(os.environ["REDIS_URL"]), bucket, 1)

        with redis.Redis.from_url(os.environ["REDIS_URL"]) as server:
            assert 59_000 < server.pttl(f"paytrust:rate:{bucket}") <= 60_000


class TestMemoryLimiter:
    def test_keeps_a_bounded_number_of_buckets(self) -> None:
        limiter = MemoryLimiter(at_most=3)
        for number in range(10):
            limiter.take(str(number), limit=1, seconds=60)

        assert list(limiter._windows) == ["7", "8", "9"]


class TestOpenWhenAway:
    def test_lets_everything_pass_and_counts_it(self) -> None:
        limiter = OpenWhenAway(RedisLimiter("redis://127.0.0.1:9/0"))

        assert [limiter.take("x", limit=1, seconds=60) for _ in range(3)] == [None] * 3
        assert limiter.let_through == 3

    def test_asks_again_after_a_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        limiter = OpenWhenAway(RedisLimiter("redis://127.0.0.1:9/0"))
        limiter.take("x", limit=1, seconds=60)
        limiter._limiter = MemoryLimiter()

        assert limiter.take("x", limit=1, seconds=60) is None
        monkeypatch.setattr(limiter.switch, "away_until", 0.0)
        assert limiter.take("x", limit=1, seconds=60) is not None


class TestCollect:
    def shown(self) -> dict[str, float]:
        text = Client().get("/metrics").text
        return {
            name.removeprefix("paytrust_"): float(value)
            for name, _, value in (line.partition(" ") for line in text.splitlines())
            if name.startswith("paytrust_rate_limiter")
        }

    @pytest.mark.django_db
    def test_shows_what_passed_uncounted_once_redis_is_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limiter = OpenWhenAway(RedisLimiter("redis://127.0.0.1:9/0"))
        monkeypatch.setattr(throttling, "limiter", lambda: limiter)
        monkeypatch.setattr(shared_state.switch, "away_until", math.inf)
        for _ in range(3):
            limiter.take("x", limit=1, seconds=60)
        assert self.shown() == {"rate_limiter_up": 0, "rate_limiter_unreported": 3}

        monkeypatch.setattr(shared_state.switch, "away_until", 0.0)
        limiter._limiter, limiter.switch.away_until = MemoryLimiter(), 0.0
        limiter.take("x", limit=1, seconds=60)

        assert self.shown() == {
            "rate_limiter_up": 1,
            "rate_limiter_unreported": 0,
            "rate_limiter_let_through_total": 3,
        }


@pytest.fixture
def _own_limiter(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = MemoryLimiter()
    monkeypatch.setattr(throttling, "limiter", lambda: limiter)


def ask(key: str, **more: Any) -> Any:
    return Client().get("/gateways", headers={"x-api-key": key}, **more)


@pytest.mark.django_db
@pytest.mark.usefixtures("_own_limiter")
class TestKeyThrottle:
    def test_refuses_the_one_too_many_and_says_when_to_come_back(self, settings: Settings) -> None:
        settings.RATE_LIMIT_REQUESTS = 2
        _, key = api_key()

        answers = [ask(key) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
        assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"2"}
        assert answers[2].json()["error"] == "rate_limited"
        assert answers[2].headers["Retry-After"] == answers[2].headers["RateLimit-Reset"] == "60"

    def test_limits_no_other_key(self, settings: Settings) -> None:
        settings.RATE_LIMIT_REQUESTS = 1
        (_, first), (_, second) = api_key(), api_key()

        assert [ask(key).status_code for key in (first, first, second)] == [200, 429, 200]


@pytest.mark.django_db
@pytest.mark.usefixtures("_own_limiter")
class TestCountFailure:
    def test_refuses_the_61st_wrong_key_of_a_minute(self, settings: Settings) -> None:
        settings.FAILED_AUTHENTICATION_LIMIT = 60

        statuses = [ask(f"{number:064x}").status_code for number in range(62)]

        assert statuses == [401] * 60 + [429] * 2

    def test_locks_out_no_key_that_has_been_used_and_no_other_address(
        self, settings: Settings
    ) -> None:
        settings.FAILED_AUTHENTICATION_LIMIT = 1
        _, key = api_key()
        assert ask(key).status_code == 200

        assert [ask("0" * 64).status_code for _ in range(2)] == [401, 429]
        assert ask(key).status_code == 200
        assert ask("0" * 64, REMOTE_ADDR="192.0.2.1").status_code == 401
        assert ask("0" * 64, REMOTE_ADDR="192.0.2.2").status_code == 401
        assert ask("0" * 64, REMOTE_ADDR="192.0.2.2").status_code == 429

    def test_turns_a_flood_away_without_a_query_or_argon2(
        self,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
        django_assert_num_queries: Any,
    ) -> None:
        settings.FAILED_AUTHENTICATION_LIMIT = 1
        _, never_used = api_key()
        ask("0" * 64)
        hashed: list[str] = []
        monkeypatch.setattr(hashing, "_matches", lambda **_: hashed.append("argon2"))

        with django_assert_num_queries(0):
            answers = [ask(key) for key in ("0" * 64, "1" * 64, never_used)]

        assert [answer.status_code for answer in answers] == [429] * 3
        assert {answer.headers["Retry-After"] for answer in answers} == {"60"}
        assert hashed == []

    def test_turns_away_who_goes_on_with_a_revoked_key(
        self, settings: Settings, django_assert_num_queries: Any
    ) -> None:
        settings.FAILED_AUTHENTICATION_LIMIT = 1
        row, key = api_key()
        ask(key)
        services.revoke_key(key_id=row.pk, caller=Caller(actor="tests"), now=timezone.now())

        assert ask(key).status_code == 401
        with django_assert_num_queries(0):
            assert ask(key).status_code == 429

    def test_asks_once_a_second_about_an_address_without_failures(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.FAILED_AUTHENTICATION_LIMIT = 1
        looked: list[str] = []
        limiter = MemoryLimiter()

        def take(bucket: str, **asked: Any) -> Any:
            looked.append(bucket)
            return MemoryLimiter.take(limiter, bucket, **asked)

        monkeypatch.setattr(throttling.limiter(), "take", take)
        monkeypatch.setattr(throttling, "blameless", throttling._Blameless())

        def post(token: str) -> int:
            headers = {"x-callback-token": token}
            return (
                Client().post("/webhooks/xendit", b"{}", "text/plain", headers=headers).status_code
            )

        right = TOKEN["x-callback-token"]
        assert [post(token) for token in (right, right, "guess", "guess", right)] == [
            *(200, 200, 401, 429, 429)
        ]
        assert len(looked) == 4  # the first look; the failure; the two looks after it

    def test_counts_what_one_ipv6_network_tries_together(self, settings: Settings) -> None:
        settings.FAILED_AUTHENTICATION_LIMIT = 1

        assert ask("0" * 64, REMOTE_ADDR="2001:db8::1").status_code == 401
        assert ask("0" * 64, REMOTE_ADDR="2001:db8::2").status_code == 429

    def test_guards_the_admin_key_too(self, settings: Settings) -> None:
        settings.FAILED_AUTHENTICATION_LIMIT = 1
        wrong = {"x-admin-key": "wrong"}

        statuses = [Client().get("/api-keys", headers=wrong).status_code for _ in range(2)]

        assert statuses == [401, 429]
