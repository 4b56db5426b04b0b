"""What money does to an invoice, computed before anything is written. Pure.

`plan_credit` and `plan_debit` return a Plan; `invoices.ledger.posting` writes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from invoices.ledger.shares import Taxes, shares_of, taxes_of, with_money, with_taxes
from invoices.ledger.standing import Flag, InstallmentStanding, Kind, Shares, Standing

NOTHING = Shares()
Moved = tuple[int | None, int]  # an instalment's id, or none for an overpayment; minor units


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One ledger row. Every amount is signed: money in is positive, money back negative."""

    installment_id: int | None  # none: an overpayment
    amount: int  # minor units
    shares: Shares = NOTHING
    taxes: Taxes = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one payment, refund or reversal, or one side of a transfer, does."""

    kind: Kind
    amount: int  # minor units, signed
    rows: tuple[Row, ...]
    before: Standing
    after: Standing
    asks_for_more: bool = False  # a payment that leaves something due
    overtaken: tuple[int, ...] = ()  # instalments whose open page asks for the wrong amount

    @property
    def fills(self) -> bool:
        """Whether money comes into instalments."""
        return self.amount > 0 and any(row.installment_id is not None for row in self.rows)

    @property
    def changed(self) -> tuple[InstallmentStanding, ...]:
        """The instalments, as they are after, that money went into or out of."""
        touched = {row.installment_id for row in self.rows}
        return tuple(
            installment for installment in self.after.installments if installment.id in touched
        )


def plan_credit(
    *,
    standing: Standing,
    amount: int,
    asked_id: int,
    asked_amount: int,
    page_is_open: bool,
    paid_at: datetime,
    now: datetime,
) -> Plan:
    """Plan where a payment goes.

    It fills unpaid instalments in order; what is left is an overpayment. Money for an
    instalment that another charge has paid already is an overpayment as a whole, never the
    next instalment's.

    Args:
        standing: the invoice before.
        amount: minor units of its currency, at least 1.
        asked_id: the instalment whose payment was asked for.
        asked_amount: minor units that were asked for.
        page_is_open: whether the demand that was paid was the one open then. Otherwise another
            page may ask for what has come here.
        paid_at: when the customer paid, as the gateway says.
        now: when it is booked.

    Source: FR-041, FR-043, FR-044, FR-065, spec 3.6, 4.6 and 6.1.
    """
    unpaid = (
        []
        if standing.installment(asked_id).is_paid
        else [p for p in standing.installments if p.due_amount]
    )
    filled = list(
        _spread(amount, [(installment.id, installment.due_amount) for installment in unpaid])
    )
    overpaid_amount = amount - sum(share for _, share in filled)
    moves: list[Moved] = [*filled, *_overpayment(overpaid_amount)]
    after, rows = _moved(standing, Kind.PAYMENT, moves)
    after = replace(
        after,
        paid_amount=standing.paid_amount + amount,
        overpayment_amount=standing.overpayment_amount + overpaid_amount,
        installments=tuple(
            replace(installment, paid_at=paid_at, settled_at=now)
            if installment.is_paid and installment.settled_at is None
            else installment
            for installment in after.installments
        ),
        review_flags=(
            *standing.review_flags,
            *_arrival_flags(standing, amount < asked_amount, overpaid_amount > 0),
        ),
    )
    return Plan(
        kind=Kind.PAYMENT,
        amount=amount,
        rows=rows,
        before=standing,
        after=_settled(after, paid_at),
        asks_for_more=any(installment.due_amount for installment in after.installments),
        overtaken=() if page_is_open else tuple(installment_id for installment_id, _ in filled),
    )


def plan_arrival(*, standing: Standing, amount: int, moved_at: datetime) -> Plan:
    """Plan where an overpayment of another invoice goes.

    It fills unpaid instalments in order; pages that ask for the old amount are overtaken.

    Args:
        standing: the invoice that it comes to.
        amount: minor units, at least 1 and at most what is due.
        moved_at: when it is moved.
    """
    due = [installment for installment in standing.installments if installment.due_amount]
    assert amount <= sum(installment.due_amount for installment in due), (
        "more would come than is due"
    )
    plan = plan_credit(
        standing=standing,
        amount=amount,
        asked_id=due[0].id,
        asked_amount=amount,
        page_is_open=False,
        paid_at=moved_at,
        now=moved_at,
    )
    return replace(plan, kind=Kind.TRANSFER)


def plan_return(*, standing: Standing, amount: int) -> Plan:
    """Plan how an overpayment that was moved away is there again.

    Args:
        standing: the invoice that had it first.
        amount: minor units, at least 1.
    """
    after = replace(
        standing,
        paid_amount=standing.paid_amount + amount,
        overpayment_amount=standing.overpayment_amount + amount,
        review_flags=(*standing.review_flags, *_new(standing, Flag.OVERPAID)),
    )
    return Plan(
        kind=Kind.TRANSFER,
        amount=amount,
        rows=(Row(installment_id=None, amount=amount),),
        before=standing,
        after=_settled(after, None),
    )


def plan_debit(*, standing: Standing, kind: Kind, amount: int, filled: Mapping[int, int]) -> Plan:
    """Plan where money that goes back is taken from.

    An overpayment is taken first, then what the payment put into instalments, last instalment
    first; if a later payment has taken its place there, what other payments put in.

    A refund lowers what is owed: the instalment stays paid, the invoice keeps its state, and
    open pages are left alone. A reversal opens the debt again and is flagged; pages that would
    ask for the wrong amount are overtaken. So does a transfer that takes money out of
    instalments again; one that moves an overpayment away does nothing else.

    Args:
        standing: the invoice before.
        kind: refund, reversal or transfer.
        amount: minor units, at least 1 and at most what the invoice holds.
        filled: what the payment that gives the money still has in each instalment, by its id.

    Source: spec 4.6, 6.1 and 10.2.
    """
    overpaid_amount = min(amount, standing.overpayment_amount)
    taken = _taken(standing.installments, filled, amount - overpaid_amount)
    flow = Kind.REFUND if kind is Kind.REFUND else Kind.REVERSAL
    after, rows = _moved(standing, flow, [*taken, *_overpayment(overpaid_amount)])
    after = replace(after, overpayment_amount=standing.overpayment_amount - overpaid_amount)
    if kind is Kind.REFUND:
        after = replace(after, refunded_amount=standing.refunded_amount + amount)
        after = replace(after, review_flags=after.standing_flags)
        return Plan(kind=kind, amount=-amount, rows=rows, before=standing, after=after)
    harms = kind is Kind.REVERSAL or bool(taken)
    after = replace(
        after,
        paid_amount=standing.paid_amount - amount,
        installments=tuple(
            installment
            if installment.is_paid
            else replace(installment, paid_at=None, settled_at=None)
            for installment in after.installments
        ),
        review_flags=(*standing.review_flags, *(_new(standing, Flag.REVERSED) if harms else ())),
    )
    return Plan(
        kind=kind,
        amount=-amount,
        rows=rows,
        before=standing,
        after=_settled(after, None),
        overtaken=tuple(installment.id for installment in after.installments) if taken else (),
    )


def _moved(
    standing: Standing, kind: Kind, moves: Sequence[Moved]
) -> tuple[Standing, tuple[Row, ...]]:
    """Return the instalments and rates after money has moved, and the ledger rows of it."""
    sign = 1 if kind is Kind.PAYMENT else -1
    installments = {installment.id: installment for installment in standing.installments}
    rates, rows = standing.rates, []
    for installment_id, amount in moves:
        if installment_id is None:
            rows.append(Row(installment_id=None, amount=sign * amount))
            continue
        shares = shares_of(installments[installment_id], kind, amount)
        taxes = taxes_of(rates, kind, shares.tax_amount)
        installments[installment_id] = with_money(installments[installment_id], kind, shares)
        rates = with_taxes(rates, kind, taxes)
        rows.append(
            Row(
                installment_id=installment_id,
                amount=sign * amount,
                shares=shares if sign > 0 else -shares,
                taxes=tuple((rate, sign * tax) for rate, tax in taxes),
            )
        )
    return replace(standing, installments=tuple(installments.values()), rates=rates), tuple(rows)


def _spread(amount: int, room: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for installment_id, most in room:
        share = min(amount, most)
        amount -= share
        if share:
            yield installment_id, share


def _overpayment(amount: int) -> list[Moved]:
    return [(None, amount)] if amount else []


def _taken(
    installments: Sequence[InstallmentStanding], filled: Mapping[int, int], amount: int
) -> list[tuple[int, int]]:
    """Choose where money is taken from: first what this payment filled, last instalment first."""
    backwards = list(reversed(installments))
    own = [
        (installment.id, min(installment.held.amount, filled.get(installment.id, 0)))
        for installment in backwards
    ]
    shares = dict(_spread(amount, own))
    left = [
        (installment.id, installment.held.amount - shares.get(installment.id, 0))
        for installment in backwards
    ]
    for installment_id, share in _spread(amount - sum(shares.values()), left):
        shares[installment_id] = shares.get(installment_id, 0) + share
    assert sum(shares.values()) == amount, "more would go back than the invoice holds"
    return [
        (installment.id, shares[installment.id])
        for installment in installments
        if installment.id in shares
    ]


def _settled(after: Standing, paid_at: datetime | None) -> Standing:
    """Return an invoice with the state, flags and time of payment that follow from its money."""
    after = replace(after, review_flags=after.standing_flags, status=after.status_by_money)
    is_paid = after.status == "fully_paid"
    return replace(after, paid_at=(after.paid_at or paid_at) if is_paid else None)


def _arrival_flags(standing: Standing, is_short: bool, is_too_much: bool) -> Iterator[str]:
    if standing.ended_as == "cancelled":
        yield from _new(standing, Flag.AFTER_CANCEL)
    elif standing.ended_as is not None:
        yield from _new(standing, Flag.LATE)
    if is_short:
        yield from _new(standing, Flag.UNDERPAID)
    if is_too_much:
        yield from _new(standing, Flag.OVERPAID)


def _new(standing: Standing, flag: Flag) -> Sequence[str]:
    return () if flag in standing.review_flags else (flag.value,)
