"""Threads that start at the same time, each with its own database connection."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TypeVar

from django.db import connection
from django.db.models import QuerySet

Result = TypeVar("Result")


def at_once(*works: Callable[[], Result]) -> list[Result | Exception]:
    """Do each work in its own thread, all starting together; return what each gave or raised."""
    barrier = Barrier(len(works))

    def do(work: Callable[[], Result]) -> Result | Exception:
        barrier.wait(timeout=10)
        try:
            return work()
        except Exception as error:  # noqa: BLE001  # the caller looks at it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(do, works))


@contextmanager
def locked_elsewhere(rows: QuerySet) -> Iterator[None]:
    """Hold the locks of `rows` on another connection."""
    table, ids = rows.model._meta.db_table, list(rows.values_list("pk", flat=True))
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(f"SELECT FROM {table} WHERE id = ANY(%s) FOR UPDATE", [ids])
            yield
    finally:
        other.rollback()
        other.close()
