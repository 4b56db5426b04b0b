"""The second wall between tenants: PostgreSQL shows a merchant's request its tenant's rows alone.

Each transaction of such a request begins by taking a role that the policies of
`apikeys.tenants.policies` bind, for that transaction only. So nothing is left behind on a
connection that a pool, ours or PgBouncer's, gives to somebody else. Jobs and operators keep the
application's role, which sees all.

With DATABASE_MERCHANT_URL such requests use a separate login, which has no other role: RESET ROLE
changes nothing, and without a tenant no row is visible (ADR 0031).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from paytrust.operations.postgresql.base import DatabaseWrapper
from paytrust.operations.trips import Statement

log = structlog.get_logger(__name__)

ROLE: Final = "paytrust_merchant"
TENANT: Final = "paytrust.tenant_id"
_MAY_TAKE_ROLE: Final = """
SELECT EXISTS (SELECT FROM pg_policies WHERE schemaname = current_schema() AND %s = ANY (roles))
   AND EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid,
       CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END))
"""

_threads = threading.local()
_WHO: Final = ("USER", "PASSWORD", "HOST", "PORT")

Execute = Callable[[Any, Any, bool, dict[str, Any]], Any]


class _Wall:
    """Puts the role before the first statement of each transaction, in the same round trip."""

    available: bool | None = None  # whether this process's role may take ROLE

    def __init__(self, tenant_id: int, *, takes_role: bool) -> None:
        self.up = f"SET LOCAL {TENANT} = '{tenant_id}'"
        # Before a trip: a role counts from the next statement on.
        first = f"SELECT set_config('{TENANT}', '{tenant_id}', true)"
        if takes_role:
            self.up = f"SET LOCAL ROLE {ROLE}; {self.up}"
            first += f", set_config('role', '{ROLE}', true)"
        self.first_statements = (Statement(first),)

    def __call__(
        self, execute: Execute, sql: str, params: object, many: bool, context: dict[str, Any]
    ) -> object:
        if _in_transaction():
            return execute(sql, params, many, context)
        assert not many, "executemany would not let the wall stand before each statement"
        result = execute(f"{self.up}; {sql}", params, many, context)
        context["cursor"].set_result(-1)
        return result


class _MerchantsConnection(DatabaseWrapper):
    """A connection that has the name of the one it replaces, and its own pool."""

    _connection_pools: dict[str, Any] = {}  # Django's name; shadows its own


def raise_for(tenant_id: int) -> None:
    """Show the statements that follow on this thread's connection this tenant's rows alone.

    A wall that stands already gives way to this one. Without ROW_LEVEL_SECURITY, or in a database
    without the role, nothing changes.
    """
    if not settings.ROW_LEVEL_SECURITY:
        return
    lower()
    if settings.MERCHANT_LOGIN and not _in_transaction():
        _log_in(tenant_id, settings.MERCHANT_LOGIN)
        return
    if not _available():
        return
    wall = _Wall(tenant_id, takes_role=True)
    if _in_transaction():  # as in tests
        connection.connection.execute(wall.up)
    connection.execute_wrappers.append(wall)


def lower() -> None:
    """Let the statements that follow see everything again."""
    walls = [wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, _Wall)]
    for wall in walls:
        connection.execute_wrappers.remove(wall)
    merchants = connections[DEFAULT_DB_ALIAS]
    if beneath := getattr(merchants, "beneath", None):
        merchants.beneath = None  # type: ignore[attr-defined]  # as above
        connections[DEFAULT_DB_ALIAS] = beneath
        merchants.close()
    elif walls and _in_transaction():
        connection.connection.execute("SET LOCAL ROLE NONE")


@contextmanager
def beside(tenant_id: int) -> Iterator[None]:
    """Lower the wall for what a merchant's request must do with tables that it may not see.

    Only for a merchant's own keys and their log: each query there names the tenant itself.
    """
    lower()
    try:
        yield
    finally:
        raise_for(tenant_id)


def _log_in(tenant_id: int, login: dict[str, Any]) -> None:
    """Use the merchants' login instead of this thread's own connection, which does not change."""
    beneath = connections[DEFAULT_DB_ALIAS]
    merchants = _merchants_connection(beneath, login)
    merchants.beneath = beneath  # type: ignore[attr-defined]  # see release_connection
    merchants.execute_wrappers.append(_Wall(tenant_id, takes_role=False))
    connections[DEFAULT_DB_ALIAS] = merchants


def _merchants_connection(
    beneath: BaseDatabaseWrapper, login: dict[str, Any]
) -> BaseDatabaseWrapper:
    """Return this thread's wrapper for the merchants' login, which has its own pool."""
    wanted = {**beneath.settings_dict, **{name: login[name] for name in _WHO}}
    known: BaseDatabaseWrapper | None = getattr(_threads, "merchants", None)
    if known is None or known.settings_dict != wanted:
        known = _threads.merchants = _MerchantsConnection(wanted, beneath.alias)
    return known


def _in_transaction() -> bool:
    """Return whether a transaction is open, so that its role is decided already."""
    own = connection.connection
    return own is not None and own.pgconn.transaction_status != TransactionStatus.IDLE


def _available() -> bool:
    """Ask once per process, without Django: the statement is not part of the request."""
    if _Wall.available is None:
        connection.ensure_connection()
        answer = connection.connection.execute(_MAY_TAKE_ROLE, [ROLE, ROLE]).fetchone()
        _Wall.available = bool(answer and answer[0])
        if not _Wall.available:
            log.error("row-level security is off: this database has no role for it", role=ROLE)
    return _Wall.available
