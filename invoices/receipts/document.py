"""A receipt as a PDF, in the reader's language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from reportlab.platypus import Flowable

from invoices.pay_page.texts import by_the_customers_clock
from invoices.receipts.selectors import Receipt
from paytrust.money import Money, notation, plain
from paytrust.web import pdf

SHARES = (0.52, 0.12, 0.18, 0.18)  # of the width, for the lines of the invoice
LANGUAGES = dict(settings.LANGUAGES)


def name_of(receipt: Receipt) -> str:
    """Return the name of a receipt's file."""
    return f"receipt-{receipt.number}.pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The texts of a receipt in one language."""

    title: str
    name: str  # of the merchant
    facts: Sequence[str]
    payment: Sequence[Sequence[str]]  # names and values; the amount is the last
    lines: Sequence[Sequence[str]]  # with their head, and the totals of the invoice
    ending: str


def page_of(receipt: Receipt, *, language: str) -> Page:
    """Return what a receipt says in one of LANGUAGES."""
    with translation.override(language):
        return Page(
            title=_("Receipt %(number)s") % {"number": receipt.number},
            name=receipt.issuer.name,
            facts=receipt.issuer.facts(),
            payment=_payment(receipt),
            lines=[_lines_head(), *_lines(receipt), *_totals(receipt)],
            ending=_("This is a receipt for a payment, and no tax invoice."),
        )


def pdf_of(receipt: Receipt, *, language: str) -> bytes:
    """Return a receipt as a PDF in one of LANGUAGES."""
    page = page_of(receipt, language=language)
    with translation.override(language):
        return pdf.made(
            _flow(page),
            title=page.title,
            language=language,
            footer=f"{page.name} · {page.title}",
        )


def _flow(page: Page) -> Iterator[Flowable]:
    yield from pdf.head(page.title, page.name, page.facts)
    *facts, amount = page.payment
    rows = [[pdf.plain(name), pdf.right(value)] for name, value in facts]
    yield pdf.drawn([*rows, amount], (0.4, 0.6), bold=(len(rows),))
    yield pdf.space()
    yield pdf.heading(_("What the invoice asks for"))
    head, *lines = page.lines
    yield pdf.table([head, *([pdf.cell(name), *rest] for name, *rest in lines)], SHARES)
    yield pdf.space()
    yield pdf.faint(page.ending)


def _payment(receipt: Receipt) -> list[list[str]]:
    rows = [
        (_("Received from"), receipt.customer),
        (_("Received on"), by_the_customers_clock(receipt.paid_at, receipt.currency_code)),
        (_("Invoice"), receipt.invoice.external_id or str(receipt.invoice.pk)),
        (_("For"), receipt.invoice.description or ""),
        (_("Instalment"), _installments(receipt)),
        (_("Payment method"), receipt.method),
        (_("Paid through"), receipt.gateway),
        (_("Reference at the gateway"), receipt.gateway_reference),
        *_shares(receipt),
        (_("Amount received"), _money(receipt.amount, receipt.currency_code)),
    ]
    return [[name, value] for name, value in rows if value]


def _shares(receipt: Receipt) -> Iterator[tuple[str, str]]:
    for name, amount in (
        (_("of which tax"), receipt.tax_amount),
        (_("of which service fee"), receipt.service_fee_amount),
        (_("of which paid too much"), receipt.overpaid_amount),
        (_("Given back since"), receipt.returned_amount),
    ):
        if amount:
            yield name, _money(amount, receipt.currency_code)


def _lines_head() -> list[str]:
    return [_("Product"), _("Quantity"), _("Price"), _("Subtotal")]


def _lines(receipt: Receipt) -> Iterator[list[str]]:
    marks = notation.of_language(translation.get_language())
    for line in receipt.lines:
        yield [
            line.product_name,
            marks.number(plain(line.quantity)),
            _money(line.unit_price_amount, receipt.currency_code),
            _money(line.subtotal_amount, receipt.currency_code),
        ]


def _totals(receipt: Receipt) -> Iterator[list[str]]:
    invoice = receipt.invoice
    for name, amount in (
        (_("Tax"), invoice.total_tax_amount),
        (_("Service fee"), invoice.total_service_fee_amount),
        (_("Total of the invoice"), invoice.total_amount),
    ):
        if amount:
            yield [name, "", "", _money(amount, receipt.currency_code)]


def _installments(receipt: Receipt) -> str:
    if receipt.invoice.installment_count == 1 or not receipt.installments:
        return ""
    numbers = ", ".join(map(str, receipt.installments))
    return _("%(numbers)s of %(count)s") % {
        "numbers": numbers,
        "count": receipt.invoice.installment_count,
    }


def _money(amount: int, currency_code: str) -> str:
    written = notation.of_language(translation.get_language())
    return written.written(Money(amount, currency_code))
