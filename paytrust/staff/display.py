"""How staff see amounts and times."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from paytrust.money import EXPONENTS, Money, plain
from paytrust.staff.amounts import readers_notation

EMPTY = "-"
MOMENT = "j M Y, H:i"


class AmountText(SafeString):
    """An amount as it is shown; an export can still read the amount from it."""

    money: Money


class MomentText(SafeString):
    """A time as it is shown; an export can still read the time from it."""

    when: datetime


def money(amount: int | None, currency_code: str) -> SafeString | str:
    """Return an amount with its currency and all its decimals, for a column that aligns."""
    if amount is None:
        return EMPTY
    text = plain_money(amount, currency_code)
    shown = AmountText(format_html('<span class="money" translate="no">{}</span>', text))
    shown.money = Money(amount, currency_code)
    return shown


def plain_money(amount: int, currency_code: str) -> str:
    """Return an amount as the reader writes it: `Rp 1.250.000`, `-RM 12.50`."""
    if currency_code not in EXPONENTS:
        return f"{currency_code} {amount}"
    return readers_notation().written(Money(amount, currency_code))


def quantity(number: Decimal) -> str:
    """Return a quantity without useless decimals, as the reader writes it: `2`, `1.5`."""
    return readers_notation().number(plain(number))


def moment(when: datetime | None) -> SafeString | str:
    """Return a time in the reader's zone, with UTC on hover."""
    if when is None:
        return EMPTY
    shown = MomentText(
        format_html(
            '<time datetime="{}" title="{}">{}</time>',
            when.astimezone(UTC).isoformat(),
            f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            date_format(timezone.localtime(when), MOMENT),
        )
    )
    shown.when = when.astimezone(UTC)
    return shown


def link(model: str, row_id: int | None, text: object = None) -> SafeString | str:
    """Return a link to a row's page; `model` is such as invoices_invoice."""
    if row_id is None:
        return EMPTY
    address = reverse(f"admin:{model}_change", args=[row_id])
    return format_html('<a class="staff-link" href="{}">{}</a>', address, text or row_id)


def narrowing_link(asked: Mapping[str, object], text: object) -> SafeString:
    """Return a link to the same list, narrowed to what is asked for."""
    return format_html('<a class="staff-link" href="?{}">{}</a>', urlencode(asked), text)


def long_text(text: str | None) -> SafeString | str:
    """Return a text of any length, for a column that must leave space for the others."""
    return format_html('<span class="staff-long">{}</span>', text) if text else EMPTY


def paragraphs(texts: Iterable[object]) -> SafeString:
    return format_html_join("", "<p>{}</p>", ((text,) for text in texts))


def label(text: object, tone: str = "plain") -> SafeString:
    """Return a word in a coloured frame; tones are good, warn, bad and plain."""
    return format_html(
        '<span class="staff-label staff-label-{}">{}</span>', tone, capfirst(str(text))
    )
