"""A month's statement as a PDF: each currency is a page of its own. Pure, but for the fonts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from reportlab.platypus import Flowable, PageBreak

from paytrust.money import Money, notation
from paytrust.web import pdf
from reporting.statements.selectors import Moved, Settled, Statement


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
    pages = pages_of(document)
    with translation.override(document.language):
        title = _("Statement %(month)s") % {"month": date_format(document.month, "F Y")}
        return pdf.made(
            _flow(document, pages, title),
            title=title,
            language=document.language,
            footer=f"{document.merchant.name} · {title}",
        )


def _flow(document: Document, pages: Sequence[Page], title: str) -> Iterator[Flowable]:
    if not pages:
        yield from pdf.head(title, document.merchant.name, _facts(document))
        yield pdf.plain(_("No money moved in this month or before it."))
    for number, page in enumerate(pages):
        if number:
            yield PageBreak()
        yield from pdf.head(page.title, document.merchant.name, page.facts)
        yield pdf.drawn(page.balances, (0.6, 0.4), bold=(0, len(page.balances) - 1))
        yield pdf.space()
        yield pdf.heading(_("What gateways settled in this month"))
        if len(page.settled) > 1:
            yield pdf.table(page.settled, (0.16, 0.08, 0.18, 0.15, 0.13, 0.13, 0.17))
        else:
            yield pdf.plain(_("Nothing."))
        yield pdf.space()
        yield pdf.heading(_("Day by day"))
        yield pdf.table(page.days, (0.12, 0.15, 0.18, 0.18, 0.17, 0.2))


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
    zone = _("Days are those of %(zone)s.") % {"zone": document.zone}
    return [*legal_facts(document.merchant), zone]


def legal_facts(merchant: Merchant) -> list[str]:
    """Return what the law knows a merchant by, a line for each fact."""
    numbers = (
        (_("Registration number: %(number)s"), merchant.registration_number),
        (_("Tax number: %(number)s"), merchant.tax_number),
    )
    return [
        *merchant.address.splitlines(),
        *(text % {"number": number} for text, number in numbers if number),
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
