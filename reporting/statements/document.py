"""A month's statement as a PDF: each currency is a page of its own. Pure, but for the fonts."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final

import reportlab
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    Flowable,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from paytrust.money import Money, notation
from reporting.statements.selectors import Moved, Settled, Statement

FONT, BOLD = "Vera", "VeraBd"  # ReportLab's own; it has the letters of all three languages
MARGIN: Final = 16 * mm
WIDTH: Final = A4[0] - 2 * MARGIN - 12  # ReportLab's frame pads by 6 points on each side
GREY, LINE = colors.HexColor("#5b6472"), colors.HexColor("#c9cfd8")
PLAIN = ParagraphStyle("plain", fontName=FONT, fontSize=8.5, leading=12)
FAINT = ParagraphStyle("faint", parent=PLAIN, textColor=GREY)
TITLE = ParagraphStyle("title", parent=PLAIN, fontName=BOLD, fontSize=15, leading=20)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """The fields of a merchant by which the law knows them; empty where none is known."""

    name: str
    registration_number: str = ""
    tax_number: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a statement says."""

    merchant: Merchant
    month: date  # its first day
    zone: str
    language: str
    statements: Sequence[Statement]
    settled: Sequence[Settled]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The texts of one currency's pages; each table has its head first."""

    title: str
    facts: Sequence[str]  # of the merchant
    balances: Sequence[Sequence[str]]
    settled: Sequence[Sequence[str]]
    days: Sequence[Sequence[str]]


def pages_of(document: Document) -> list[Page]:
    """Return what a statement says, in its language: one page a currency."""
    with translation.override(document.language):
        return [_page(document, statement) for statement in document.statements]


def pdf_of(document: Document) -> bytes:
    """Return a statement as a PDF in its language."""
    _fonts()
    content = io.BytesIO()
    pages = pages_of(document)
    with translation.override(document.language):
        title = _("Statement %(month)s") % {"month": date_format(document.month, "F Y")}
        made = SimpleDocTemplate(
            content,
            pagesize=A4,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            topMargin=MARGIN,
            bottomMargin=MARGIN,
            title=title,
            author="PayTrust",
            lang=document.language,
            invariant=True,  # the same statement gives the same bytes
        )
        footer = _Footer(f"{document.merchant.name} · {title}")
        made.build(list(_flow(document, pages, title)), onFirstPage=footer, onLaterPages=footer)
    return content.getvalue()


class _Footer:
    """Writes whose statement a page belongs to, and its number."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, canvas: Any, _document: Any) -> None:  # noqa: ANN401  # ReportLab's
        canvas.setFont(FONT, 7)
        canvas.setFillColor(GREY)
        canvas.drawString(MARGIN, 9 * mm, self._text)
        number = _("Page %(number)s") % {"number": canvas.getPageNumber()}
        canvas.drawRightString(A4[0] - MARGIN, 9 * mm, number)


def _flow(document: Document, pages: Sequence[Page], title: str) -> Iterator[Flowable]:
    if not pages:
        yield from _head(title, document.merchant.name, _facts(document))
        yield Paragraph(_("No money moved in this month or before it."), PLAIN)
    for number, page in enumerate(pages):
        if number:
            yield PageBreak()
        yield from _head(page.title, document.merchant.name, page.facts)
        yield _drawn(page.balances, (0.6, 0.4), bold=(0, len(page.balances) - 1))
        yield Spacer(0, 5 * mm)
        yield Paragraph(_("What gateways settled in this month"), HEADING)
        if len(page.settled) > 1:
            yield _table(page.settled, (0.16, 0.08, 0.18, 0.15, 0.13, 0.13, 0.17))
        else:
            yield Paragraph(_("Nothing."), PLAIN)
        yield Spacer(0, 5 * mm)
        yield Paragraph(_("Day by day"), HEADING)
        yield _table(page.days, (0.16, 0.1, 0.19, 0.18, 0.17, 0.2))


def _head(title: str, name: str, facts: Sequence[str]) -> Iterator[Flowable]:
    yield Paragraph(escape(title), TITLE)
    yield Paragraph(escape(name), HEADING)
    for fact in facts:
        yield Paragraph(escape(fact), FAINT)
    yield Spacer(0, 5 * mm)


def _table(rows: Sequence[Sequence[str]], shares: Sequence[float]) -> Table:
    head = [
        Paragraph(escape(text), HEAD_OF_NUMBERS if at else HEAD) for at, text in enumerate(rows[0])
    ]
    return _drawn([head, *rows[1:]], shares)


def _drawn(
    rows: Sequence[Sequence[object]], shares: Sequence[float], bold: Sequence[int] = ()
) -> Table:
    table = Table(
        [list(row) for row in rows], colWidths=[WIDTH * share for share in shares], repeatRows=1
    )
    table.setStyle([*STYLE, *(("FONT", (0, row), (-1, row), BOLD, 7.5) for row in bold)])
    return table


def _page(document: Document, statement: Statement) -> Page:
    code = statement.currency_code
    month = date_format(document.month, "F Y")
    found = [one for one in document.settled if one.currency_code == code]
    return Page(
        title=_("Statement %(month)s") % {"month": f"{month} {code}"},
        facts=_facts(document),
        balances=_balances(statement),
        settled=[_settled_head(), *(_settled(one) for one in found)],
        days=[_days_head(), *(_day(*day, code) for day in statement.balances())],
    )


def _facts(document: Document) -> list[str]:
    merchant = document.merchant
    numbers = (
        (_("Registration number: %(number)s"), merchant.registration_number),
        (_("Tax number: %(number)s"), merchant.tax_number),
    )
    return [
        *merchant.address.splitlines(),
        *(text % {"number": number} for text, number in numbers if number),
        _("Days are those of %(zone)s.") % {"zone": document.zone},
    ]


def _balances(statement: Statement) -> list[list[str]]:
    month, code = statement.month, statement.currency_code
    rows = [
        (_("Opening balance"), statement.opening_amount),
        (_("Received"), month.receipt_amount),
        (_("of which overpayments"), month.overpayment_amount),
        (_("of which service fees"), month.service_fee_amount),
        (_("Refunded"), -month.refund_amount),
        (_("Charged back or denied"), -month.reversal_amount),
        (_("Closing balance"), statement.closing_amount),
    ]
    return [[name, _money(amount, code)] for name, amount in rows]


def _settled_head() -> list[str]:
    return [
        *(_("Gateway"), _("Lines"), _("Gross"), _("Gateway fee"), _("VAT")),
        *(_("Withholding tax"), _("Net")),
    ]


def _settled(one: Settled) -> list[str]:
    amounts = (
        *(one.gross_amount, one.gateway_fee_amount, one.vat_amount),
        *(one.withholding_amount, one.net_amount),
    )
    shown = [_money(amount, one.currency_code) for amount in amounts]
    return [one.gateway_name, str(one.line_count), *shown]


def _days_head() -> list[str]:
    return [
        *(_("Day"), _("Payments"), _("Received"), _("Refunded")),
        *(_("Charged back or denied"), _("Balance")),
    ]


def _day(day: date, moved: Moved, balance: int, code: str) -> list[str]:
    amounts = (moved.receipt_amount, -moved.refund_amount, -moved.reversal_amount, balance)
    shown = [_money(amount, code) for amount in amounts]
    return [date_format(day, "j M Y"), str(moved.transaction_count), *shown]


def _money(amount: int, code: str) -> str:
    return notation.of_language(translation.get_language()).written(Money(amount, code))


@cache
def _fonts() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in (FONT, BOLD):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))
