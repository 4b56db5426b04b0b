"""A list as a file: the rows that its filters and search leave, in whole currency, streamed."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from html import unescape
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.dispatch import Signal
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

from paytrust import spreadsheets
from paytrust.spreadsheets import Cell
from paytrust.staff import display

CHUNK = 1000  # rows read at a time

exported = Signal()
"""Sent with `request`, `model` and `suffix` when somebody takes a list away."""


def csv_file(request: HttpRequest, changelist: ChangeList) -> HttpResponseBase:
    """Return a list as CSV in UTF-8, row by row."""
    pieces = spreadsheets.csv_pieces(rows_of(request, changelist))
    exported.send(sender=None, request=request, model=changelist.model, suffix="csv")
    answer = StreamingHttpResponse(pieces, content_type=spreadsheets.CSV)
    answer["Content-Disposition"] = f'attachment; filename="{_name(changelist)}.csv"'
    return answer


def xlsx_file(request: HttpRequest, changelist: ChangeList) -> HttpResponseBase:
    """Return a list as a workbook, which never is in memory as a whole.

    Raises:
        TooManyRows: a workbook cannot hold it.
    """
    file = spreadsheets.xlsx_file(rows_of(request, changelist), title=_name(changelist))
    exported.send(sender=None, request=request, model=changelist.model, suffix="xlsx")
    return FileResponse(file, as_attachment=True, filename=f"{_name(changelist)}.xlsx")


def rows_of(request: HttpRequest, changelist: ChangeList) -> Iterator[Sequence[Cell]]:
    """Yield the head and then each row; after a column of amounts comes their currency."""
    page = changelist.model_admin
    names = [str(name) for name in changelist.list_display if name != "action_checkbox"]
    found = changelist.get_queryset(request).iterator(chunk_size=CHUNK)
    first = list(itertools.islice(found, 1))
    sample = _values(first[0], names, page) if first else [None] * len(names)
    head: list[Cell] = []
    for name, value in zip(names, sample, strict=True):
        head.append(str(label_for_field(name, changelist.model, page)))
        if isinstance(value, display.AmountText):
            head.append("currency")
    yield head
    for row in itertools.chain(first, found):
        yield list(_cells(_values(row, names, page)))


def _values(row: Model, names: Sequence[str], page: Any) -> list[Any]:  # noqa: ANN401  # an admin
    return [lookup_field(name, row, page)[2] for name in names]


def _cells(values: Iterable[Any]) -> Iterator[Cell]:
    for value in values:
        if isinstance(value, display.AmountText):
            yield value.money.whole()
            yield value.money.currency
        elif isinstance(value, display.MomentText):
            yield value.when.isoformat()
        else:
            yield _plain(value)


def _plain(value: Any) -> Cell:  # noqa: ANN401  # whatever a column holds
    if value is None or value == display.EMPTY:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, SafeString):
        return unescape(strip_tags(value))
    return value if isinstance(value, bool | int | Decimal) else str(value)


def _name(changelist: ChangeList) -> str:
    return str(changelist.opts.verbose_name_plural).replace(" ", "-")
