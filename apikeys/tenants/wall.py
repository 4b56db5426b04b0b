"""The wall between tenants in the database: a request sees the rows of its tenants alone.

For merchants' requests it is the second wall, behind the filters. For staff who are bound to some
tenants it is the only one, so without it such a request is refused.

Each transaction of such a request begins by taking a role that the policies of
`apikeys.tenants.policies` bind, for that transaction only. So nothing is left behind on a
connection that a pool, ours or PgBouncer's, gives to somebody else. Jobs and operators keep the
application's role, which sees all.

With DATABASE_MERCHANT_URL merchants' requests use a separate login, which has no other role: RESET
ROLE changes nothing, and without a tenant no row is visible (ADR 0031).
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, IntegrityError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from paytrust.operations import trips
from paytrust.operations.database import violated_constraint
from paytrust.operations.postgresql.base import DatabaseWrapper
from paytrust.operations.trips import REQUIRE, Escort, Execute, Statement, join

log = structlog.get_logger(__name__)

ROLE: Final = "paytrust_merchant"
TENANT: Final = "paytrust.tenant_id"
STAFF_ROLE: Final = "paytrust_staff"
TENANTS: Final = "paytrust.tenant_ids"  # with commas between them
_MAY_TAKE_ROLE: Final = """
SELECT EXISTS (SELECT FROM pg_policies WHERE schemaname = current_schema() AND %s = ANY (roles))
   AND EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND pg_has_role(current_user, oid,
       CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END))
"""

_threads = threading.local()
_WHO: Final = ("USER", "PASSWORD", "HOST", "PORT")


class NoWall(Exception):
    """This database has no role for staff who are bound to tenants: they must see nothing."""


@dataclass(slots=True)
class Door:
    """What must hold for a request to see or change anything: its key is as we remember it.

    The first trip behind the wall asks it, together with its own statements. If it does not hold,
    the trip takes no effect, and `refusal` is raised.
    """

    condition: str  # SQL, of rows that the tenant may see
    values: Mapping[str, Any]
    rule: str  # the name of the condition
    refusal: type[Exception]
    is_passed: bool = False
    is_closed: bool = False


class _Wall(Escort):
    """Puts the role before the first statement of each transaction, in the same round trip."""

    available: ClassVar[dict[str, bool]] = {}  # whether this process's role may take another

    def __init__(
        self, setting: str, value: str, *, role: str | None, door: Door | None = None
    ) -> None:
        self.role = role
        self.door = door
        self.up = f"SET LOCAL {setting} = '{value}'"
        # Before a trip; a role counts from the next statement on.
        self._set = f"set_config('{setting}', %(ids)s, true)"
        self._values = {"ids": value}
        self._role = f", set_config('role', '{role}', true)" if role else ""
        if role:
            self.up = f"SET LOCAL ROLE {role}; {self.up}"

    @classmethod
    def of_merchant(cls, tenant_id: int, *, takes_role: bool, door: Door | None) -> Self:
        return cls(TENANT, str(int(tenant_id)), role=ROLE if takes_role else None, door=door)

    @classmethod
    def of_staff(cls, tenant_ids: Sequence[int]) -> Self:
        return cls(TENANTS, ",".join(str(int(one)) for one in tenant_ids), role=STAFF_ROLE)

    @property
    def first_statements(self) -> Sequence[Statement]:
        if self.door is None or self.door.is_passed:
            return (Statement(f"SELECT {self._set}{self._role}", self._values),)
        asked = f"{REQUIRE}({self.door.condition}, '{self.door.rule}')"
        # CASE: the rows are looked at after the tenant is named.
        sql = f"SELECT CASE WHEN {self._set} IS NOT NULL THEN {asked} END{self._role}"
        return (Statement(sql, {**self.door.values, **self._values}),)

    @property
    def is_awaited(self) -> bool:
        return self.door is not None and not self.door.is_passed

    def arrived(self) -> None:
        if self.door is not None:
            self.door.is_passed = True

    def refused(self, error: Error) -> None:
        if self.door is None or self.door.is_passed:
            return
        if isinstance(error, IntegrityError) and violated_constraint(error) == self.door.rule:
            self.door.is_closed = True
            raise self.door.refusal from error

    def __call__(
        self, execute: Execute, sql: str, params: object, many: bool, context: dict[str, Any]
    ) -> object:
        if self.is_awaited:
            join()
        if _in_transaction():
            return execute(sql, params, many, context)
        assert not many, "executemany would not let the wall stand before each statement"
        if getattr(context["cursor"], "name", None):  # on the server, which takes one statement
            assert connection.in_atomic_block, "the cursor's rows are read in later statements"
            connection.connection.execute(self.up)
            return execute(sql, params, many, context)
        result = execute(f"{self.up}; {sql}", params, many, context)
        context["cursor"].set_result(-1)
        return result


class _MerchantsConnection(DatabaseWrapper):
    """A connection that has the name of the one it replaces, and its own pool."""

    _connection_pools: dict[str, Any] = {}  # Django's name; shadows its own


def can_have_door() -> bool:
    """Return whether a wall that is raised now would stand, and ask its door with the first trip.

    Inside a transaction, as in tests, it would not be the first.
    """
    if not settings.ROW_LEVEL_SECURITY or _in_transaction():
        return False
    return bool(settings.MERCHANT_LOGIN) or _available(ROLE)


def raise_for(tenant_id: int, *, door: Door | None = None) -> None:
    """Show the statements that follow on this thread's connection this tenant's rows alone.

    A wall that stands already gives way to this one. Without ROW_LEVEL_SECURITY, or in a database
    without the role, nothing changes.

    Args:
        tenant_id: whose rows.
        door: what must hold; only where `can_have_door`.
    """
    if not settings.ROW_LEVEL_SECURITY:
        return
    lower()
    if settings.MERCHANT_LOGIN and not _in_transaction():
        _log_in(tenant_id, settings.MERCHANT_LOGIN, door)
        return
    if _available(ROLE):
        _stand(_Wall.of_merchant(tenant_id, takes_role=True, door=door))


def raise_for_staff(tenant_ids: Sequence[int]) -> None:
    """Show the statements that follow on this thread's connection these tenants' rows alone.

    Raises:
        NoWall: it is switched off, or this database has no role for it.
    """
    if not settings.ROW_LEVEL_SECURITY or not _available(STAFF_ROLE):
        raise NoWall
    lower()
    _stand(_Wall.of_staff(tenant_ids))


def stands_before_staff() -> bool:
    """Return whether the wall hides rows from the member of staff whose request this is."""
    return bool(_before_staff())


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
def lowered_for_staff() -> Iterator[None]:
    """Lower the wall for what a request of staff must write or ask, and may not see.

    Only for the trail of their own acts, and for rules about two people. Merchants' walls stay.
    """
    walls = _before_staff()
    if not walls:
        yield
        return
    lower()
    try:
        yield
    finally:
        for wall in walls:
            _stand(wall)


@contextmanager
def beside(tenant_id: int) -> Iterator[None]:
    """Lower the wall for what a merchant's request must do with tables that it may not see.

    Only for a merchant's own keys and their log: each query there names the tenant itself.
    """
    trips.send_awaited()
    lower()
    try:
        yield
    finally:
        raise_for(tenant_id)


def _log_in(tenant_id: int, login: dict[str, Any], door: Door | None) -> None:
    """Use the merchants' login instead of this thread's own connection, which does not change."""
    beneath = connections[DEFAULT_DB_ALIAS]
    merchants = _merchants_connection(beneath, login)
    merchants.beneath = beneath  # type: ignore[attr-defined]  # see release_connection
    merchants.execute_wrappers.append(_Wall.of_merchant(tenant_id, takes_role=False, door=door))
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


def _stand(wall: _Wall) -> None:
    if _in_transaction():  # as in tests
        connection.connection.execute(wall.up)
    connection.execute_wrappers.append(wall)


def _before_staff() -> list[_Wall]:
    wrappers = connection.execute_wrappers
    return [one for one in wrappers if isinstance(one, _Wall) and one.role == STAFF_ROLE]


def _in_transaction() -> bool:
    """Return whether a transaction is open, so that its role is decided already."""
    own = connection.connection
    return own is not None and own.pgconn.transaction_status != TransactionStatus.IDLE


def _available(role: str) -> bool:
    """Ask once per process, without Django: the statement is not part of the request."""
    if role not in _Wall.available:
        connection.ensure_connection()
        answer = connection.connection.execute(_MAY_TAKE_ROLE, [role, role]).fetchone()
        _Wall.available[role] = bool(answer and answer[0])
        if not _Wall.available[role]:
            log.error("row-level security is off: this database has no role for it", role=role)
    return _Wall.available[role]
