"""Endpoints share workers: a dead or slow one must not delay the others."""

import json
import random
import threading
import time
from collections import Counter
from datetime import datetime, timedelta

import psutil
import pytest
from django.db import connections, transaction
from django.utils import timezone

from apikeys.models import Tenant
from events.deliveries import claims, services
from events.models import Delivery, DeliveryAttempt, Event
from events.outbox.services import record_all
from events.outbox.types import Change
from tests.apikeys.factories import TenantFactory
from tests.events import factories
from tests.events.factories import NOON
from tests.events.receivers import Received, shop, shops_apart

pytestmark = pytest.mark.usefixtures("committed", "asleep")


class Workers:
    """What the deliveries process does: one thread hands out, the others tell endpoints."""

    def __init__(self, threads: int) -> None:
        self._queue: list[claims.Claim] = []
        self._changed = threading.Condition()
        self._stopped = False
        targets = [self._hand_out, *[self._deliver] * threads]
        self._threads = [threading.Thread(target=target) for target in targets]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_error: object) -> None:
        self._stopped = True
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _hand_out(self) -> None:
        while not self._stopped:
            found = claims.claim_due(now=timezone.now(), limit=100)
            with self._changed:
                self._queue += found
                self._changed.notify_all()
            time.sleep(0.25)
        connections.close_all()

    def _deliver(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._stopped)
                if self._stopped:
                    break
                claim = self._queue.pop(0)
            again = services.deliver(
                endpoint_id=claim.endpoint_id, lease=claim.lease, now=timezone.now()
            )
            with self._changed:
                if again:
                    self._queue.append(claim)
                    self._changed.notify()
        connections.close_all()


def write_events(tenant: Tenant, *, a_second: int, seconds: int) -> dict[str, float]:
    """Return when each event was written, by its id."""
    written: dict[str, float] = {}
    began = time.monotonic()
    for number in range(a_second * seconds):
        time.sleep(max(0.0, began + number / a_second - time.monotonic()))
        change = Change(type="invoice.paid", object={"id": number}, previous={})
        with transaction.atomic():
            [public_id] = record_all(
                tenant_id=tenant.pk, changes=[change], invoice_id=number, now=timezone.now()
            )
        written[public_id] = time.monotonic()
    return written


def delays(arrived: dict[str, float], written: dict[str, float]) -> list[float]:
    return [at - written[event] for event, at in arrived.items()]


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


class TestSlowAndDeadEndpoints:
    @pytest.mark.parametrize(
        ("healthy", "a_second", "seconds", "slow_for"),
        [
            pytest.param(2, 10, 5, 3, id="small"),
            pytest.param(8, 100, 60, 15, id="long", marks=pytest.mark.slow),
        ],
    )
    def test_delay_nobody_else(
        self, healthy: int, a_second: int, seconds: int, slow_for: float
    ) -> None:
        tenant = TenantFactory.create()
        with shops_apart([slow_for, *[0.0] * healthy]) as shops:
            factories.endpoint(tenant, "http://127.0.0.1:9/dead")
            for url in shops.urls:
                factories.endpoint(tenant, url)
            with Workers(threads=6):
                before = psutil.Process().memory_info().rss
                began = time.monotonic()
                written = write_events(tenant, a_second=a_second, seconds=seconds)
                rate = len(written) / (time.monotonic() - began)  # a busy machine writes slower
                deadline = time.monotonic() + 10
                while any(count < len(written) for count in shops.counts()[1:]):
                    assert time.monotonic() < deadline, shops.counts()
                    time.sleep(0.1)
                grown = psutil.Process().memory_info().rss - before
            slow, *quick = shops.arrivals()

            worst = max(p95(delays(one, written)) for one in quick)
            print(  # noqa: T201  # measured
                f"{rate:.0f} events/s, {rate * healthy:.0f} deliveries/s to healthy endpoints, "
                f"p95 {worst:.2f} s, {len(slow)} at the slow one, {grown >> 20} MiB more"
            )
            assert worst < 2
            assert grown < 200 * 1024 * 1024


@pytest.mark.slow
class TestTenThousandEvents:
    def test_reach_a_receiver_that_fails_at_random_each_in_order(self) -> None:
        tenant = TenantFactory.create()
        chance = random.Random(7)  # noqa: S311  # a receiver's moods
        arrived: dict[int, list[int]] = {}
        lock = threading.Lock()

        def sometimes(came: Received) -> int:
            sent = json.loads(came.body)["data"]["object"]
            with lock:
                if chance.random() < 0.3:
                    return chance.choice([500, 503, 404, 302])
                arrived.setdefault(sent["id"], []).append(sent["n"])
                return 200

        with shop() as receiver:
            receiver.decide = sometimes
            factories.endpoint(tenant, receiver.url)
            for invoice_id in range(1, 1001):
                factories.events(tenant, ["invoice.paid"] * 10, invoice_id=invoice_id)

            now: datetime | None = NOON
            while now is not None:
                for claim in claims.claim_due(now=now, limit=10):
                    while services.deliver(
                        endpoint_id=claim.endpoint_id, lease=claim.lease, now=now
                    ):
                        pass
                now = (
                    Delivery.objects.filter(status="pending")
                    .order_by("next_attempt_at")
                    .values_list("next_attempt_at", flat=True)
                    .first()
                )
                now = now and max(now, NOON) + timedelta(seconds=1)

        statuses = Counter(Delivery.objects.values_list("status", flat=True))
        failed = set(
            Delivery.objects.filter(status="failed").values_list(
                "event__data__object__n", "invoice_id"
            )
        )
        assert Event.objects.count() == statuses.total() == 10_000
        assert statuses["pending"] == 0
        for invoice_id, order in arrived.items():
            expected = [n for n in range(10) if (n, invoice_id) not in failed]
            assert order == expected, invoice_id
        assert DeliveryAttempt.objects.count() == len(receiver.received)
