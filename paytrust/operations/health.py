"""Is the process alive, and can it serve? Programs that start, watch and route ask this."""

import functools
import select
import time
from collections.abc import Callable
from http import HTTPStatus

import psycopg
import structlog
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from paytrust.web import problems, strict_json

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 2  # per check
MISSING_TIME_OUTS = b"""
SELECT coalesce(string_agg(name, ', ' ORDER BY name), '') FROM pg_settings WHERE setting = '0'
AND name IN ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout')"""


class NotReady(Exception):
    """Something that the process needs to serve is missing."""


@problems.read_only
def alive(_request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process can answer."""
    return _answer(HTTPStatus.OK, {"status": "ok"})


@problems.read_only
def ready(_request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database answers and every migration is applied, else 503.

    Valkey is not asked, because requests are served without it. `/metrics` says when it is away.
    """
    checks = {name: _outcome(name, check) for name, check in CHECKS.items()}
    if set(checks.values()) == {"ok"}:
        return _answer(HTTPStatus.OK, {"status": "ok", "checks": checks})
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable", "checks": checks})


def require_database() -> None:
    """Ask the database on a connection of its own, so that a busy pool is not taken for an outage.

    Raises:
        NotReady: this login has no time-outs, so that a lock could hold a request for ever.
        psycopg.Error, TimeoutError: it does not answer in time.
    """
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    parameters["connect_timeout"] = TIMEOUT_SECONDS
    with psycopg.connect(**parameters) as own:
        missing = _value_in_time(own.pgconn, MISSING_TIME_OUTS)
    if missing:
        raise NotReady(f"no {missing}: run migrate")


def _value_in_time(own: PGconn, statement: bytes) -> str:
    """Return the one value of a statement.

    The clock is ours: a pooler may let a statement wait for minutes before PostgreSQL sees it.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    own.send_query(statement)
    waiting = select.poll()
    waiting.register(own.socket, select.POLLIN)
    while own.is_busy():
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):  # milliseconds
            raise TimeoutError("the database takes too long")
        own.consume_input()
    result = own.get_result()
    own.get_result()  # None: the end of this statement
    if result is None or result.status != ExecStatus.TUPLES_OK:
        raise psycopg.OperationalError("the database refused the question")
    return (result.get_value(0, 0) or b"").decode()


@functools.cache  # an exception is not cached, so only success is
def require_migrations() -> None:
    """Compare the migrations in the code with those applied.

    Raises:
        NotReady: some are not applied.
        DatabaseError: the database does not answer.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        raise NotReady(f"{len(plan)} migrations are not applied")


CHECKS: dict[str, Callable[[], None]] = {
    "database": require_database,
    "migrations": require_migrations,
}


def _outcome(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as reason:
        return str(reason)
    except (psycopg.Error, DatabaseError, OSError) as error:
        log.warning("readiness check failed", check=name, error=str(error))
        return "does not answer"
    return "ok"


def _answer(status: HTTPStatus, body: dict[str, object]) -> HttpResponse:
    return HttpResponse(strict_json.encode(body), status=status, content_type="application/json")
