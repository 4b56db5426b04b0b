"""Tables as downloads."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from http import HTTPStatus
from zoneinfo import ZoneInfo

from django.http import FileResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes

from paytrust.web import spreadsheets
from paytrust.web.spreadsheets import Cell

CSV_ANSWER = {(HTTPStatus.OK.value, "text/csv"): OpenApiTypes.STR}
XLSX_ANSWER = {(HTTPStatus.OK.value, spreadsheets.XLSX): OpenApiTypes.BINARY}


def csv_answer(pieces: Iterable[str | bytes], name: str) -> StreamingHttpResponse:
    """Return an answer that streams a CSV file."""
    answer = StreamingHttpResponse(pieces, content_type=spreadsheets.CSV)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def xlsx_answer(rows: Iterable[Sequence[Cell]], *, title: str, name: str) -> FileResponse:
    """Return an answer that is a workbook."""
    return FileResponse(
        spreadsheets.xlsx_file(rows, title=title),
        as_attachment=True,
        filename=f"{name}.xlsx",
        content_type=spreadsheets.XLSX,
    )


def file_name(report: str, start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Name a file by its interval, as the zone that was asked for has it."""
    first, last = (edge.astimezone(zone) for edge in (start, end))
    return f"{report}-{first:%Y%m%dT%H%M}-{last:%Y%m%dT%H%M}"
