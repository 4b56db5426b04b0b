"""Several statements in one round trip to the database: the hot paths' way.

A trip is a pipeline with one Sync. PostgreSQL runs its statements one after the other, each
sees what those before it wrote, and all take effect or none. SQL stands as a named constant beside
the function that fills it in (ADR 36).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from paytrust.operations.postgresql import batches

REQUIRE: Final = "paytrust_require"
"""The function that refuses a trip: (true or not, what the refusal is called). See `Statement`."""

KEEP_ID: Final = "set_config('paytrust.new_id', id::text, true)"
"""For the RETURNING of the first row that a trip makes: the statements after it know its id."""

NEW_ID: Final = "current_setting('paytrust.new_id')::bigint"
"""The id that `KEEP_ID` kept."""

Rows = batches.Rows
Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its values.

    Where it must find or change a row, it ends in `SELECT paytrust_require(EXISTS (...), 'name')`.
    Then the trip fails as a whole, by an IntegrityError whose constraint has that name.
    """

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)
    is_prepared: bool = True  # else it is sent with its SQL each time: there are many of its kind


class Escort(ABC):
    """A wrapper of a connection that sends statements of its own before each transaction.

    They stand before those of a trip; before a statement of the ORM the wrapper sends them itself.
    """

    @abstractmethod
    def __call__(
        self, execute: Execute, sql: str, params: object, many: bool, context: dict[str, Any]
    ) -> object:
        """Run a statement of the ORM."""

    @property
    @abstractmethod
    def first_statements(self) -> Sequence[Statement]:
        """What stands first in a transaction; its rows are not read."""

    @property
    @abstractmethod
    def is_awaited(self) -> bool:
        """Whether they must have taken effect on the primary before anything is read elsewhere."""

    @abstractmethod
    def arrived(self) -> None:
        """Take note that a trip with them took effect."""

    @abstractmethod
    def refused(self, error: Error) -> None:
        """Take note that a trip with them was refused; may raise what the caller sees instead."""


def trip(*statements: Statement) -> list[Rows]:
    """Run statements as one transaction, in one round trip; return the rows of each.

    Inside another transaction they are a savepoint of it, so that a refusal leaves it as it was.

    Raises:
        django.db.Error: the first that was refused says why; nothing was changed.
    """
    with _savepoint_if_nested():
        return join(*statements)


def join(*statements: Statement) -> list[Rows]:
    """Run statements in the transaction that is open, in one round trip; as `trip` if none is.

    Raises:
        django.db.Error: the open transaction can only be rolled back.
    """
    own = connections[DEFAULT_DB_ALIAS]  # `connection` would look for it at each use
    if own.connection is None:
        own.ensure_connection()
    own.validate_no_broken_transaction()
    escorts = () if _is_in_transaction(own) else _escorts(own)
    first = [statement for escort in escorts for statement in escort.first_statements]
    sent = [*first, *statements]
    prepare = settings.DATABASE_PREPARED_STATEMENTS
    try:
        with own.wrap_database_errors:
            rows = batches.answers(
                own.connection,
                [(one.sql, one.values, one.is_prepared and prepare) for one in sent],
            )
    except Error as error:
        for escort in escorts:
            escort.refused(error)
        raise
    finally:  # those that are refused too, as Django does
        if own.queries_logged and not own.connection.closed:
            _log(own, sent)
    for escort in escorts:
        escort.arrived()
    return rows[len(first) :]


def send_awaited() -> None:
    """Send what an escort must send first, before statements take another way than a trip's."""
    if any(escort.is_awaited for escort in _escorts(connections[DEFAULT_DB_ALIAS])):
        join()


def _escorts(own: BaseDatabaseWrapper) -> Sequence[Escort]:
    """Return the connection's wrappers that send statements of their own: the wall of a tenant."""
    return [wrapper for wrapper in own.execute_wrappers if isinstance(wrapper, Escort)]


def _savepoint_if_nested() -> AbstractContextManager[None]:
    nested = connections[DEFAULT_DB_ALIAS].in_atomic_block
    return transaction.atomic() if nested else nullcontext()


def _is_in_transaction(own: BaseDatabaseWrapper) -> bool:
    status: TransactionStatus = own.connection.pgconn.transaction_status
    return status != TransactionStatus.IDLE


def _log(own: BaseDatabaseWrapper, sent: Sequence[Statement]) -> None:
    """Let tests and DEBUG see the statements, as Django shows those of its own cursors."""
    text = psycopg.ClientCursor(own.connection)
    for statement in sent:
        sql = text.mogrify(statement.sql, statement.values)
        own.queries_log.append({"sql": sql.strip(), "time": "0"})
