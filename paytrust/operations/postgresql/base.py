"""Connections from a pool that checks those which were idle for a while.

Django's own pool asks the server before each use, which cost a request of a merchant four round
trips. A server that was away a moment ago is met at once instead: Django then closes the
connection, and the pool makes a new one.
"""

import time
from types import TracebackType
from typing import Any, Final

import psycopg
from django.db import OperationalError
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from psycopg_pool import ConnectionPool

CHECKED_FOR_SECONDS: Final = 1.0
TOOK_TOO_LONG: Final = (
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
)


class PooledConnection(psycopg.Connection[Any]):
    """A connection that knows when the server was last known to be there."""

    checked_at = 0.0  # time.monotonic(); 0: never


class ErrorWrapper(DatabaseErrorWrapper):
    """Django's, to which a server that is not there for us is an operational error.

    So callers answer 503 and jobs try again. psycopg calls it internal, as a fault of ours.
    """

    wrapper: "DatabaseWrapper"  # not in the stubs

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(exc_value, self.wrapper.unavailable):
            self.wrapper.errors_occurred = True  # so Django looks whether the connection is usable
            raise OperationalError(*exc_value.args).with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, whose pool checks a connection once a second and not at each use."""

    _connection_pools: dict[str, Any]  # Django's, by alias
    # A primary that takes no writes is a replica since a moment ago.
    unavailable: tuple[type[psycopg.Error], ...] = (
        *TOOK_TOO_LONG,
        psycopg.errors.ReadOnlySqlTransaction,
    )

    @cached_property
    def wrap_database_errors(self) -> ErrorWrapper:
        return ErrorWrapper(self)

    @property
    def pool(self) -> "ConnectionPool[PooledConnection] | None":
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            made = ConnectionPool(
                connection_class=PooledConnection,
                kwargs={**self.get_connection_params(), "autocommit": True},
                open=False,
                configure=self._configure_connection,  # type: ignore[attr-defined]  # Django's
                check=check_if_idle,
                **options,
            )
            self._connection_pools.setdefault(self.alias, made)
        pool: ConnectionPool[PooledConnection] = self._connection_pools[self.alias]
        return pool

    def _set_autocommit(self, autocommit: bool) -> None:  # Django's
        """Leave a connection that is so already alone: to set it again takes a lock and a wait."""
        if self.connection.autocommit is not autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # not in the stubs


def check_if_idle(connection: PooledConnection) -> None:
    """Ask the server whether it is there, unless it was asked within the last second.

    Raises:
        psycopg.OperationalError: it is not, on this connection.
    """
    now = time.monotonic()
    if now - connection.checked_at < CHECKED_FOR_SECONDS:
        return
    ConnectionPool.check_connection(connection)
    connection.checked_at = now
