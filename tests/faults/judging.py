"""The state that a run must leave, checked with what merchants, gateways and receivers know."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg

from paytrust import money

TAKEN = frozenset(
    {"PAID", "SETTLED", "settlement", "capture", "paid", "settled", "refund", "partial_refund"}
)
GIVEN_BACK = "SUCCEEDED"
Moved = tuple[str, int]  # a payment's reference, minor units


@dataclass(frozen=True, slots=True)
class Books:
    """What PayTrust has written down."""

    invoices: Sequence[tuple[str, int]]  # order number, id
    payments: Sequence[tuple[str, int]]  # reference, amount in minor units
    events: Collection[str]
    refunds: Sequence[tuple[str, int, str]] = ()  # order number, id, status
    returned: Sequence[Moved] = ()  # what went back, by the ledger


@dataclass(frozen=True, slots=True)
class Known:
    """What others know: merchants, gateways and a receiver of events."""

    made: Mapping[str, int]  # order number -> the invoice id that its merchant was answered
    taken: Mapping[str, int]  # reference -> what a gateway took, in minor units
    heard: Collection[str]  # ids of the events that were delivered
    refunded: Mapping[str, int] = field(default_factory=dict)  # order number -> refund id answered
    given_back: Sequence[Moved] = ()  # by the gateways


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, by name. Nothing, if the stack keeps its promises."""

    lost: list[str] = field(default_factory=list)  # orders or refunds answered 201, and not there
    doubled: list[str] = field(default_factory=list)  # orders, payments or refunds that are twice
    unbooked: list[str] = field(default_factory=list)  # a gateway moved it, no one booked it
    untaken: list[str] = field(default_factory=list)  # booked, but no gateway moved it
    unfinished: list[str] = field(default_factory=list)  # refunds that have not gone back
    undelivered: list[str] = field(default_factory=list)  # events that no receiver heard of


def judge(books: Books, known: Known) -> Verdict:
    """Compare the books with what others know."""
    invoices, refunds = set(books.invoices), {(order, id_) for order, id_, _ in books.refunds}
    booked, returned = Counter(books.payments), Counter(books.returned)
    given_back = Counter(known.given_back)
    return Verdict(
        lost=[
            *(order for order, id_ in known.made.items() if (order, id_) not in invoices),
            *(f"refund of {o}" for o, id_ in known.refunded.items() if (o, id_) not in refunds),
        ],
        doubled=[
            *_twice(order for order, _ in books.invoices),
            *_twice(reference for reference, _ in books.payments),
            # Each order is refunded once at most.
            *(f"refund of {order}" for order in _twice(order for order, _, _ in books.refunds)),
            *(f"refund of {name}" for name in _twice(name for name, _ in known.given_back)),
        ],
        unbooked=[
            *(name for name, amount in known.taken.items() if not booked[name, amount]),
            *(f"refund of {name}" for name, _ in (given_back - returned).elements()),
        ],
        untaken=[
            *(name for name, amount in books.payments if known.taken.get(name) != amount),
            *(f"refund of {name}" for name, _ in (returned - given_back).elements()),
        ],
        unfinished=[
            f"{status} refund of {order}"
            for order, _, status in books.refunds
            if status != "succeeded"
        ],
        undelivered=[event for event in books.events if event not in known.heard],
    )


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


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
        refunds = connection.execute(
            "SELECT invoice.external_id, refund.id, refund.status FROM payments_refund refund"
            " JOIN invoices_invoice invoice ON invoice.id = refund.invoice_id"
        ).fetchall()
        returned = connection.execute(
            "SELECT request.reference, -row.amount FROM invoices_transaction row"
            " JOIN invoices_paymentrequest request ON request.id = row.payment_request_id"
            " WHERE row.kind = 'refund'"
        ).fetchall()
    return Books(invoices, payments, {public_id for (public_id,) in events}, refunds, returned)


def taken_of(charges: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return what the gateways took, in minor units, from the sandbox's list of charges."""
    return {
        charge["reference"]: _minor(charge["amount"], charge)
        for charge in charges
        if charge["status"] in TAKEN
    }


def given_back_of(charges: Sequence[Mapping[str, Any]]) -> list[Moved]:
    """Return each refund that a gateway has carried out, in minor units, from the same list."""
    return [
        (charge["reference"], _minor(refund["amount"], charge))
        for charge in charges
        for refund in charge["refunds"]
        if refund["status"] == GIVEN_BACK
    ]


def _minor(amount: float, charge: Mapping[str, Any]) -> int:
    return money.minor_units(Decimal(str(amount)), charge["currency"])
