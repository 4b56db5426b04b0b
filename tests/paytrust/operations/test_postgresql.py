"""The pool of connections: what is idle is checked, what was just used is not."""

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client

from invoices.invoices import selectors
from paytrust.operations.postgresql.base import PooledConnection, check_if_idle
from paytrust.operations.trips import Statement, join
from tests.apikeys.factories import api_key

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


def by_cursor(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def by_trip(sql: str) -> None:
    join(Statement(sql, is_prepared=False))


def in_transaction(asked: Callable[[str], object], first: str, second: str) -> None:
    with transaction.atomic():
        asked(first)
        time.sleep(0.2)
        asked(second)


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


@pytest.fixture
def _own_connection() -> Iterator[None]:
    yield
    connection.close()


@pytest.mark.usefixtures("_own_connection")
class TestUnavailable:
    """A server that ends a transaction, or became a replica, is away and no bug of ours."""

    @pytest.mark.parametrize(
        "limit", ["idle_in_transaction_session_timeout", "transaction_timeout"]
    )
    @pytest.mark.parametrize("asked", [by_cursor, by_trip])
    def test_is_a_transaction_that_took_too_long(
        self, limit: str, asked: Callable[[str], object]
    ) -> None:
        with pytest.raises(OperationalError):
            in_transaction(asked, f"SET LOCAL {limit} = '20ms'", "SELECT 1")

    @pytest.mark.parametrize("asked", [by_cursor, by_trip])
    def test_is_a_server_that_takes_no_writes(self, asked: Callable[[str], object]) -> None:
        write = "INSERT INTO apikeys_tenant (name, created_at) VALUES ('Kopi Gayo', now())"

        with pytest.raises(OperationalError, match="read-only"):
            in_transaction(asked, "SET TRANSACTION READ ONLY", write)

    def test_is_answered_503(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _, key = api_key()

        def take_too_long(**_: object) -> None:
            in_transaction(by_cursor, "SET LOCAL transaction_timeout = '20ms'", "SELECT 1")

        monkeypatch.setattr(selectors, "document", take_too_long)
        answer = Client().get("/invoices/1", headers={"x-api-key": key})

        assert (answer.status_code, answer.json()["error"]) == (503, "service_unavailable")
