"""Locks that cannot be had, connections given back, constraints named."""

from time import monotonic
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from apikeys.models import Tenant
from paytrust.operations.database import (
    LOCK_TRIES,
    PaymentInProgress,
    is_lock_timeout,
    release_connection,
    violated_constraint,
    with_lock_tries,
)
from tests.apikeys.factories import NOON, TenantFactory
from tests.concurrency.threads import locked_elsewhere


def take_lock() -> None:
    with transaction.atomic():
        list(Tenant.objects.select_for_update(nowait=True))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited between the tries, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


class TestWithLockTries:
    @pytest.mark.usefixtures("committed")
    def test_gives_up_after_three_tries_and_the_stated_waits(self, waits: list[float]) -> None:
        TenantFactory.create()

        with locked_elsewhere(Tenant.objects.all()), pytest.raises(PaymentInProgress) as refusal:
            with_lock_tries(take_lock)

        assert is_lock_timeout(refusal.value.__cause__)  # type: ignore[arg-type]
        assert len(waits) == LOCK_TRIES - 1 == 2
        assert 0.08 <= waits[0] <= 0.12
        assert 0.18 <= waits[1] <= 0.22

    @pytest.mark.usefixtures("committed")
    def test_also_when_lock_timeout_runs_out(self, waits: list[float]) -> None:
        TenantFactory.create()

        def wait_for_lock() -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '20ms'")
                list(Tenant.objects.select_for_update())

        with locked_elsewhere(Tenant.objects.all()), pytest.raises(PaymentInProgress):
            with_lock_tries(wait_for_lock)

        assert len(waits) == 2

    @pytest.mark.usefixtures("committed")
    def test_goes_on_once_the_lock_is_free(self, monkeypatch: pytest.MonkeyPatch) -> None:
        TenantFactory.create()
        held = locked_elsewhere(Tenant.objects.all())
        held.__enter__()
        monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: held.__exit__(None, None, None))

        started = monotonic()
        with_lock_tries(take_lock)

        assert monotonic() - started < 4  # it would wait for 5

    def test_waits_are_not_always_the_same(self, waits: list[float]) -> None:
        def refuse() -> None:
            raise OperationalError from LockNotAvailable

        for _ in range(20):
            with pytest.raises(PaymentInProgress):
                with_lock_tries(refuse)

        assert len(set(waits)) > 20
        assert all(0.08 <= wait <= 0.12 for wait in waits[::2])
        assert all(0.18 <= wait <= 0.22 for wait in waits[1::2])

    @pytest.mark.parametrize("error", [OperationalError("gone"), ValueError("no")])
    def test_tries_nothing_else_again(self, error: Exception, waits: list[float]) -> None:
        runs = []

        def fail() -> None:
            runs.append(1)
            raise error

        with pytest.raises(type(error)):
            with_lock_tries(fail)

        assert (len(runs), waits) == (1, [])

    def test_returns_what_the_work_returns(self) -> None:
        assert with_lock_tries(lambda: 7) == 7


class TestReleaseConnection:
    @pytest.mark.django_db
    def test_refuses_inside_a_transaction(self) -> None:
        with pytest.raises(AssertionError, match="gateway was about to be called"):
            release_connection()

    @pytest.mark.usefixtures("committed")
    def test_gives_the_connection_back(self) -> None:
        connection.ensure_connection()

        release_connection()

        assert connection.connection is None

    @pytest.mark.usefixtures("committed")
    def test_can_be_done_without_one(self) -> None:
        connection.close()

        release_connection()

        assert Tenant.objects.count() == 0


@pytest.mark.django_db
class TestViolatedConstraint:
    def test_is_the_one_that_a_write_broke(self) -> None:
        TenantFactory.create(name="Kopi Gayo")

        with pytest.raises(IntegrityError) as error, transaction.atomic():
            Tenant.objects.create(name="Kopi Gayo", created_at=NOON)

        assert violated_constraint(error.value) == "tenant_name"

    @pytest.mark.parametrize("error", [IntegrityError(), IntegrityError("by hand")])
    def test_is_none_where_the_database_said_nothing(self, error: Any) -> None:
        assert violated_constraint(error) is None
