"""Which payment of ours each line of a settlement is about, and whether the two agree. Pure.

The answer depends on the set of lines and payments only, never on the order in which they came.
See ADR 43.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from gateways.settlements import FeeState, LineKind, SettlementRow
from paytrust.money import times

OVERDUE_DAYS = 7  # working days after the payment, spec 11.2
FRIDAY = 5  # the last working day of a week
FEE_TOLERANCE = 1  # minor units; no gateway says how it rounds (C7)


class MatchState(StrEnum):
    """Where a line stands; each line is in exactly one state."""

    MATCHED = "matched"
    AMOUNT_DIFFERS = "amount_differs"
    FEE_DIFFERS = "fee_differs"
    MISSING_HERE = "missing_here"
    MISSING_AT_GATEWAY = "missing_at_gateway"  # of a payment without a line
    DUPLICATE = "duplicate"
    NOT_COMPARED = "not_compared"  # a payout, an adjustment, or money that has not moved
    REPLACED = "replaced"  # the gateway sent the same line again
    WITHDRAWN = "withdrawn"  # its import was taken back


MISMATCHES = frozenset(
    {
        MatchState.AMOUNT_DIFFERS,
        MatchState.FEE_DIFFERS,
        MatchState.MISSING_HERE,
        MatchState.MISSING_AT_GATEWAY,
        MatchState.DUPLICATE,
    }
)
PAIRED = frozenset({MatchState.MATCHED, MatchState.AMOUNT_DIFFERS, MatchState.FEE_DIFFERS})
"""States of the one line that tells what a payment cost and brought."""
COUNTED = PAIRED | {MatchState.MISSING_HERE, MatchState.DUPLICATE, MatchState.NOT_COMPARED}
"""States of the lines that are in force: together they are what the gateway says."""
COMPARED = frozenset({LineKind.PAYMENT, LineKind.REFUND, LineKind.CHARGEBACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What matching needs of a line. Amounts are minor units, as `SettlementRow` has them."""

    key: int  # of the stored row
    identity: str  # equal for versions of one line
    digest: str  # of what it says; differs between versions
    kind: LineKind
    is_final: bool
    is_withdrawn: bool
    currency: str
    gross_amount: int
    fee_amount: int
    vat_amount: int
    withholding_amount: int
    net_amount: int
    fee_state: FeeState
    reference: str | None
    gateway_ids: tuple[str, ...]
    channel: str | None
    as_of: datetime | None
    payout_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """Money in our ledger: a payment is positive, a refund or a chargeback negative."""

    key: int
    kind: LineKind
    currency: str
    amount: int
    reference: str
    ids: frozenset[str]  # the gateway's, and the references of a refund


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTerm:
    """What a gateway takes of a payment by contract; without a term, nothing is compared."""

    currency: str
    channel: str | None  # None: all that have no term of their own
    fixed_amount: int
    basis_points: int  # of the gross amount, in hundredths of a percent
    vat_basis_points: int  # of the fee
    settlement_days: int | None = None  # after the payment, as planned; nothing depends on it

    def expected(self, gross_amount: int) -> tuple[int, int]:
        """Return the fee and its VAT, each rounded half up."""
        fee = self.fixed_amount + _share_of(abs(gross_amount), self.basis_points)
        return fee, _share_of(fee, self.vat_basis_points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A line's state, and the key of the booked money that it is about, if there is any."""

    state: MatchState
    booked: int | None = None


def judge(
    lines: Sequence[Line], booked: Sequence[Booked], terms: Sequence[FeeTerm] = ()
) -> dict[int, Verdict]:
    """Return the verdict on each line, by its key.

    Args:
        lines: all lines that share a reference or an id, or nothing with the lines left out.
        booked: all money of ours that those lines may be about.
        terms: what the gateway may take.

    A line is paired by the gateway's id first, then by our reference; a line of the same amount
    goes before one of another. Each payment has one line; one more is a duplicate.
    """
    verdicts = {line.key: Verdict(state=MatchState.WITHDRAWN) for line in lines}
    open_lines = []
    for line, replaced in _versions([line for line in lines if not line.is_withdrawn]):
        verdicts |= {one.key: Verdict(state=MatchState.REPLACED) for one in replaced}
        if line.kind in COMPARED and line.is_final:
            open_lines.append(line)
        else:
            verdicts[line.key] = Verdict(state=MatchState.NOT_COMPARED)
    index = _Index(booked)
    pairs = _paired(open_lines, index)
    for line in open_lines:
        verdicts[line.key] = _verdict(line, pairs.get(line.key), index, terms)
    return verdicts


def is_plain(row: Line | SettlementRow, terms: Sequence[FeeTerm]) -> bool:
    """Return whether a line matches if there is one payment, of its amount, for it alone."""
    return row.kind == LineKind.PAYMENT and row.is_final and _is_fee_right(row, terms)


def unsettled(booked: Iterable[Booked], verdicts: Mapping[int, Verdict]) -> list[Booked]:
    """Return the booked money for which no line is in force."""
    reported = {verdict.booked for verdict in verdicts.values() if verdict.state in PAIRED}
    return [one for one in booked if one.key not in reported]


def overdue_on(paid_on: date) -> date:
    """Return the day from which a payment without a line is missing at the gateway.

    Saturdays and Sundays are no working days. Public holidays are not known here.
    """
    day, left = paid_on, OVERDUE_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.isoweekday() <= FRIDAY
    return day + timedelta(days=1)


def last_overdue(day: date) -> date:
    """Return the last day whose payments are overdue on `day`."""
    paid_on = day
    while overdue_on(paid_on) > day:
        paid_on -= timedelta(days=1)
    return paid_on


class _Index:
    """Booked money by what lines may call it."""

    def __init__(self, booked: Sequence[Booked]) -> None:
        self._by_name: dict[tuple[LineKind, str, bool], list[Booked]] = {}
        for one in sorted(booked, key=lambda one: one.key):
            for name in one.ids:
                self._by_name.setdefault((one.kind, name, True), []).append(one)
            self._by_name.setdefault((one.kind, one.reference, False), []).append(one)

    def named(self, line: Line, *, by_id: bool) -> list[Booked]:
        names = line.gateway_ids if by_id else (line.reference,) if line.reference else ()
        found = [one for name in names for one in self._by_name.get((line.kind, name, by_id), ())]
        return list({one.key: one for one in found}.values())


def _versions(lines: Iterable[Line]) -> list[tuple[Line, list[Line]]]:
    """Return the newest version of each line with the versions that it replaces, in a fixed order.

    The gateway's own time decides; of two with the same time, the one that knows its payout, is
    final, or knows its fee.
    """
    versions: dict[str, list[Line]] = {}
    for line in lines:
        versions.setdefault(line.identity, []).append(line)
    return [
        (ordered[-1], ordered[:-1])
        for _identity, group in sorted(versions.items())
        for ordered in [sorted(group, key=_age)]
    ]


def _age(line: Line) -> tuple[bool, float, bool, bool, bool, str, int]:
    as_of = line.as_of.timestamp() if line.as_of else 0.0
    knows_fee = line.fee_state != FeeState.PENDING
    said = (line.payout_id is not None, line.is_final, knows_fee)
    return (line.as_of is not None, as_of, *said, line.digest, line.key)


def _paired(lines: Sequence[Line], index: _Index) -> dict[int, Booked]:
    pairs: dict[int, Booked] = {}
    taken: set[int] = set()
    for by_id, same_amount in ((True, True), (False, True), (True, False), (False, False)):
        for line in lines:
            if line.key in pairs:
                continue
            for one in index.named(line, by_id=by_id):
                if one.key not in taken and (not same_amount or _is_same_amount(line, one)):
                    pairs[line.key] = one
                    taken.add(one.key)
                    break
    return pairs


def _verdict(line: Line, pair: Booked | None, index: _Index, terms: Sequence[FeeTerm]) -> Verdict:
    if pair is None:
        known = index.named(line, by_id=True) or index.named(line, by_id=False)
        if known:
            return Verdict(state=MatchState.DUPLICATE, booked=known[0].key)
        return Verdict(state=MatchState.MISSING_HERE)
    if not _is_same_amount(line, pair):
        return Verdict(state=MatchState.AMOUNT_DIFFERS, booked=pair.key)
    if not _is_fee_right(line, terms):
        return Verdict(state=MatchState.FEE_DIFFERS, booked=pair.key)
    return Verdict(state=MatchState.MATCHED, booked=pair.key)


def _is_same_amount(line: Line, one: Booked) -> bool:
    return (line.gross_amount, line.currency) == (one.amount, one.currency)


def _is_fee_right(line: Line | SettlementRow, terms: Sequence[FeeTerm]) -> bool:
    if line.fee_state != FeeState.FINAL:
        return True
    costs = line.fee_amount + line.vat_amount + line.withholding_amount
    if line.net_amount != line.gross_amount - costs:
        return False
    term = _term_of(line, terms) if line.kind == LineKind.PAYMENT else None
    if term is None:
        return True
    fee, vat = term.expected(line.gross_amount)
    return (
        abs(line.fee_amount - fee) <= FEE_TOLERANCE and abs(line.vat_amount - vat) <= FEE_TOLERANCE
    )


def _term_of(line: Line | SettlementRow, terms: Sequence[FeeTerm]) -> FeeTerm | None:
    own = [term for term in terms if term.currency == line.currency]
    named = [term for term in own if term.channel is not None and term.channel == line.channel]
    return next(iter([*named, *(term for term in own if term.channel is None)]), None)


def _share_of(amount: int, basis_points: int) -> int:
    """Return a share of an amount, rounded half up."""
    return times(amount, Decimal(basis_points).scaleb(-4))
