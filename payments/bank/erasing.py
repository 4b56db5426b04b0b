"""Takes payers out of the texts of bank entries; amounts, dates, references and states stay."""

from collections.abc import Collection, Mapping
from html import escape
from typing import Final

from django.db.models import Q

from payments.bank.matching import BankState
from payments.bank.models import BankEntry

SHORTEST: Final = 7  # characters; a shorter word may stand in any text by chance


def texts_of(customer: Mapping[str, str | None] | None) -> set[str]:
    """Return by which texts a bank entry names a customer.

    A name of one word names many people, so it is none of them.
    """
    known = customer or {}
    name = " ".join((known.get("name") or "").split())
    found = {known.get("email"), known.get("phone"), name if " " in name else None}
    return {text for text in found if text and len(text) >= SHORTEST}


def erase_payers(*, texts: Collection[str]) -> int:
    """Blank the texts of entries that hold one of these, in whatever letters; return how many.

    An entry that is a gateway's payout has no payer, and needs its text to be matched.
    """
    holds = Q()
    for text in texts:
        for form in {text, escape(text, quote=False)}:  # as it came is XML
            holds |= Q(remittance_text__icontains=form) | Q(raw__icontains=form)
    if not holds:
        return 0
    entries = BankEntry.objects.filter(holds).exclude(status=BankState.MATCHED)
    return entries.update(remittance_text="", raw="")
