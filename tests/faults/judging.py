"""The state that a run must leave, checked with what merchants, gateways and receivers know."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg

from paytrust import money

TAKEN = frozenset({"PAID", "SETTLED", "settlement", "capture", "paid", "settled"})


@dataclass(frozen=True, slots=True)
class Books:
    """What PayTrust has written down."""

    invoices: Sequence[tuple[str, int]]  # order number, id
    payments: Sequence[tuple[str, int]]  # reference, amount in minor units
    events: Collection[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, by name. Nothing, if the stack keeps its promises."""

    lost: list[str] = field(default_factory=list)  # orders answered 201 that are not there
    doubled: list[str] = field(default_factory=list)  # orders or payments that are there twice
    unbooked: list[str] = field(default_factory=list)  # the gateway took it, no one booked it
    untaken: list[str] = field(default_factory=list)  # booked, but no gateway took it
    undelivered: list[str] = field(default_factory=list)  # events that no receiver heard of


def judge(
    books: Books,
    *,
    made: Mapping[str, int],
    taken: Mapping[str, int],
    heard: Collection[str],
) -> Verdict:
    """Compare the books with what others know.

    Args:
        made: by order number, the invoice id that a merchant got.
        taken: by reference, what the gateways took, in minor units.
        heard: the ids of the events that were delivered.
    """
    known = set(books.invoices)
    booked, orders = Counter(books.payments), Counter(number for number, _ in books.invoices)
    references = Counter(reference for reference, _ in books.payments)
    return Verdict(
        lost=[number for number, id_ in made.items() if (number, id_) not in known],
        doubled=[name for name, count in (orders + references).items() if count > 1],
        unbooked=[name for name, amount in taken.items() if not booked[name, amount]],
        untaken=[name for name, amount in booked if taken.get(name) != amount],
        undelivered=[event for event in books.events if event not in heard],
    )


def books_of(database_url: str) -> Books:
    """Read the books from the database."""
    with psycopg.connect(database_url) as connection:
        invoices = connection.execute("SELECT external_id, id FROM invoices_invoice").fetchall()
        payments = connection.execute(
            "SELECT request.reference, row.amount FROM invoices_transaction row"
            " JOIN invoices_paymentrequest request ON request.id = row.payment_request_id"
            " WHERE row.kind = 'payment'"
        ).fetchall()
        events = connection.execute("SELECT public_id FROM events_event").fetchall()
    return Books(invoices, payments, {public_id for (public_id,) in events})


def taken_of(charges: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return what the gateways took, in minor units, from the sandbox's list of charges."""
    return {
        charge["reference"]: money.minor_units(Decimal(str(charge["amount"])), charge["currency"])
        for charge in charges
        if charge["status"] in TAKEN
    }
