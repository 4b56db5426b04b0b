"""Each line of a settlement is in exactly one state, whatever came when."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.settlements import FeeState, LineKind
from payments.settlement import matching
from payments.settlement.matching import (
    COMPARED,
    PAIRED,
    Booked,
    FeeTerm,
    Line,
    MatchState,
    Verdict,
    judge,
)

AT = datetime(2026, 1, 15, tzinfo=UTC)
QRIS = FeeTerm(
    currency="IDR", channel="QRIS", fixed_amount=0, basis_points=70, vat_basis_points=1100
)


def line(key: int = 1, **fields: Any) -> Line:
    known: dict[str, Any] = {
        "identity": f"line-{key}",
        "digest": "d",
        "kind": LineKind.PAYMENT,
        "is_final": True,
        "is_withdrawn": False,
        "currency": "IDR",
        "gross_amount": 100_000,
        "fee_amount": 700,
        "vat_amount": 77,
        "withholding_amount": 0,
        "net_amount": 99_223,
        "fee_state": FeeState.FINAL,
        "reference": "PT-1",
        "gateway_ids": (),
        "channel": "QRIS",
        "as_of": AT,
    }
    return Line(key=key, **known | fields)


def booked(key: int = 10, **fields: Any) -> Booked:
    known: dict[str, Any] = {
        "kind": LineKind.PAYMENT,
        "currency": "IDR",
        "amount": 100_000,
        "reference": "PT-1",
        "ids": frozenset({"charge-1"}),
    }
    return Booked(key=key, **known | fields)


class TestJudge:
    @pytest.mark.parametrize(
        ("fields", "state"),
        [
            ({}, MatchState.MATCHED),
            ({"reference": None, "gateway_ids": ("charge-1",)}, MatchState.MATCHED),
            ({"gross_amount": 99_999, "net_amount": 99_222}, MatchState.AMOUNT_DIFFERS),
            ({"currency": "MYR"}, MatchState.AMOUNT_DIFFERS),
            ({"fee_amount": 701, "net_amount": 99_222}, MatchState.MATCHED),  # rounding
            ({"fee_amount": 702, "net_amount": 99_221}, MatchState.FEE_DIFFERS),
            ({"vat_amount": 0, "net_amount": 99_300}, MatchState.FEE_DIFFERS),
            ({"net_amount": 99_000}, MatchState.FEE_DIFFERS),  # does not add up
            (
                {"fee_amount": 9, "net_amount": 1, "fee_state": FeeState.PENDING},
                MatchState.MATCHED,
            ),
            ({"net_amount": 100_000, "fee_state": FeeState.MONTHLY}, MatchState.MATCHED),
            ({"channel": "BCA", "fee_amount": 4_000, "net_amount": 95_923}, MatchState.MATCHED),
            ({"reference": "PT-2"}, MatchState.MISSING_HERE),
            ({"reference": None}, MatchState.MISSING_HERE),
            ({"kind": LineKind.REFUND}, MatchState.MISSING_HERE),
            ({"kind": LineKind.PAYOUT}, MatchState.NOT_COMPARED),
            ({"is_final": False}, MatchState.NOT_COMPARED),
            ({"is_withdrawn": True}, MatchState.WITHDRAWN),
        ],
    )
    def test_says_how_a_line_compares(self, fields: dict[str, Any], state: MatchState) -> None:
        assert judge([line(**fields)], [booked()], [QRIS])[1].state == state

    def test_finds_a_refund_by_its_own_id(self) -> None:
        refunds = [
            booked(key, kind=LineKind.REFUND, amount=-500, ids=frozenset({f"rfd-{key}"}))
            for key in (11, 12)
        ]
        reported = line(
            kind=LineKind.REFUND,
            gross_amount=-500,
            fee_amount=0,
            vat_amount=0,
            net_amount=-500,
            gateway_ids=("rfd-12",),
        )

        assert judge([reported], [booked(), *refunds]) == {
            1: Verdict(state=MatchState.MATCHED, booked=12)
        }

    def test_calls_the_second_line_of_a_payment_a_duplicate(self) -> None:
        verdicts = judge([line(2), line(1)], [booked()])

        assert verdicts == {
            1: Verdict(state=MatchState.MATCHED, booked=10),
            2: Verdict(state=MatchState.DUPLICATE, booked=10),
        }

    def test_prefers_the_line_with_the_right_amount(self) -> None:
        wrong = line(1, gross_amount=5, net_amount=-772)

        verdicts = judge([wrong, line(2)], [booked()])

        assert [verdicts[key].state for key in (1, 2)] == ["duplicate", "matched"]

    def test_takes_the_newest_version_of_a_line(self) -> None:
        pending = line(1, identity="same", fee_state=FeeState.PENDING, digest="z")
        final = line(2, identity="same", as_of=AT + timedelta(days=1), digest="a")

        verdicts = judge([final, pending], [booked()])

        assert [verdicts[key].state for key in (1, 2)] == ["replaced", "matched"]

    @pytest.mark.parametrize("digests", [("a", "b"), ("b", "a")])
    @pytest.mark.parametrize(
        "earlier", [{"is_final": False}, {"fee_state": FeeState.PENDING, "fee_amount": 0}]
    )
    def test_what_is_final_replaces_what_was_not(
        self, digests: tuple[str, str], earlier: dict[str, Any]
    ) -> None:
        """Files say no time of their own, and a digest says nothing of age."""
        first = line(1, identity="one", digest=digests[0], as_of=None, **earlier)
        last = line(2, identity="one", digest=digests[1], as_of=None)

        for lines in ([first, last], [last, first]):
            verdicts = judge(lines, [booked()])
            assert [verdicts[key].state for key in (1, 2)] == ["replaced", "matched"]


class TestOverdueOn:
    @pytest.mark.parametrize(
        ("paid_on", "day"),
        [
            (date(2026, 11, 2), date(2026, 11, 12)),  # Monday: over after Wednesday week
            (date(2026, 11, 6), date(2026, 11, 18)),
            (date(2026, 11, 7), date(2026, 11, 18)),  # Saturday
        ],
    )
    def test_counts_seven_working_days(self, paid_on: date, day: date) -> None:
        assert matching.overdue_on(paid_on) == day

    @given(st.dates(date(2020, 1, 1), date(2030, 1, 1)))
    def test_is_the_other_side_of_last_overdue(self, day: date) -> None:
        last = matching.last_overdue(day)

        assert matching.overdue_on(last) <= day < matching.overdue_on(last + timedelta(days=1))


names = st.sampled_from(["PT-1", "PT-2", "PT-3"])
ids = st.sampled_from(["a", "b", "c"])
amounts = st.sampled_from([100, 200])
lines_of = st.builds(
    line,
    identity=st.sampled_from("uvwxyz"),
    digest=st.sampled_from("12"),
    kind=st.sampled_from(LineKind),
    is_final=st.booleans(),
    is_withdrawn=st.booleans(),
    gross_amount=amounts,
    net_amount=st.sampled_from([-677, 100, 200]),
    fee_state=st.sampled_from(FeeState),
    reference=st.none() | names,
    gateway_ids=st.lists(ids, max_size=2).map(tuple),
    as_of=st.none() | st.sampled_from([AT, AT + timedelta(days=1)]),
)
money = st.builds(
    booked,
    kind=st.sampled_from(sorted(COMPARED)),
    amount=amounts,
    reference=names,
    ids=st.frozensets(ids, max_size=2),
)


@given(st.lists(lines_of, max_size=12), st.lists(money, max_size=6), st.randoms())
def test_any_set_of_lines_is_judged_once_and_in_any_order(
    lines: list[Line], ours: list[Booked], random: Random
) -> None:
    lines = [replace(one, key=key) for key, one in enumerate(lines)]
    ours = [replace(one, key=100 + key) for key, one in enumerate(ours)]

    verdicts = judge(lines, ours, [QRIS])

    assert verdicts.keys() == {one.key for one in lines}
    pairs = Counter(one.booked for one in verdicts.values() if one.state in PAIRED)
    assert set(pairs.values()) <= {1}
    live = {one.identity for one in lines if not one.is_withdrawn}
    dead = {MatchState.WITHDRAWN, MatchState.REPLACED}
    assert sum(one.state not in dead for one in verdicts.values()) == len(live)
    reported = {one.booked for one in verdicts.values() if one.state in PAIRED}
    assert {one.key for one in matching.unsettled(ours, verdicts)} == {
        one.key for one in ours
    } - reported
    random.shuffle(lines)
    random.shuffle(ours)
    assert judge(lines, ours, [QRIS]) == verdicts
