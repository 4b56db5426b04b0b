"""For any invoice, split and adjustments, every unit is where the rule says."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoices.invoices import charges
from invoices.invoices.charges import Charges, Fee, Line
from invoices.schedule import splitting
from invoices.schedule.splitting import (
    InstallmentAmounts,
    InstallmentTooSmall,
    InvalidInstallments,
    Unpaid,
)
from paytrust.money import EXPONENTS, Money, minor_units

NORMAL_EXAMPLES = 2_000
SLOW_EXAMPLES, SLOW_RUNS = 200_000, 10  # in runs, so that two processes share the work

MOST_LINES, MOST_INSTALLMENTS = 50, 12
RATES = [Decimal(rate) for rate in ("0", "0.06", "0.0825", "0.11", "0.1234", "1")]
FEES = [Fee(Decimal(0), 0), Fee(Decimal("2.9"), 2000), Fee(Decimal("0.7001"), 30)]


@dataclass(frozen=True)
class Order:
    """What a merchant asks for: priced lines and a plan."""

    currency: str
    lines: list[Line]
    fee: Fee
    count: int
    split: str  # equal, all, all_but_last
    weights: list[int]  # of the custom amounts


@dataclass(frozen=True)
class Payment:
    """A customer's payment: that many thousandths of all that is still to be paid."""

    thousandths: int


@dataclass(frozen=True)
class Adjustment:
    """A merchant's adjustment: bit i of `named` names the i-th unpaid part."""

    named: int
    weights: list[int]


Event = Payment | Adjustment


# Bytes are by far the cheapest thing to draw; 200 000 examples of 50 lines take minutes so.
LINE_BYTES, WEIGHT_BYTES = 9, MOST_INSTALLMENTS


def line(drawn: bytes) -> Line:
    """Every second line is of a part of a unit, and most of those have a discount."""
    number, unit_amount = int.from_bytes(drawn[:2]), int.from_bytes(drawn[2:7])
    whole = Line(1 + number % 1000, unit_amount % 10**9, RATES[drawn[7] % len(RATES)])
    if drawn[8] % 2:
        return whole
    installment = replace(whole, quantity=Decimal(1 + number).scaleb(-3))
    return replace(installment, discount_amount=installment.gross_amount * (drawn[8] // 2) // 127)


def lines(drawn: bytes) -> list[Line]:
    return [line(drawn[at : at + LINE_BYTES]) for at in range(0, len(drawn), LINE_BYTES)]


def event(drawn: bytes) -> Event:
    kind, choice = drawn[0] % 2, int.from_bytes(drawn[1:3])
    if kind == 0:
        return Payment(choice % 601)
    return Adjustment(choice % 2**MOST_INSTALLMENTS, list(drawn[3:]))


line_counts = st.integers(1, MOST_LINES)
line_bytes = {
    count: st.binary(min_size=LINE_BYTES * count, max_size=LINE_BYTES * count).map(lines)
    for count in range(1, MOST_LINES + 1)
}
currencies, fees = st.sampled_from(sorted(EXPONENTS)), st.sampled_from(FEES)
installment_counts, splits = (
    st.integers(1, MOST_INSTALLMENTS),
    st.sampled_from(["equal", "all", "all_but_last"]),
)
weights = st.binary(min_size=WEIGHT_BYTES, max_size=WEIGHT_BYTES).map(list)
events = st.lists(
    st.binary(min_size=3 + WEIGHT_BYTES, max_size=3 + WEIGHT_BYTES).map(event), max_size=8
)


@st.composite
def orders(draw: st.DrawFn) -> Order:
    return Order(
        currency=draw(currencies),
        lines=draw(line_bytes[draw(line_counts)]),
        fee=draw(fees),
        count=draw(installment_counts),
        split=draw(splits),
        weights=draw(weights),
    )


@dataclass
class Book:
    """A schedule as the customer pays it and the merchant changes it."""

    charges: Charges
    installments: dict[int, InstallmentAmounts]
    paid: dict[int, int] = field(default_factory=dict)

    def unpaid(self) -> list[InstallmentAmounts]:
        return [
            installment
            for installment in self.installments.values()
            if self.paid_into(installment.number) < installment.total_amount
        ]

    def paid_into(self, number: int) -> int:
        return self.paid.get(number, 0)


def floor_and_last(total: int, shares_of: Sequence[int]) -> list[int]:
    """The rule, written a second time: floors, and the last takes what is left."""
    floors = [total * share // sum(shares_of) for share in shares_of[:-1]]
    return [*floors, total - sum(floors)]


def shared(
    numbers: Sequence[int], totals: Sequence[int], tax: int, fee: int
) -> list[InstallmentAmounts]:
    taxes, fees = floor_and_last(tax, totals), floor_and_last(fee, totals)
    return [InstallmentAmounts(*row) for row in zip(numbers, totals, taxes, fees, strict=True)]


def fits(installments: Sequence[InstallmentAmounts]) -> bool:
    return all(
        installment.total_amount >= 1 and installment.net_amount >= 0
        for installment in installments
    )


def charged(order: Order) -> Charges:
    """Price the lines as a merchant writes them, in whole currency."""
    lines = []
    for line in order.lines:
        written = Money(line.unit_amount, order.currency).whole()
        lines.append(replace(line, unit_amount=minor_units(written, order.currency)))
    return charges.charge(lines=lines, fee=order.fee)


def wanted_totals(order: Order, total_amount: int) -> list[int]:
    if order.split == "equal":
        return floor_and_last(total_amount, [1] * order.count)
    return floor_and_last(total_amount, [weight + 1 for weight in order.weights[: order.count]])


def planned(order: Order) -> Book | None:
    """Make the schedule and compare it with the rule; None if it had to be refused."""
    invoice = charged(order)
    if not invoice.subtotal_amount:
        return None  # such an invoice is refused before it gets a schedule
    totals = wanted_totals(order, invoice.total_amount)
    custom = {"equal": None, "all": totals, "all_but_last": totals[:-1]}[order.split]
    numbers = range(1, order.count + 1)
    expected = shared(numbers, totals, invoice.total_tax_amount, invoice.total_service_fee_amount)
    if not fits(expected):
        with pytest.raises(InstallmentTooSmall):
            splitting.plan(charges=invoice, count=order.count, custom_amounts=custom)
        return None
    installments = splitting.plan(charges=invoice, count=order.count, custom_amounts=custom)
    assert installments == expected
    return Book(invoice, {installment.number: installment for installment in installments})


def pay(book: Book, payment: Payment) -> None:
    amount = sum(p.total_amount - book.paid_into(p.number) for p in book.unpaid())
    amount = amount * payment.thousandths // 1000
    for installment in book.unpaid():
        share = min(amount, installment.total_amount - book.paid_into(installment.number))
        book.paid[installment.number] = book.paid_into(installment.number) + share
        amount -= share


def named_totals(
    book: Book, unpaid: Sequence[InstallmentAmounts], adjustment: Adjustment
) -> dict[int, int]:
    """New totals that are legal, unless what is left for the unnamed is too little."""
    floors = [max(1, book.paid_into(installment.number)) for installment in unpaid]
    free = sum(installment.total_amount for installment in unpaid) - sum(floors)
    extra = floor_and_last(max(free, 0), [w + 1 for w in adjustment.weights[: len(unpaid)]])
    return {
        installment.number: floor + more
        for i, (installment, floor, more) in enumerate(zip(unpaid, floors, extra, strict=True))
        if adjustment.named >> i & 1
    }


def adjust(book: Book, adjustment: Adjustment) -> None:
    """Adjust the schedule and compare it with the rule, or see it refused."""
    unpaid = book.unpaid()
    if not unpaid:
        return
    named = named_totals(book, unpaid, adjustment)
    numbers = [installment.number for installment in unpaid]
    asked = [Unpaid(p.number, p.total_amount, book.paid_into(p.number)) for p in unpaid]
    others = [installment.total_amount for installment in unpaid if installment.number not in named]
    rest = sum(installment.total_amount for installment in unpaid) - sum(named.values())
    if rest < 0 or (not others and rest):
        with pytest.raises(InvalidInstallments):
            splitting.adjusted_totals(unpaid=asked, named=named)
        return
    spread = iter(floor_and_last(rest, others) if others else [])
    expected = [named[number] if number in named else next(spread) for number in numbers]
    tax, fee = sum(p.tax_amount for p in unpaid), sum(p.service_fee_amount for p in unpaid)
    if min(expected) < 1:
        with pytest.raises(InstallmentTooSmall):
            splitting.adjusted_totals(unpaid=asked, named=named)
        return
    if any(total < before.paid_amount for total, before in zip(expected, asked, strict=True)):
        with pytest.raises(InvalidInstallments):
            splitting.adjusted_totals(unpaid=asked, named=named)
        return
    totals = splitting.adjusted_totals(unpaid=asked, named=named)
    assert totals == expected
    by_number = dict(zip(numbers, totals, strict=True))
    after = shared(numbers, totals, tax, fee)
    if not fits(after):
        with pytest.raises(InstallmentTooSmall):
            splitting.split(totals=by_number, tax_amount=tax, service_fee_amount=fee)
        return
    installments = splitting.split(totals=by_number, tax_amount=tax, service_fee_amount=fee)
    assert installments == after
    book.installments.update((installment.number, installment) for installment in installments)


def check(book: Book) -> None:
    installments = book.installments.values()
    assert (
        sum(installment.total_amount for installment in installments) == book.charges.total_amount
    )
    assert (
        sum(installment.tax_amount for installment in installments) == book.charges.total_tax_amount
    )
    assert (
        sum(installment.service_fee_amount for installment in installments)
        == book.charges.total_service_fee_amount
    )
    assert (
        sum(installment.net_amount for installment in installments) == book.charges.subtotal_amount
    )
    for installment in installments:
        assert installment.total_amount >= max(1, book.paid_into(installment.number))
        assert (
            min(installment.net_amount, installment.tax_amount, installment.service_fee_amount) >= 0
        )


def every_unit_is_where_the_rule_says(order: Order, happened: Sequence[Event]) -> None:
    book = planned(order)
    if book is None:
        return
    check(book)
    for event in happened:
        settled = {number: book.installments[number] for number in book.installments}
        for installment in book.unpaid():
            del settled[installment.number]
        if isinstance(event, Payment):
            pay(book, event)
        else:
            adjust(book, event)
        check(book)
        assert {number: book.installments[number] for number in settled} == settled


@settings(max_examples=NORMAL_EXAMPLES, deadline=None)
@given(orders(), events)
def test_every_unit_is_where_the_rule_says(order: Order, happened: list[Event]) -> None:
    every_unit_is_where_the_rule_says(order, happened)


@pytest.mark.slow
@pytest.mark.parametrize("run", range(SLOW_RUNS))
@settings(
    max_examples=SLOW_EXAMPLES // SLOW_RUNS,
    deadline=None,
    derandomize=False,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(order=orders(), happened=events)
def test_in_a_long_run_too(run: int, order: Order, happened: list[Event]) -> None:
    every_unit_is_where_the_rule_says(order, happened)
