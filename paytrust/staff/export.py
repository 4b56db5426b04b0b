"""A list as a file: the rows of its filters and search, in whole currency, streamed."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Any

from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import Model
from django.dispatch import Signal
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

from paytrust.operations import replica
from paytrust.staff import display
from paytrust.web import spreadsheets
from paytrust.web.spreadsheets import Cell

CHUNK = 1000  # rows read at a time
MOMENT = "%Y-%m-%dT%H:%M:%SZ"  # UTC

exported = Signal()
"""Sent with `request`, `model` and `suffix` when somebody takes a list away."""


def csv_file(request: HttpRequest, changelist: ChangeList) -> HttpResponseBase:
    """Return a list as CSV in UTF-8, row by row."""
    pieces = spreadsheets.csv_pieces(map(_with_texts, rows_of(request, changelist)))
    exported.send(sender=None, request=request, model=changelist.model, suffix="csv")
    answer = StreamingHttpResponse(pieces, content_type=spreadsheets.CSV)
    answer["Content-Disposition"] = f'attachment; filename="{_name(changelist)}.csv"'
    return answer


def xlsx_file(request: HttpRequest, changelist: ChangeList) -> HttpResponseBase:
    """Return a list as a workbook, which is never in memory as a whole.

    Raises:
        TooManyRows: the list has more rows than a workbook can hold.
    """
    file = spreadsheets.xlsx_file(rows_of(request, changelist), title=_name(changelist))
    exported.send(sender=None, request=request, model=changelist.model, suffix="xlsx")
    return FileResponse(file, as_attachment=True, filename=f"{_name(changelist)}.xlsx")


def _with_texts(row: Sequence[Cell]) -> Sequence[Cell]:
    """Return a row with its times as texts that name their zone."""
    return [f"{cell:{MOMENT}}" if isinstance(cell, datetime) else cell for cell in row]


def rows_of(request: HttpRequest, changelist: ChangeList) -> Iterator[Sequence[Cell]]:
    """Yield the head and then each row; one column with the currency follows the amounts.

    Times are those of UTC, without a zone, as spreadsheets want them. What only the file shows
    (`ReadOnlyAdmin.list_export`) comes last.

    The cursor that reads them lives as long as one transaction, as it must behind PgBouncer.
    """
    with replica.reading(), transaction.atomic():
        yield from _rows_of(request, changelist)


def _rows_of(request: HttpRequest, changelist: ChangeList) -> Iterator[Sequence[Cell]]:
    page: Any = changelist.model_admin  # one of ours
    names = [str(name) for name in changelist.list_display if name != "action_checkbox"]
    names += page.list_export
    wanted = changelist.get_queryset(request)
    if page.export_select_related:
        wanted = wanted.select_related(*page.export_select_related)
    found = wanted.iterator(chunk_size=CHUNK)
    rows = (_values(row, names, page) for row in found)
    first = list(itertools.islice(rows, 1))
    head: list[Cell] = [
        capfirst(str(label_for_field(name, changelist.model, page))) for name in names
    ]
    after_amounts = _after_amounts(first[0]) if first else None
    if after_amounts is not None:
        head.insert(after_amounts, gettext("Currency"))
    yield head
    for values in itertools.chain(first, rows):
        cells = [_plain(value) for value in values]
        if after_amounts is not None:
            cells.insert(after_amounts, values[after_amounts - 1].money.currency)
        yield cells


def _after_amounts(values: Sequence[Any]) -> int | None:
    """Return the place after the last amount of a row, if it has any."""
    places = [i for i, value in enumerate(values) if isinstance(value, display.AmountText)]
    return places[-1] + 1 if places else None


def _values(row: Model, names: Sequence[str], page: Any) -> list[Any]:  # noqa: ANN401  # an admin
    return [_value(*lookup_field(name, row, page)[::2]) for name in names]


def _value(field: Any, value: Any) -> Any:  # noqa: ANN401  # whatever a column holds
    """Return a column's value as its list shows it; for a choice, its label."""
    choices = dict(getattr(field, "flatchoices", None) or ())
    return str(choices[value]) if value in choices else value


def _plain(value: Any) -> Cell:  # noqa: ANN401  # whatever a column holds
    if value is None or value == display.EMPTY:
        return None
    if isinstance(value, display.AmountText):
        return value.money.whole()
    if isinstance(value, display.MomentText):
        return value.when.replace(tzinfo=None)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, SafeString):
        return unescape(strip_tags(value))
    return value if isinstance(value, bool | int | Decimal) else str(value)


def _name(changelist: ChangeList) -> str:
    return str(changelist.opts.verbose_name_plural).replace(" ", "-")
