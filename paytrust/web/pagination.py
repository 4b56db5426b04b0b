"""Lists, newest first, page by page: `{results, next, previous}`, without counting."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from paytrust.errors import PayTrustError
from paytrust.web.serializers import StrictSerializer, query_of

Row = TypeVar("Row", bound=Model)


class HasKey(Protocol):
    """What stands on a page: a row, or what is shown of one."""

    @property
    def pk(self) -> Any: ...  # noqa: ANN401  # Django's own type for it


Shown = TypeVar("Shown", bound=HasKey)

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
POSITION = re.compile(rb"([<>])([0-9]{1,18})")


class InvalidCursor(PayTrustError):
    """The cursor is not one of ours. Follow `next` and `previous` as they are given."""

    code = "invalid_cursor"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list: the rows older (`<`), or newer (`>`), than the row with this id."""

    direction: str
    row_id: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor.

        Raises:
            InvalidCursor: `text` is not a cursor.
        """
        try:
            position = POSITION.fullmatch(urlsafe_b64decode(text.encode("ascii")))
        except ValueError:
            position = None
        if position is None:
            raise InvalidCursor
        return cls(position[1].decode(), int(position[2]))

    def __str__(self) -> str:
        return urlsafe_b64encode(f"{self.direction}{self.row_id}".encode()).decode()


class PageQuery(StrictSerializer):
    """The query of a list, the base of its filters, so that a misspelled name is an error."""

    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_LIMIT, help_text="rows a page, 20 unless given"
    )
    cursor = serializers.CharField(
        required=False, help_text="from `next` or `previous` of another page"
    )


class NewestFirst(BasePagination):
    """Keyset pagination over the primary key, descending: each page is one index range.

    A page has `limit` rows (1 to 100, 20 unless given); `cursor` comes from `next` or `previous`.
    New rows that arrive meanwhile do not move the pages.
    """

    def paginate_queryset(  # type: ignore[override]  # narrower: rows have keys
        self,
        queryset: QuerySet[Row],
        request: Request,
        view: APIView | None = None,
    ) -> list[Row]:
        """Return the page's rows in one query.

        Raises:
            InvalidCursor: the cursor cannot be read.
            ValidationError: the limit is not a number from 1 to 100.
        """
        return self.read(queryset, request, by=list)

    def read(
        self,
        queryset: QuerySet[Any],
        request: Request,
        *,
        by: Callable[[Any], Sequence[Shown]],  # of the page's queryset, of its own class
    ) -> list[Shown]:
        """Return what `by` reads of the page's rows, in their order.

        Raises:
            InvalidCursor: the cursor cannot be read.
            ValidationError: the limit is not a number from 1 to 100.
        """
        limit = limit_of(request)
        cursor_text = query_of(request).get("cursor")
        cursor = Cursor.parse(cursor_text) if cursor_text is not None else None
        page, more = _fetch(queryset, by, cursor=cursor, limit=limit)
        url = remove_query_param(request.build_absolute_uri(), "cursor")
        older, newer = _neighbors(page, cursor=cursor, more=more)
        self._next = replace_query_param(url, "cursor", str(older)) if older else None
        self._previous = replace_query_param(url, "cursor", str(newer)) if newer else None
        return page

    def get_paginated_response(self, data: Sequence[Any]) -> Response:
        return Response({"results": data, "next": self._next, "previous": self._previous})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {
                "results": schema,
                "next": {**link, "description": "the page of older rows"},
                "previous": {**link, "description": "the page of newer rows"},
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        return [
            {"name": "limit", "in": "query", "required": False, "schema": limit},
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}},
        ]


def limit_of(request: Request) -> int:
    """Return how many rows a page may have.

    Raises:
        ValidationError: the parameter is not a number from 1 to 100, or is repeated.
    """
    text = query_of(request).get("limit", str(DEFAULT_LIMIT))
    if re.fullmatch(r"[0-9]{1,3}", text) and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise serializers.ValidationError({"limit": [f"Must be a number from 1 to {MAX_LIMIT}."]})


def _fetch(
    queryset: QuerySet[Any],
    by: Callable[[Any], Sequence[Shown]],  # of the page's queryset, of its own class
    *,
    cursor: Cursor | None,
    limit: int,
) -> tuple[list[Shown], bool]:
    """Return a page, newest first, and whether there are more rows in the cursor's direction."""
    if cursor is not None and cursor.direction == ">":
        rows = list(by(queryset.filter(pk__gt=cursor.row_id).order_by("pk")[: limit + 1]))
        return rows[:limit][::-1], len(rows) > limit
    if cursor is not None:
        queryset = queryset.filter(pk__lt=cursor.row_id)
    rows = list(by(queryset.order_by("-pk")[: limit + 1]))
    return rows[:limit], len(rows) > limit


def _neighbors(
    page: Sequence[HasKey], *, cursor: Cursor | None, more: bool
) -> tuple[Cursor | None, Cursor | None]:
    """Return the cursors of the older and of the newer page, where they exist."""
    if not page:
        return _neighbors_of_nothing(cursor)
    older, newer = Cursor("<", page[-1].pk), Cursor(">", page[0].pk)
    if cursor is None:
        return older if more else None, None
    if cursor.direction == "<":
        return older if more else None, newer
    return older, newer if more else None


def _neighbors_of_nothing(cursor: Cursor | None) -> tuple[Cursor | None, Cursor | None]:
    if cursor is None:
        return None, None
    if cursor.direction == "<":
        return None, Cursor(">", max(cursor.row_id - 1, 0))
    return Cursor("<", cursor.row_id + 1), None
