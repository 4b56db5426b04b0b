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
from django.db import connection, transaction
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
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    first = () if _is_in_transaction() else _first_statements()
    sent = [*first, *statements]
    with connection.wrap_database_errors:
        rows = batches.answers(
            connection.connection,
            [(statement.sql, statement.values) for statement in sent],
            prepare=settings.DATABASE_PREPARED_STATEMENTS,
        )
    if connection.queries_logged:
        _log(sent)
    return rows[len(first) :]


def _first_statements() -> Sequence[Statement]:
    """Return what the connection's wrappers put before each transaction: the wall of a tenant."""
    return [
        statement
        for wrapper in connection.execute_wrappers
        for statement in getattr(wrapper, "first_statements", ())
    ]


def _savepoint_if_nested() -> AbstractContextManager[None]:
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _is_in_transaction() -> bool:
    own = connection.connection
    return own is not None and own.pgconn.transaction_status != TransactionStatus.IDLE


def _log(sent: Sequence[Statement]) -> None:
    """Let tests and DEBUG see the statements, as Django shows those of its own cursors."""
    text = psycopg.ClientCursor(connection.connection)
    for statement in sent:
        sql = text.mogrify(statement.sql, statement.values)
        connection.queries_log.append({"sql": sql.strip(), "time": "0"})
