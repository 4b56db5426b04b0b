"""The check of a run finds each kind of damage, and nothing if there is none."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from tests.faults.judging import Books, judge, taken_of

BOOKS = Books(
    invoices=[("order-1", 17), ("order-2", 18)],
    payments=[("PT-17-1-1-AAAAAA", 20_900)],
    events={"evt_1", "evt_2"},
)
MADE = {"order-1": 17}
TAKEN = {"PT-17-1-1-AAAAAA": 20_900}
HEARD = {"evt_1", "evt_2"}
KINDS = ("lost", "doubled", "unbooked", "untaken", "undelivered")
WHOLE: dict[str, list[str]] = {kind: [] for kind in KINDS}


def test_nothing_is_wrong_with_what_is_whole() -> None:
    assert asdict(judge(BOOKS, made=MADE, taken=TAKEN, heard=HEARD)) == WHOLE


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"made": {"order-9": 99}}, {"lost": ["order-9"]}),
        ({"made": {"order-1": 18}}, {"lost": ["order-1"]}),
        ({"taken": {**TAKEN, "PT-18": 5}}, {"unbooked": ["PT-18"]}),
        ({"taken": {}}, {"untaken": ["PT-17-1-1-AAAAAA"]}),
        (
            {"taken": {"PT-17-1-1-AAAAAA": 1}},
            {"unbooked": ["PT-17-1-1-AAAAAA"], "untaken": ["PT-17-1-1-AAAAAA"]},
        ),
        ({"heard": {"evt_2"}}, {"undelivered": ["evt_1"]}),
    ],
)
def test_what_others_know_and_the_books_do_not(
    changes: dict[str, Any], found: dict[str, list[str]]
) -> None:
    known: dict[str, Any] = {"made": MADE, "taken": TAKEN, "heard": HEARD, **changes}

    assert asdict(judge(BOOKS, **known)) == WHOLE | found


def test_an_order_and_a_payment_that_are_there_twice() -> None:
    twice = replace(
        BOOKS,
        invoices=[*BOOKS.invoices, ("order-1", 19)],
        payments=[*BOOKS.payments, ("PT-17-1-1-AAAAAA", 20_900)],
    )

    found = judge(twice, made=MADE, taken=TAKEN, heard=HEARD)

    assert asdict(found) == WHOLE | {"doubled": ["order-1", "PT-17-1-1-AAAAAA"]}


def test_only_what_the_gateways_took_counts_in_minor_units() -> None:
    charges = [
        {"reference": "a", "amount": 209.5, "currency": "MYR", "status": "PAID"},
        {"reference": "b", "amount": 155_400, "currency": "IDR", "status": "settlement"},
        {"reference": "c", "amount": 1, "currency": "IDR", "status": "pending"},
        {"reference": "d", "amount": 1, "currency": "MYR", "status": "EXPIRED"},
    ]

    assert taken_of(charges) == {"a": 20_950, "b": 155_400}
