"""Documents as PDF: their fonts, styles, tables and pages. Pure, but for the fonts."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

import reportlab
from django.http import HttpResponse
from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

PDF: Final = "application/pdf"
FONT, BOLD = "Vera", "VeraBd"  # ReportLab's own; it has the letters of all three languages
MARGIN: Final = 16 * mm
WIDTH: Final = A4[0] - 2 * MARGIN - 12  # ReportLab's frame pads by 6 points on each side
GREY, LINE = colors.HexColor("#5b6472"), colors.HexColor("#c9cfd8")
PLAIN = ParagraphStyle("plain", fontName=FONT, fontSize=8.5, leading=12)
FAINT = ParagraphStyle("faint", parent=PLAIN, textColor=GREY)
RIGHT = ParagraphStyle("right", parent=PLAIN, alignment=TA_RIGHT)
TITLE = ParagraphStyle("title", parent=PLAIN, fontName=BOLD, fontSize=15, leading=20)
CELL = ParagraphStyle("cell", fontName=FONT, fontSize=7.5, leading=9)  # as texts of STYLE
HEAD = ParagraphStyle("head", fontName=BOLD, fontSize=7.5, leading=9)  # of a column
HEAD_OF_NUMBERS = ParagraphStyle("numbers", parent=HEAD, alignment=TA_RIGHT)
HEADING = ParagraphStyle("heading", parent=PLAIN, fontName=BOLD, fontSize=10, leading=14)

STYLE: Final = (
    ("FONT", (0, 0), (-1, -1), FONT, 7.5),
    ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
    ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
    ("TOPPADDING", (0, 0), (-1, -1), 1),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ("LEFTPADDING", (0, 0), (0, -1), 0),
    ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
)


def made(flow: Iterable[Flowable], *, title: str, language: str, footer: str) -> bytes:
    """Return a document; the same content gives the same bytes."""
    _fonts()
    content = io.BytesIO()
    document = SimpleDocTemplate(
        content,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=title,
        author="PayTrust",
        lang=language,
        invariant=True,
    )
    last = _Footer(footer)
    document.build(list(flow), onFirstPage=last, onLaterPages=last)
    return content.getvalue()


def answer(content: bytes, *, name: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """Return a document for a browser to show, or to keep under a name."""
    shown = {"Content-Disposition": f'inline; filename="{name}"', **(headers or {})}
    return HttpResponse(content, content_type=PDF, headers=shown)


class _Footer:
    """Writes whose document a page belongs to, and its number."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, canvas: Any, _document: Any) -> None:  # noqa: ANN401  # ReportLab's
        canvas.setFont(FONT, 7)
        canvas.setFillColor(GREY)
        canvas.drawString(MARGIN, 9 * mm, self._text)
        number = _("Page %(number)s") % {"number": canvas.getPageNumber()}
        canvas.drawRightString(A4[0] - MARGIN, 9 * mm, number)


def head(title: str, name: str, facts: Sequence[str]) -> Iterator[Flowable]:
    """Yield the head of a page: its title, whose it is, and what is known of them."""
    yield Paragraph(escape(title), TITLE)
    yield Paragraph(escape(name), HEADING)
    for fact in facts:
        yield Paragraph(escape(fact), FAINT)
    yield space()


def space() -> Flowable:
    return Spacer(0, 5 * mm)


def heading(text: str) -> Flowable:
    return Paragraph(escape(text), HEADING)


def plain(text: str) -> Flowable:
    return Paragraph(escape(text), PLAIN)


def cell(text: str) -> Flowable:
    """Return a text of any length in a table, on the line of the numbers beside it."""
    return Paragraph(escape(text), CELL)


def right(text: str) -> Flowable:
    """Return a text at the right of its place, over as many lines as it needs."""
    return Paragraph(escape(text), RIGHT)


def column(text: str, *, right: bool = False) -> Flowable:
    """Return the head of a column."""
    return Paragraph(escape(text), HEAD_OF_NUMBERS if right else HEAD)


def faint(text: str) -> Flowable:
    return Paragraph(escape(text), FAINT)


def table(rows: Sequence[Sequence[object]], shares: Sequence[float]) -> Table:
    """Return a table whose first row is its head; `shares` of the width are its columns'."""
    first = [column(str(text), right=at > 0) for at, text in enumerate(rows[0])]
    return drawn([first, *rows[1:]], shares)


def drawn(
    rows: Sequence[Sequence[object]], shares: Sequence[float], bold: Sequence[int] = ()
) -> Table:
    """Return rows as a table, some of them bold."""
    found = Table(
        [list(row) for row in rows], colWidths=[WIDTH * share for share in shares], repeatRows=1
    )
    found.setStyle([*STYLE, *(("FONT", (0, row), (-1, row), BOLD, 7.5) for row in bold)])
    return found


@cache
def _fonts() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))
