"""The check of a run finds each kind of damage, and nothing if there is none."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from tests.faults.judging import Books, Known, given_back_of, judge, taken_of

BOOKS = Books(
    invoices=[("order-1", 17), ("order-2", 18)],
    payments=[("PT-17-1-1-AAAAAA", 20_900)],
    events={"evt_1", "evt_2"},
    refunds=[("order-1", 5, "succeeded")],
    returned=[("PT-17-1-1-AAAAAA", 900)],
)
KNOWN = Known(
    made={"order-1": 17},
    taken={"PT-17-1-1-AAAAAA": 20_900},
    heard={"evt_1", "evt_2"},
    refunded={"order-1": 5},
    given_back=[("PT-17-1-1-AAAAAA", 900)],
)
KINDS = ("lost", "doubled", "unbooked", "untaken", "unfinished", "undelivered")
WHOLE: dict[str, list[str]] = {kind: [] for kind in KINDS}


def test_nothing_is_wrong_with_what_is_whole() -> None:
    assert asdict(judge(BOOKS, KNOWN)) == WHOLE


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"made": {"order-9": 99}}, {"lost": ["order-9"]}),
        ({"made": {"order-1": 18}}, {"lost": ["order-1"]}),
        ({"taken": {**KNOWN.taken, "PT-18": 5}}, {"unbooked": ["PT-18"]}),
        ({"taken": {}}, {"untaken": ["PT-17-1-1-AAAAAA"]}),
        (
            {"taken": {"PT-17-1-1-AAAAAA": 1}},
            {"unbooked": ["PT-17-1-1-AAAAAA"], "untaken": ["PT-17-1-1-AAAAAA"]},
        ),
        ({"heard": {"evt_2"}}, {"undelivered": ["evt_1"]}),
        ({"refunded": {"order-2": 6}}, {"lost": ["refund of order-2"]}),
        ({"refunded": {"order-1": 6}}, {"lost": ["refund of order-1"]}),
        ({"given_back": []}, {"untaken": ["refund of PT-17-1-1-AAAAAA"]}),
        (
            {"given_back": [*KNOWN.given_back, *KNOWN.given_back]},
            {
                "doubled": ["refund of PT-17-1-1-AAAAAA"],
                "unbooked": ["refund of PT-17-1-1-AAAAAA"],
            },
        ),
    ],
)
def test_what_others_know_and_the_books_do_not(
    changes: dict[str, Any], found: dict[str, list[str]]
) -> None:
    assert asdict(judge(BOOKS, replace(KNOWN, **changes))) == WHOLE | found


def test_what_is_there_twice() -> None:
    twice = replace(
        BOOKS,
        invoices=[*BOOKS.invoices, ("order-1", 19)],
        payments=[*BOOKS.payments, ("PT-17-1-1-AAAAAA", 20_900)],
        refunds=[*BOOKS.refunds, ("order-1", 6, "succeeded")],
    )

    found = judge(twice, KNOWN)

    doubled = ["order-1", "PT-17-1-1-AAAAAA", "refund of order-1"]
    assert asdict(found) == WHOLE | {"doubled": doubled}


def test_a_refund_of_which_no_end_is_known() -> None:
    waiting = replace(BOOKS, refunds=[("order-1", 5, "sending")], returned=[])

    found = judge(waiting, replace(KNOWN, given_back=[]))

    assert asdict(found) == WHOLE | {"unfinished": ["sending refund of order-1"]}


def test_only_what_has_gone_back_counts_in_minor_units() -> None:
    refunds = [{"amount": 2.5, "status": "SUCCEEDED"}, {"amount": 1, "status": "PENDING"}]
    charges: list[dict[str, Any]] = [
        {"reference": "a", "currency": "MYR", "refunds": refunds},
        {"reference": "b", "currency": "IDR", "refunds": [{"amount": 700, "status": "SUCCEEDED"}]},
        {"reference": "c", "currency": "IDR", "refunds": []},
    ]

    assert given_back_of(charges) == [("a", 250), ("b", 700)]


def test_only_what_the_gateways_took_counts_in_minor_units() -> None:
    charges = [
        {"reference": "a", "amount": 209.5, "currency": "MYR", "status": "PAID"},
        {"reference": "b", "amount": 155_400, "currency": "IDR", "status": "settlement"},
        {"reference": "c", "amount": 1, "currency": "IDR", "status": "pending"},
        {"reference": "d", "amount": 1, "currency": "MYR", "status": "EXPIRED"},
        {"reference": "e", "amount": 700, "currency": "IDR", "status": "partial_refund"},
    ]

    assert taken_of(charges) == {"a": 20_950, "b": 155_400, "e": 700}
