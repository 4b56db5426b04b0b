"""Which entry of the bank is which payout: one pure function over all of them.

Entries and payouts are compared as a set, so the order of imports does not matter.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

BEFORE: Final = timedelta(days=1)  # a gateway's clock may be a day ahead of the bank's
AFTER: Final = timedelta(days=7)  # a weekend, and holidays
SHORTEST_NAME: Final = 4  # characters; a shorter id may stand in any text by chance
BETWEEN_NAMES: Final = re.compile(r"[\s,;:/()|+]+")


class BankState(StrEnum):
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    AMBIGUOUS = "ambiguous"  # several payouts fit, or several entries fit one payout
    NOT_COMPARED = "not_compared"  # a debit, or not booked
    REVERSED = "reversed"  # the bank took it back
    WITHDRAWN = "withdrawn"  # its import was withdrawn


class MatchedBy(StrEnum):
    REFERENCE = "reference"
    AMOUNT = "amount"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidOut:
    """What a gateway says that it paid out, in minor units."""

    gateway_id: int
    payout_id: str
    currency: str
    amount: int
    settled_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a bank says that moved, in minor units."""

    entry_id: int
    account: str
    currency: str
    amount: int
    booked_on: date | None
    is_booked: bool
    is_credit: bool
    is_reversal: bool
    references: frozenset[str]  # the bank's and the end-to-end one
    text: str

    @property
    def money(self) -> tuple[str, int]:
        return self.currency, self.amount


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of an entry, and for a matched one the payout and how it was found."""

    state: BankState
    payout: PaidOut | None = None
    by: MatchedBy | None = None


def judge(entries: Sequence[Arrived], payouts: Iterable[PaidOut]) -> dict[int, Verdict]:
    """Return the verdict on each entry, by its id.

    A text that names a payout is stronger than an amount. By amount an entry is matched only if one
    payout fits it and it alone fits that payout.
    """
    reversed_ids = _reversed(entries)
    verdicts = {
        one.entry_id: Verdict(
            BankState.REVERSED if one.entry_id in reversed_ids else BankState.NOT_COMPARED
        )
        for one in entries
    }
    compared = [one for one in entries if _is_money(one) and one.entry_id not in reversed_ids]
    known = list(payouts)
    named = _named(compared, known)
    verdicts |= _decided(named, MatchedBy.REFERENCE)
    taken = {payout for found in named.values() for payout in found}
    rest = [one for one in compared if not named[one.entry_id]]
    verdicts |= _decided(
        _fitting(rest, [payout for payout in known if payout not in taken]), MatchedBy.AMOUNT
    )
    return verdicts | {
        one.entry_id: Verdict(BankState.UNMATCHED)
        for one in rest
        if verdicts[one.entry_id].state == BankState.NOT_COMPARED
    }


def _is_money(one: Arrived) -> bool:
    return one.is_booked and one.is_credit and not one.is_reversal


def _decided(found: Mapping[int, Sequence[PaidOut]], by: MatchedBy) -> dict[int, Verdict]:
    """Return verdicts on entries for which payouts were found; each payout goes to one entry."""
    claims = Counter(payout for payouts in found.values() for payout in payouts)
    return {
        entry_id: Verdict(BankState.MATCHED, payouts[0], by)
        if len(payouts) == 1 and claims[payouts[0]] == 1
        else Verdict(BankState.AMBIGUOUS)
        for entry_id, payouts in found.items()
        if payouts
    }


def _named(entries: Iterable[Arrived], payouts: Iterable[PaidOut]) -> dict[int, Sequence[PaidOut]]:
    by_name: dict[str, list[PaidOut]] = defaultdict(list)
    for payout in payouts:
        by_name[payout.payout_id.casefold()].append(payout)
    return {one.entry_id: _payouts_named(one, by_name) for one in entries}


def _payouts_named(one: Arrived, by_name: Mapping[str, Sequence[PaidOut]]) -> list[PaidOut]:
    words = {word.strip(".'\"").casefold() for word in BETWEEN_NAMES.split(one.text)}
    names = {word for word in words if len(word) >= SHORTEST_NAME}
    names |= {reference.casefold() for reference in one.references}
    found = [payout for name in sorted(names) for payout in by_name.get(name, ())]
    return [payout for payout in found if payout.currency == one.currency] or found


def _fitting(
    entries: Iterable[Arrived], payouts: Iterable[PaidOut]
) -> dict[int, Sequence[PaidOut]]:
    by_money: dict[tuple[str, int], list[PaidOut]] = defaultdict(list)
    for payout in payouts:
        by_money[payout.currency, payout.amount].append(payout)
    return {
        one.entry_id: [payout for payout in by_money[one.money] if _is_near(one, payout)]
        for one in entries
    }


def _is_near(one: Arrived, payout: PaidOut) -> bool:
    if one.booked_on is None or payout.settled_on is None:
        return False
    return payout.settled_on - BEFORE <= one.booked_on <= payout.settled_on + AFTER


def _reversed(entries: Sequence[Arrived]) -> set[int]:
    """Return the credits that a debit with the same amount and reference takes back."""
    came = defaultdict(list)
    for one in entries:
        if _is_money(one):
            for reference in one.references:
                came[one.account, one.money, reference].append(one.entry_id)
    found: set[int] = set()
    for one in entries:
        if one.is_booked and one.is_reversal and not one.is_credit:
            for reference in one.references:
                same = came[one.account, one.money, reference]
                if len(same) == 1:
                    found.update(same)
    return found
