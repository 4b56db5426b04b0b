"""Is the process alive, and can it serve? Programs that start, watch and route ask this."""

import functools
from collections.abc import Callable
from http import HTTPStatus

import psycopg
import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse

from paytrust.web import problems, strict_json

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 2  # per check


class NotReady(Exception):
    """Something that the process needs to serve is missing."""


@problems.read_only
def alive(_request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as the process can answer."""
    return _answer(HTTPStatus.OK, {"status": "ok"})


@problems.read_only
def ready(_request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database and Redis answer and every migration is applied, else 503."""
    checks = {name: _outcome(name, check) for name, check in CHECKS.items()}
    if set(checks.values()) == {"ok"}:
        return _answer(HTTPStatus.OK, {"status": "ok", "checks": checks})
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable", "checks": checks})


def require_database() -> None:
    """Ask the database on a separate connection, so that a busy pool does not look like an outage.

    Raises:
        psycopg.Error: it does not answer in time.
    """
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    parameters["connect_timeout"] = TIMEOUT_SECONDS
    parameters["options"] = f"-c statement_timeout={TIMEOUT_SECONDS}s"
    with psycopg.connect(**parameters) as own:
        own.execute("SELECT 1")


def require_redis() -> None:
    """Ask Redis.

    Raises:
        redis.RedisError: it does not answer in time.
    """
    _redis().ping()


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
    "redis": require_redis,
    "migrations": require_migrations,
}


def _outcome(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except NotReady as reason:
        return str(reason)
    except (psycopg.Error, DatabaseError, redis.RedisError, OSError) as error:
        log.warning("readiness check failed", check=name, error=str(error))
        return "does not answer"
    return "ok"


@functools.cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
    )


def _answer(status: HTTPStatus, body: dict[str, object]) -> HttpResponse:
    return HttpResponse(strict_json.encode(body), status=status, content_type="application/json")
