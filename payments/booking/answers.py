"""What the API shows of some transactions; all that belongs to them is read in one trip."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from django.db.models import TextChoices

from gateways.models import Gateway
from invoices.ledger.models import TransactionQuerySet
from invoices.models import PaymentRequest, Transaction
from payments.booking.serializers import transaction_answer
from payments.models import SettlementLine
from payments.refunds import selectors as refunds
from payments.refunds.states import ACTIVE
from payments.settlement.matching import PAIRED
from paytrust.operations import listing, rows
from paytrust.operations.listing import PAGE
from paytrust.operations.trips import Rows, Statement


def _in(states: Collection[StrEnum | TextChoices]) -> str:
    """Return states as SQL: only where they stand in it, PostgreSQL takes the index of these."""
    return ", ".join(f"'{state.value}'" for state in sorted(states))


_GATEWAYS: Final = f"""
SELECT {rows.columns(Gateway, "gateway")} FROM gateways_gateway gateway WHERE gateway.id IN (
    SELECT booked.gateway_id FROM invoices_transaction booked WHERE booked.id = ANY({PAGE}))"""  # noqa: S608  # nosec B608  # our own names
_REQUESTS: Final = f"""
SELECT {rows.columns(PaymentRequest, "request")} FROM invoices_paymentrequest request
WHERE request.id IN (
    SELECT booked.payment_request_id FROM invoices_transaction booked
    WHERE booked.id = ANY({PAGE}))"""  # noqa: S608  # nosec B608  # our own names
_ENTRIES: Final = f"""
SELECT entry.transaction_id, installment.number, entry.amount FROM invoices_ledgerentry entry
LEFT JOIN invoices_installment installment ON installment.id = entry.installment_id
WHERE entry.transaction_id = ANY({PAGE})
ORDER BY entry.transaction_id, installment.number"""  # noqa: S608  # nosec B608  # our own names
_TAKEN_BACK: Final = f"""
SELECT back.reverses_id, back.kind, sum(back.amount)::bigint FROM invoices_transaction back
WHERE back.reverses_id = ANY({PAGE}) GROUP BY back.reverses_id, back.kind"""  # noqa: S608  # nosec B608  # our own names
_BUSY: Final = f"""
SELECT refund.transaction_id FROM payments_refund refund
WHERE refund.transaction_id = ANY({PAGE}) AND refund.status IN ({_in(ACTIVE)})"""  # noqa: S608  # nosec B608  # our own names
_LINES: Final = f"""
SELECT {rows.columns(SettlementLine, "line")} FROM payments_settlementline line
WHERE line.transaction_id = ANY({PAGE}) AND line.state IN ({_in(PAIRED)})"""  # noqa: S608  # nosec B608  # our own names
_BELONGING: Final = [
    Statement(sql) for sql in (_GATEWAYS, _REQUESTS, _ENTRIES, _TAKEN_BACK, _BUSY, _LINES)
]


@dataclass(frozen=True, slots=True)
class Shown:
    """A transaction on a page: its id, and what the API shows of it."""

    pk: int
    answer: dict[str, Any]


def page(
    queryset: TransactionQuerySet, *, now: datetime, along: Sequence[Statement] = ()
) -> list[Shown]:
    """Return what the API shows of a page of transactions, an ordered slice, in one trip.

    Args:
        queryset: the slice.
        now: when.
        along: what the caller writes in the same trip.
    """
    found, *belonging = listing.read(queryset, *_BELONGING, along=along)
    booked = [rows.made(Transaction, row) for row in found]
    shown = _answers(booked, belonging, now)
    return [Shown(row.pk, answer) for row, answer in zip(booked, shown, strict=True)]


def answers(booked: Sequence[Transaction], *, now: datetime) -> list[dict[str, Any]]:
    """Return what the API shows of transactions, and what each can give back at this moment."""
    if not booked:
        return []
    return _answers(booked, listing.read_of((row.pk for row in booked), *_BELONGING), now)


def _answers(
    booked: Sequence[Transaction], belonging: Sequence[Rows], now: datetime
) -> list[dict[str, Any]]:
    gateways, requests, entries, back, busy, lines = belonging
    _join(booked, gateways, requests)
    payments = [row for row in booked if row.kind == Transaction.Kind.PAYMENT]
    known = {row.pk for row in payments}
    refundable = refunds.judged(
        payments,
        back=[row for row in back if row[0] in known],
        busy={pk for (pk,) in busy},
        now=now,
    )
    priced = _by_transaction([rows.made(SettlementLine, row) for row in lines])
    went: defaultdict[int, list[tuple[int | None, int]]] = defaultdict(list)
    for transaction_id, number, amount in entries:
        went[transaction_id].append((number, amount))
    return [
        transaction_answer(
            row,
            allocations=[(number, amount) for number, amount in went[row.pk] if number is not None],
            overpayment_amount=sum(amount for number, amount in went[row.pk] if number is None),
            refundable=refundable.get(row.pk),
            line=priced.get(row.pk),
        )
        for row in booked
    ]


def _join(booked: Sequence[Transaction], gateways: Rows, requests: Rows) -> None:
    """Give transactions their gateways and payment requests."""
    gateway = {row[0]: rows.made(Gateway, row) for row in gateways}
    request = {row[0]: rows.made(PaymentRequest, row) for row in requests}
    for row in booked:
        row.gateway = gateway[row.gateway_id]
        row.payment_request = request[row.payment_request_id]


def _by_transaction(lines: Sequence[SettlementLine]) -> Mapping[int, SettlementLine]:
    return {line.transaction_id: line for line in lines if line.transaction_id is not None}
