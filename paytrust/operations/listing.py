"""A page of rows and what belongs to them, in one trip.

The page's own statement is the ORM's, because it depends on the filters. It keeps the ids that it
finds, and the statements behind it read what belongs to these (ADR 36).
"""

import re
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet

from paytrust.operations import rows
from paytrust.operations.trips import Rows, Statement, trip

PAGE: Final = "current_setting('paytrust.page')::bigint[]"
"""For the SQL of what belongs to a page: the ids of its rows."""

_KEEP: Final = "SELECT set_config('paytrust.page', %(ids)s::bigint[]::text, true)"
_PLACE: Final = re.compile(r"%(s|%)")


def read(
    queryset: QuerySet[Any], *belonging: Statement, along: Sequence[Statement] = ()
) -> list[Rows]:
    """Return a page's rows, in its order, and what the other statements find; all in one trip.

    Args:
        queryset: of all columns of a model, and of those it is joined with; in an order, sliced.
        belonging: they know the page's ids as PAGE.
        along: what is written in the same trip; it finds nothing.
    """
    found, *others = trip(_page(queryset), *belonging, *along)[: 1 + len(belonging)]
    return [[row[:-1] for row in found if row[0] is not None], *others]


def read_of(ids: Iterable[int], *belonging: Statement) -> list[Rows]:
    """Return what the statements find that belongs to rows which the caller has."""
    _, *others = trip(Statement(_KEEP, {"ids": rows.ids(ids)}), *belonging)
    return others


def _page(queryset: QuerySet[Any]) -> Statement:
    """Return the statement of a page; if there is nothing on it, one row of nothing.

    It is not prepared: there are as many of them as there are ways to filter.
    """
    compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
    sql, parameters = compiler.as_sql()
    names = [f"c{place}" for place in range(len(compiler.select))]
    place = count()
    sql = _PLACE.sub(lambda found: f"%(p{next(place)})s" if found[1] == "s" else "%%", sql)
    return Statement(
        f"""
WITH page ({", ".join(names)}) AS MATERIALIZED ({sql}),
kept AS MATERIALIZED (
    SELECT found.ids, set_config('paytrust.page', found.ids::text, true)
    FROM (SELECT coalesce(array_agg(c0), '{{}}') AS ids FROM page) found
)
SELECT page.*, kept.ids FROM kept LEFT JOIN page ON true
ORDER BY array_position(kept.ids, page.c0)""",  # noqa: S608  # nosec B608  # the ORM's, and our own names
        {f"p{number}": value for number, value in enumerate(parameters)},
        is_prepared=False,
    )
