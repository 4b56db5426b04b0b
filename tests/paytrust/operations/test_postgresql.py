"""The pool of connections: what is idle is checked, what was just used is not."""

import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection, transaction

from paytrust.operations.postgresql.base import PooledConnection, check_if_idle

pytestmark = pytest.mark.usefixtures("committed")
WHO = ("dbname", "user", "password", "host", "port")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """An hour from now, which a test moves on."""
    now = [time.monotonic() + 3600]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def own() -> Iterator[PooledConnection]:
    """A connection that was never checked."""
    wanted = connection.get_connection_params()
    with PooledConnection.connect(**{name: wanted[name] for name in WHO}, autocommit=True) as made:
        yield made


def end(own: PooledConnection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])


class TestCheckIfIdle:
    def test_finds_what_was_lost_while_it_was_idle(
        self, clock: list[float], own: PooledConnection
    ) -> None:
        check_if_idle(own)
        end(own)
        clock[0] += 1.0

        with pytest.raises(psycopg.OperationalError):
            check_if_idle(own)

    def test_asks_nothing_within_a_second(self, clock: list[float], own: PooledConnection) -> None:
        check_if_idle(own)
        end(own)
        clock[0] += 0.9

        check_if_idle(own)

    def test_asks_about_one_that_was_never_used(self, own: PooledConnection) -> None:
        end(own)

        with pytest.raises(psycopg.OperationalError):
            check_if_idle(own)


class TestThePool:
    def test_checks_what_it_lends(self) -> None:
        connection.close()
        connection.ensure_connection()

        assert isinstance(connection.connection, PooledConnection)
        assert connection.connection.checked_at > 0

    def test_lends_what_commits_by_itself_also_after_a_transaction(self) -> None:
        for _ in range(2):
            with transaction.atomic():
                assert not connection.connection.autocommit
            connection.close()
            connection.ensure_connection()

            assert connection.connection.autocommit
