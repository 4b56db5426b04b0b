"""Models read from SQL and written by it: a third of what the ORM takes.

The columns are always the model's own, so SQL and model cannot part.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Field, GeneratedField, Model
from django.db.models.base import ModelState
from psycopg.types.numeric import Int8

from paytrust.operations.trips import Statement
from paytrust.web import strict_json

Row = TypeVar("Row", bound=Model)


def columns(model: type[Model], alias: str) -> str:
    """Return the columns of a model for a SELECT, in the order in which `made` reads them."""
    return ", ".join(f"{alias}.{field.column}" for field in model._meta.concrete_fields)  # noqa: SLF001  # public


@functools.cache
def width(model: type[Model]) -> int:
    """Return how many columns a model has."""
    return len(model._meta.concrete_fields)  # noqa: SLF001  # public


def made(model: type[Row], values: Sequence[Any]) -> Row:
    """Return the model of one row, whose columns are those that `columns` names.

    It is made without `__init__`, which looks at each field and sends two signals that nothing of
    ours waits for.
    """
    names, converters = _reading(model)
    read = list(values)
    for place, convert in converters:
        read[place] = convert(read[place], None, connection)
    row = model.__new__(model)
    row.__dict__.update(zip(names, read, strict=True))
    row._state = state = ModelState()  # noqa: SLF001  # as Django's own from_db leaves it
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    return row


@functools.cache
def _reading(model: type[Model]) -> tuple[list[str], list[tuple[int, Callable[..., Any]]]]:
    """Return a model's attributes, and what the driver leaves to be read of them, such as JSON."""
    fields = model._meta.concrete_fields  # noqa: SLF001  # public
    converters = [
        (place, field.from_db_value)
        for place, field in enumerate(fields)
        if hasattr(field, "from_db_value")
    ]
    return [field.attname for field in fields], converters


def insertion(
    model: type[Model], given: Mapping[str, str] | None = None, *, returning: str = "id"
) -> str:
    """Return the statement that writes rows of a model, all that `values` holds.

    Args:
        model: its database gives it an id.
        given: SQL for the columns that Python does not know, by their names; a column of `row` is
            what Python gave for it.
        returning: SQL, for each row in order.
    """
    names = [str(field.column) for field in _written(model)]
    read = ", ".join((given or {}).get(name, f"row.{name}") for name in names)
    table = model._meta.db_table  # noqa: SLF001  # public
    return f"""
INSERT INTO {table} ({", ".join(names)})
SELECT {read} FROM json_populate_recordset(NULL::{table}, %(rows)s::json) row
RETURNING {returning}"""  # noqa: S608  # nosec B608  # our own names


def values(instances: Sequence[Model]) -> dict[str, str]:
    """Return what `insertion` writes, as one value: JSON takes less time than a value a column."""
    return _as_json(instances, _written(type(instances[0])))


def updating(instances: Sequence[Model], names: tuple[str, ...]) -> Statement:
    """Return the statement that writes some attributes of rows that are there."""
    model = type(instances[0])
    fields = [model._meta.pk, *(one for one in _written(model) if one.name in names)]  # noqa: SLF001  # public
    written: dict[str, Any] = dict(_as_json(instances, fields))
    if len(instances) == 1:  # by an array PostgreSQL would plan the statement again each time
        return Statement(_update(model, names, "= %(id)s"), {**written, "id": instances[0].pk})
    few = ids(row.pk for row in instances)  # by which PostgreSQL knows how few they are
    return Statement(_update(model, names, "= ANY(%(ids)s)"), {**written, "ids": few})


def ids(keys: Iterable[int]) -> list[Int8]:
    """Return keys as a value of one type, however large they are: a statement has one plan then."""
    return [Int8(key) for key in keys]


@functools.cache
def _update(model: type[Model], names: tuple[str, ...], which: str) -> str:
    columns = [field.column for field in _written(model) if field.name in names]
    changes = ", ".join(f"{column} = row.{column}" for column in columns)
    table = model._meta.db_table  # noqa: SLF001  # public
    return f"""
UPDATE {table} it SET {changes}
FROM json_populate_recordset(NULL::{table}, %(rows)s::json) row
WHERE it.id = row.id AND it.id {which}"""  # noqa: S608  # nosec B608  # our own names


def _as_json(instances: Sequence[Model], fields: Sequence[Any]) -> dict[str, str]:
    rows = [{one.column: getattr(row, one.attname) for one in fields} for row in instances]
    return {"rows": strict_json.encode(rows).decode()}


@functools.cache
def _written(model: type[Model]) -> "list[Field[Any, Any]]":
    """Return the columns of a model that a statement writes: all that PostgreSQL does not make."""
    return [
        field
        for field in model._meta.concrete_fields  # noqa: SLF001  # public
        if not field.primary_key and not isinstance(field, GeneratedField)
    ]
