"""Locks that are not available, and due rows that go to one caller each."""

from collections.abc import Callable
from threading import Barrier
from time import monotonic, sleep

import pytest
from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from apikeys.models import Tenant
from paytrust.errors import PayTrustError
from paytrust.operations import locking
from paytrust.operations.locking import LOCK_TRIES, in_locked_transaction, is_lock_timeout
from tests.apikeys.factories import TenantFactory
from tests.concurrency.threads import at_once, locked_elsewhere


class TenantBusy(PayTrustError):
    """What an app calls a lock that it cannot have."""


locked = in_locked_transaction(held=TenantBusy)


@locked
def rename(name: str) -> str:
    """Write before the lock is asked for, so that a try which fails must undo it."""
    Tenant.objects.create(name=name, created_at="2026-11-22T12:00:00Z")
    list(Tenant.objects.exclude(name=name).select_for_update(nowait=True))
    return name


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited between the tries, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


class TestInLockedTransaction:
    @pytest.mark.usefixtures("committed")
    def test_gives_up_after_three_tries_and_the_stated_waits(self, waits: list[float]) -> None:
        TenantFactory.create(name="Kopi Gayo")

        with locked_elsewhere(Tenant.objects.all()), pytest.raises(TenantBusy) as refusal:
            rename("Teh Botol")

        assert refusal.value.__cause__ is not None
        assert is_lock_timeout(refusal.value.__cause__)
        assert len(waits) == LOCK_TRIES - 1 == 2
        assert 0.08 <= waits[0] <= 0.12
        assert 0.18 <= waits[1] <= 0.22
        assert [tenant.name for tenant in Tenant.objects.all()] == ["Kopi Gayo"]

    @pytest.mark.usefixtures("committed")
    def test_also_when_lock_timeout_runs_out(self, waits: list[float]) -> None:
        TenantFactory.create()

        @locked
        def wait_for_lock() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '20ms'")
            list(Tenant.objects.select_for_update())

        with locked_elsewhere(Tenant.objects.all()), pytest.raises(TenantBusy):
            wait_for_lock()

        assert len(waits) == 2

    @pytest.mark.usefixtures("committed")
    def test_of_two_that_wait_for_each_other_both_end_well(self) -> None:
        ids = [TenantFactory.create().pk for _ in range(2)]
        both_hold_one = Barrier(2, timeout=10)
        tries: list[int] = []

        @locked
        def lock_in_order(first: int, second: int) -> None:
            tries.append(first)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '20s'")
            Tenant.objects.select_for_update().get(pk=first)
            if tries.count(first) == 1:
                both_hold_one.wait()
            Tenant.objects.select_for_update().get(pk=second)

        outcomes = at_once(lambda: lock_in_order(*ids), lambda: lock_in_order(*reversed(ids)))

        assert outcomes == [None, None]
        assert len(tries) == 3  # PostgreSQL ended one of the two, once

    @pytest.mark.usefixtures("committed")
    def test_goes_on_once_the_lock_is_free(self, monkeypatch: pytest.MonkeyPatch) -> None:
        TenantFactory.create()
        held = locked_elsewhere(Tenant.objects.all())
        held.__enter__()
        monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: held.__exit__(None, None, None))

        started = monotonic()

        assert rename("Teh Botol") == "Teh Botol"
        assert monotonic() - started < 4  # it would wait for 5
        assert Tenant.objects.filter(name="Teh Botol").count() == 1

    @pytest.mark.usefixtures("committed")
    def test_waits_are_not_always_the_same(self, waits: list[float]) -> None:
        @locked
        def refuse() -> None:
            raise OperationalError from LockNotAvailable

        for _ in range(20):
            with pytest.raises(TenantBusy):
                refuse()

        assert len(set(waits)) > 20
        assert all(0.08 <= wait <= 0.12 for wait in waits[::2])
        assert all(0.18 <= wait <= 0.22 for wait in waits[1::2])

    @pytest.mark.usefixtures("committed")
    @pytest.mark.parametrize("error", [OperationalError("gone"), ValueError("no")])
    def test_tries_nothing_else_again(self, error: Exception, waits: list[float]) -> None:
        runs = []

        @locked
        def fail() -> None:
            runs.append(1)
            raise error

        with pytest.raises(type(error)):
            fail()

        assert (len(runs), waits) == (1, [])

    @pytest.mark.usefixtures("committed")
    def test_keeps_nothing_of_a_work_that_fails(self) -> None:
        @locked
        def fail() -> None:
            TenantFactory.create()
            raise TenantBusy

        with pytest.raises(TenantBusy):
            fail()

        assert not Tenant.objects.exists()

    @pytest.mark.usefixtures("committed")
    def test_inside_another_it_belongs_to_that(self, waits: list[float]) -> None:
        tries = []

        @locked
        def refuse() -> None:
            TenantFactory.create()
            raise OperationalError from LockNotAvailable

        @locked
        def outer() -> None:
            tries.append(1)
            refuse()

        with pytest.raises(TenantBusy):
            outer()

        assert (len(tries), len(waits)) == (3, 2)
        assert not Tenant.objects.exists()


def claiming(limit: int) -> Callable[[], list[int]]:
    """Return the call that takes tenants which are not taken; taken ones have a suffix."""
    return lambda: locking.claim(
        Tenant.objects.exclude(name__endswith="taken"),
        by="name",
        taken=lambda ids: [Tenant.objects.filter(pk=pk).update(name=f"{pk} taken") for pk in ids],
        limit=limit,
    )


@pytest.mark.usefixtures("committed")
class TestClaim:
    def test_gives_each_row_to_one_of_those_who_claim_at_once(self) -> None:
        tenants = [TenantFactory.create() for _ in range(20)]

        claims = at_once(*[claiming(5)] * 4)

        given = [pk for claim in claims for pk in claim]  # type: ignore[union-attr]
        assert len(given) == len(set(given))
        assert set(given) <= {tenant.pk for tenant in tenants}
        assert set(given) | set(claiming(100)()) == {tenant.pk for tenant in tenants}

    def test_passes_over_what_another_is_taking(self) -> None:
        held, free = TenantFactory.create(), TenantFactory.create()

        with locked_elsewhere(Tenant.objects.filter(pk=held.pk)):
            assert claiming(5)() == [free.pk]
        assert claiming(5)() == [held.pk]


def most_together(lock: Callable[[], None]) -> int:
    """Let four transactions do the same work; return how many were in it at the same time."""
    inside: list[int] = []
    seen: list[int] = []

    def work() -> None:
        with transaction.atomic():
            lock()
            inside.append(1)
            seen.append(len(inside))
            sleep(0.1)
            inside.pop()

    assert at_once(*[work] * 4) == [None] * 4
    return max(seen)


@pytest.mark.usefixtures("committed")
class TestOneAtATime:
    def test_keeps_others_out_until_the_commit(self) -> None:
        assert most_together(lambda: locking.one_at_a_time("a test")) == 1

    def test_is_needed_for_that(self) -> None:
        assert most_together(lambda: None) > 1

    def test_holds_up_no_work_of_another_name(self) -> None:
        names = iter("abcd")

        assert most_together(lambda: locking.one_at_a_time(next(names))) > 1
