"""Several statements to PostgreSQL with one wait, straight through libpq.

psycopg's own pipeline takes 0.1 to 0.2 ms of Python for each statement, because each has a cursor,
a query and generators. Here one loop sends all of them, and one generator waits for all (ADR 36).
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.abc import Buffer, PQGen
from psycopg.abc import Transformer as Adapters
from psycopg.adapt import Dumper, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.types.numeric import IntBinaryDumper, IntDumper
from psycopg.waiting import Ready, Wait

Rows = Sequence[tuple[Any, ...]]
Question = tuple[str, Mapping[str, Any], bool]
"""SQL that has `%(name)s` for each value, the values by their names, and whether PostgreSQL keeps
what it prepared, for the next time on this connection."""

MOST_PREPARED: Final = 300  # per connection; those that come later are sent with their SQL
WIDE: Final = 2**31  # the smallest number that psycopg itself writes as a bigint
_OUT_OF_DATE: Final = (psycopg.errors.FeatureNotSupported, psycopg.errors.InvalidSqlStatementName)
_VALUE: Final = re.compile(r"%(?:\((\w+)\)s|%)")


class _Message(NamedTuple):
    """A statement as PostgreSQL's protocol has it."""

    sql: bytes
    values: Sequence[Buffer | None] = ()
    types: tuple[int, ...] = ()
    formats: Sequence[Format] = ()
    is_kept: bool = False


_BEGIN: Final = _Message(b"BEGIN")
_Plan = tuple[bytes, tuple[int, ...]]
"""What a prepared statement is known by: its SQL and the types of its values."""


class _Bigints:
    """Writes every whole number as a bigint, so that large and small ones have one plan."""

    def upgrade(self, obj: int, format: PyFormat) -> Dumper:  # noqa: A002  # psycopg's name
        wide: Dumper = super().upgrade(obj if abs(obj) > WIDE else WIDE, format)  # type: ignore[misc]  # a dumper's
        return wide


class _WholeNumbers(_Bigints, IntBinaryDumper):
    """A number that stands alone."""


class _ListedNumbers(_Bigints, IntDumper):
    """A number in a list, which psycopg writes as text."""


class _Known:
    """What is kept as long as a connection: its adapters, set up, and its prepared statements."""

    __slots__ = ("adapters", "count", "prepared")

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        own = psycopg.Cursor(
            connection
        )  # with adapters of its own, which start as the connection's
        own.adapters.register_dumper(int, _ListedNumbers)
        own.adapters.register_dumper(int, _WholeNumbers)  # the last one is preferred
        self.adapters: Adapters = Transformer(own)
        self.prepared: dict[_Plan, bytes] = {}  # their names
        self.count = 0


def answers(connection: psycopg.Connection[Any], questions: Sequence[Question]) -> list[Rows]:
    """Send statements together; return the rows of each, and () for one that returns none.

    They belong to the open transaction. Where none is open they are one by themselves; on a
    connection that does not commit by itself they begin one, as psycopg does.

    Args:
        connection: no other thread uses it. It is closed if the exchange is cut off.
        questions: the statements with their values.

    Raises:
        psycopg.Error: the first that was refused says why. None took effect.
    """
    known = _known(connection)
    alone = connection.autocommit and _is_idle(connection.pgconn)
    try:
        return _answers(connection, known, questions)
    except _OUT_OF_DATE as error:
        if not known.prepared:
            raise
        known.prepared.clear()  # a migration has changed a column while we were connected
        if not alone:
            raise psycopg.OperationalError("a prepared statement was out of date") from error
    return _answers(connection, known, questions)


def _answers(
    connection: psycopg.Connection[Any], known: _Known, questions: Sequence[Question]
) -> list[Rows]:
    messages = [_message(known.adapters, *question) for question in questions]
    if not connection.autocommit and _is_idle(connection.pgconn):
        messages.insert(0, _BEGIN)
    try:
        results = _exchanged(connection, known, messages)
    except BaseException:  # also a signal's: the next caller must not read what is still to come
        connection.close()
        raise
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
    return [_rows(known.adapters, result) for result in results[-len(questions) :]]


def _known(connection: psycopg.Connection[Any]) -> _Known:
    known: _Known | None = getattr(connection, "known_to_batches", None)
    if known is None:
        known = _Known(connection)
        connection.known_to_batches = known  # type: ignore[attr-defined]  # it lives as long
    return known


def _is_idle(pgconn: PGconn) -> bool:
    return pgconn.transaction_status == TransactionStatus.IDLE


def _message(
    adapters: Adapters,
    sql: str,
    values: Mapping[str, Any],
    is_kept: bool,
) -> _Message:
    text, names, formats = _parsed(sql)
    dumped = adapters.dump_sequence([values[name] for name in names], formats)
    return _Message(text, dumped, adapters.types or (), adapters.formats or (), is_kept)


@lru_cache(maxsize=1000)
def _parsed(sql: str) -> tuple[bytes, Sequence[str], Sequence[PyFormat]]:
    """Return SQL with $1, $2 ..., the names of these values, and the format to write each in."""
    places: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        name = found[1]
        return "%" if name is None else f"${places.setdefault(name, len(places) + 1)}"

    text = _VALUE.sub(numbered, sql).encode()
    return text, list(places), [PyFormat.AUTO] * len(places)


def _exchanged(
    connection: psycopg.Connection[Any], known: _Known, messages: Sequence[_Message]
) -> list[PGresult]:
    """Send messages and one Sync; return what was answered: to each, and to a refused commit."""
    pgconn = connection.pgconn
    with connection.lock:
        pgconn.enter_pipeline_mode()
        asked: list[_Plan | None] = []
        for message in messages:
            asked += _send(pgconn, known, message)
        pgconn.pipeline_sync()
        results = connection.wait(_results(pgconn))
        pgconn.exit_pipeline_mode()
    own = []
    for plan, result in zip_longest(asked, results):
        if plan is None:
            own.append(result)
        elif result.status != ExecStatus.COMMAND_OK:  # refused, or what came before it was
            own.append(result)
            del known.prepared[plan]
    return own


def _send(pgconn: PGconn, known: _Known, message: _Message) -> Sequence[_Plan | None]:
    """Send a message; return what each of its results is for: a plan to be prepared, or None."""
    plan = message.sql, message.types
    name = known.prepared.get(plan)
    if name is not None:
        pgconn.send_query_prepared(name, message.values, message.formats)
        return (None,)
    if not message.is_kept or len(known.prepared) >= MOST_PREPARED:
        pgconn.send_query_params(message.sql, message.values, message.types, message.formats)
        return (None,)
    known.count += 1
    name = known.prepared[plan] = b"trip_%d" % known.count
    pgconn.send_prepare(name, message.sql, message.types)
    pgconn.send_query_prepared(name, message.values, message.formats)
    return (plan, None)


def _results(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Wait until all is sent, and for all results up to that of the Sync."""
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:  # it stands between the results of two statements
            if pgconn.status == ConnStatus.BAD:
                raise psycopg.OperationalError("the connection was lost")
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return results
        else:
            results.append(result)


def _rows(adapters: Adapters, result: PGresult) -> Rows:
    if result.status != ExecStatus.TUPLES_OK:
        return ()
    adapters.set_pgresult(result)
    return adapters.load_rows(0, result.ntuples, tuple)
