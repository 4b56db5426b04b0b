"""Several statements in one round trip to the database: the hot paths' way.

A trip is a pipeline with one Sync. PostgreSQL runs its statements one after the other, each
sees what those before it wrote, and all take effect or none. SQL stands as a named constant beside
the function that fills it in (ADR 36).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction
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


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its values.

    Where it must find or change a row, it ends in `SELECT paytrust_require(EXISTS (...), 'name')`.
    Then the trip fails as a whole, by an IntegrityError whose constraint has that name.
    """

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)
    is_prepared: bool = True  # else it is sent with its SQL each time: there are many of its kind


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
    first = () if _is_in_transaction(own) else _first_statements(own)
    sent = [*first, *statements]
    prepare = settings.DATABASE_PREPARED_STATEMENTS
    try:
        with own.wrap_database_errors:
            rows = batches.answers(
                own.connection,
                [(one.sql, one.values, one.is_prepared and prepare) for one in sent],
            )
    finally:  # those that are refused too, as Django does
        if own.queries_logged and not own.connection.closed:
            _log(own, sent)
    return rows[len(first) :]


def _first_statements(own: BaseDatabaseWrapper) -> Sequence[Statement]:
    """Return what the connection's wrappers put before each transaction: the wall of a tenant."""
    return [
        statement
        for wrapper in own.execute_wrappers
        for statement in getattr(wrapper, "first_statements", ())
    ]


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
