"""Tables as downloads."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

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
