"""Connections from a pool that checks those which were idle for a while.

Django's own pool asks the server before each use, which cost a request of a merchant four round
trips. A server that was away a moment ago is met at once instead: Django then closes the
connection, and the pool makes a new one.
"""

import time
from typing import Any, Final

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool

CHECKED_FOR_SECONDS: Final = 1.0


class PooledConnection(psycopg.Connection[Any]):
    """A connection that knows when the server was last known to be there."""

    checked_at = 0.0  # time.monotonic(); 0: never


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, whose pool checks a connection once a second and not at each use."""

    _connection_pools: dict[str, Any]  # Django's, by alias

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
