import time
from datetime import UTC, datetime

import pytest
import redis
from django.conf import settings
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client
from pytest_django import Settings

from apikeys.tenants import wall
from paytrust.operations import metrics, pools, runs, shared_state, traffic

NOW = datetime(2026, 11, 29, tzinfo=UTC)
TOKEN = "a-token-for-prometheus"


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    traffic.flush()
    redis.Redis.from_url(settings.REDIS_URL).flushdb()


def shown(*collectors: metrics.Collector) -> list[str]:
    found = [metric for collector in collectors for metric in collector(NOW)]
    return metrics.render(found).splitlines()


class TestRecord:
    def record(self, seconds: float, *, route: str | None = "invoices", status: int = 200) -> None:
        traffic.record(method="GET", route=route, status=status, seconds=seconds)

    def test_counts_by_method_route_and_status(self) -> None:
        self.record(0.1)
        self.record(0.1)
        self.record(0.1, route=None, status=404)

        lines = shown(traffic.collect)

        counted = 'paytrust_http_requests_total{method="GET",route="%s",status="%s"} %s'
        assert counted % ("invoices", 200, "2.0") in lines
        assert counted % ("none", 404, "1.0") in lines

    def test_counts_each_time_in_its_bucket_and_those_above(self) -> None:
        for seconds in (0.005, 0.02, 0.02, 31):
            self.record(seconds)

        lines = shown(traffic.collect)

        labels = 'method="GET",route="invoices"'
        for le, number in (("0.005", 1), ("0.01", 1), ("0.025", 3), ("30.0", 3), ("+Inf", 4)):
            bucket = f'paytrust_http_request_seconds_bucket{{le="{le}",{labels}}} {number}.0'
            assert bucket in lines
        assert f"paytrust_http_request_seconds_count{{{labels}}} 4.0" in lines
        assert f"paytrust_http_request_seconds_sum{{{labels}}} 31.045" in lines

    def test_adds_to_what_others_counted(self) -> None:
        self.record(0.1)
        traffic.flush()
        other = redis.Redis.from_url(settings.REDIS_URL)
        other.hincrby(traffic.KEY, "requests|GET|invoices|200", 5)

        assert any(line.endswith(" 6.0") for line in shown(traffic.collect) if "_total" in line)

    def test_keeps_its_counts_while_redis_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as away:
            away.setattr(shared_state, "with_redis", lambda _work, *, otherwise: otherwise)
            self.record(0.1)
            traffic.flush()
        traffic.flush()

        assert any('status="200"' in line for line in shown(traffic.collect))

    @pytest.mark.django_db
    def test_is_done_for_each_request_by_its_pattern(self) -> None:
        Client().get("/healthz")
        Client().get("/no/such/path")
        Client().generic("BREW", "/healthz")

        lines = [line for line in shown(traffic.collect) if "requests_total" in line]

        assert sum('route="healthz"' in line for line in lines) == 2
        assert any('method="other"' in line for line in lines)
        assert not any("such" in line for line in lines)


class FullPool:
    max_size = 16

    def __init__(self, used: int) -> None:
        self._used = used

    def get_stats(self) -> dict[str, int]:
        return {"pool_size": 8, "pool_available": 8 - self._used, "requests_waiting": 1}


class TestPools:
    def test_of_a_process_are_counted_with_those_of_merchants(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for kind, used in ((DatabaseWrapper, 3), (wall._MerchantsConnection, 1)):
            monkeypatch.setattr(kind, "_connection_pools", {"default": FullPool(used)})

        assert pools._here() == (4, 32, 2)

    def test_are_summed_over_processes_that_live(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pools, "_here", lambda: (5, 16, 0))
        monkeypatch.setattr(pools._Reported, "again_at", 0)
        pools.report()
        others = redis.Redis.from_url(settings.REDIS_URL)
        others.hset(pools.KEY, "host:1", f"{time.time():.0f} 3 16 2")
        others.hset(pools.KEY, "host:2", "1000 9 16 0")

        lines = shown(pools.collect)

        assert "paytrust_database_connections_used 8.0" in lines
        assert "paytrust_database_connections_waited_for 2.0" in lines
        assert "paytrust_database_connections_most 32.0" in lines
        assert others.hlen(pools.KEY) == 2

    def test_show_what_waits_in_the_queues(self) -> None:
        redis.Redis.from_url(settings.REDIS_URL).rpush("deliveries", "a", "b")

        lines = shown(pools.collect)

        assert 'paytrust_queue_depth{queue="deliveries"} 2.0' in lines
        assert 'paytrust_queue_depth{queue="celery"} 0.0' in lines
        assert "paytrust_valkey_up 1.0" in lines

    def test_say_when_valkey_is_away(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shared_state, "with_redis", lambda _work, *, otherwise: otherwise)

        assert [line for line in shown(pools.collect) if line[0] != "#"] == [
            "paytrust_valkey_up 0.0"
        ]


def test_runs_show_how_long_ago_they_were() -> None:
    runs.note("purge", now=datetime(2026, 11, 28, 23, tzinfo=UTC), count=7)

    assert 'paytrust_job_age_seconds{job="purge"} 3600.0' in shown(runs.collect)
    assert 'paytrust_job_changed{job="purge"} 7.0' in shown(runs.collect)


@pytest.mark.django_db
class TestReading:
    def test_needs_the_token_where_there_is_one(self, settings: Settings) -> None:
        settings.METRICS_TOKEN = TOKEN

        answers = [
            Client().get("/metrics", headers=headers).status_code
            for headers in ({}, {"authorization": "Bearer x"}, {"authorization": f"Bearer {TOKEN}"})
        ]

        assert answers == [404, 404, 200]

    def test_is_closed_to_what_comes_through_our_proxy(self, settings: Settings) -> None:
        settings.TRUSTED_PROXIES = 1

        assert Client().get("/metrics", headers={"x-forwarded-for": "1.2.3.4"}).status_code == 404
        assert Client().get("/metrics").status_code == 200

    def test_is_open_inside_by_any_address_and_without_tls(self, settings: Settings) -> None:
        settings.SECURE_SSL_REDIRECT = True

        for path in ("/metrics", "/healthz", "/readyz"):
            assert Client().get(path, headers={"host": "10.1.2.3:8000"}).status_code == 200, path
