"""Which entry is which payout: named ones first, then amounts of which exactly one fits."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import pytest

from payments.bank.matching import Arrived, BankState, MatchedBy, PaidOut, Verdict, judge

DAY = date(2026, 11, 5)
PAYOUT = PaidOut(gateway_id=2, payout_id="W-1001", currency="MYR", amount=1100, settled_on=DAY)
ENTRY = Arrived(
    entry_id=1,
    account="A",
    currency="MYR",
    amount=1100,
    booked_on=DAY,
    is_booked=True,
    is_credit=True,
    is_reversal=False,
    references=frozenset(),
    text="",
)
NAMED = replace(ENTRY, text="MIDTRANS PAYOUT/w-1001.")


def states(*entries: Arrived, payouts: tuple[PaidOut, ...] = (PAYOUT,)) -> list[BankState]:
    verdicts = judge(entries, payouts)
    return [verdicts[one.entry_id].state for one in entries]


class TestJudge:
    @pytest.mark.parametrize(
        "entry",
        [
            NAMED,
            replace(ENTRY, references=frozenset({"W-1001"})),
            replace(NAMED, amount=900, booked_on=None),
            replace(NAMED, currency="IDR"),
        ],
    )
    def test_takes_the_payout_that_is_named(self, entry: Arrived) -> None:
        assert judge([entry], [PAYOUT]) == {
            1: Verdict(BankState.MATCHED, PAYOUT, MatchedBy.REFERENCE)
        }

    @pytest.mark.parametrize("days", [-1, 0, 7])
    def test_takes_the_one_payout_of_the_same_amount(self, days: int) -> None:
        entry = replace(ENTRY, booked_on=DAY + timedelta(days=days))

        assert judge([entry], [PAYOUT]) == {1: Verdict(BankState.MATCHED, PAYOUT, MatchedBy.AMOUNT)}

    @pytest.mark.parametrize(
        "entry",
        [
            replace(ENTRY, amount=1101),
            replace(ENTRY, currency="IDR"),
            replace(ENTRY, booked_on=DAY - timedelta(days=2)),
            replace(ENTRY, booked_on=DAY + timedelta(days=8)),
            replace(ENTRY, booked_on=None),
            replace(ENTRY, text="XW-1001", amount=5),
        ],
    )
    def test_takes_nothing_else(self, entry: Arrived) -> None:
        assert states(entry) == [BankState.UNMATCHED]

    def test_does_not_guess_between_payouts_or_between_entries(self) -> None:
        second = replace(PAYOUT, payout_id="W-1002")

        assert states(ENTRY, payouts=(PAYOUT, second)) == [BankState.AMBIGUOUS]
        assert states(ENTRY, replace(ENTRY, entry_id=2)) == [BankState.AMBIGUOUS] * 2
        assert states(NAMED, replace(NAMED, entry_id=2)) == [BankState.AMBIGUOUS] * 2
        assert states(replace(NAMED, text="W-1001 W-1002"), payouts=(PAYOUT, second)) == [
            BankState.AMBIGUOUS
        ]

    def test_leaves_a_named_payout_out_of_the_amounts(self) -> None:
        second = replace(PAYOUT, payout_id="W-1002")
        entries = [NAMED, replace(ENTRY, entry_id=2)]

        verdicts = judge(entries, [PAYOUT, second])

        assert [verdicts[1].payout, verdicts[2].payout] == [PAYOUT, second]

    def test_takes_no_short_id_from_a_text(self) -> None:
        payout = replace(PAYOUT, payout_id="12", amount=5)

        assert states(replace(ENTRY, text="12 of 15"), payouts=(payout,)) == [BankState.UNMATCHED]

    @pytest.mark.parametrize(
        "changed", [{"is_credit": False}, {"is_booked": False}, {"is_reversal": True}]
    )
    def test_compares_only_booked_credits(self, changed: dict[str, bool]) -> None:
        assert states(replace(NAMED, **changed)) == [BankState.NOT_COMPARED]  # type: ignore[arg-type]

    def test_does_not_keep_what_the_bank_took_back(self) -> None:
        came = replace(NAMED, references=frozenset({"E-9"}))
        went = replace(came, entry_id=2, is_credit=False, is_reversal=True)
        again = replace(NAMED, entry_id=3)

        assert states(came, went, again) == [
            BankState.REVERSED,
            BankState.NOT_COMPARED,
            BankState.MATCHED,
        ]
        assert states(came, replace(went, amount=5)) == [
            BankState.MATCHED,
            BankState.NOT_COMPARED,
        ]

    def test_does_not_depend_on_the_order(self) -> None:
        entries = [NAMED, replace(ENTRY, entry_id=2), replace(ENTRY, entry_id=3, amount=5)]
        payouts = [PAYOUT, replace(PAYOUT, payout_id="W-1002"), replace(PAYOUT, amount=5)]
        found = judge(entries, payouts)

        for mixed in permutations(entries):
            for others in permutations(payouts):
                assert judge(mixed, others) == found
