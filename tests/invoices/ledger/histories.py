"""Random histories of an invoice's money, and a second implementation of spec 6.1.

`Naive` keeps plain numbers in dictionaries and shares no code with the ledger.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

RATES = [Decimal(rate) for rate in ("0", "0.06", "0.08", "0.1", "0.11", "1")]


@dataclass
class Order:
    """An invoice: the tax of its lines by rate, its fee, and what each instalment asks for."""

    taxes: dict[Decimal, int]
    subtotal: int
    fee: int
    totals: list[int]
    installment_taxes: list[int]
    installment_fees: list[int]

    @property
    def tax(self) -> int:
        return sum(self.taxes.values())

    @property
    def total(self) -> int:
        return self.subtotal + self.tax + self.fee


def order(random: Random) -> Order:
    """Draw an invoice whose instalments each cover their tax and fee."""
    most = random.choice([3, 60, 5_000, 10**9])
    while True:
        taxes: dict[Decimal, int] = {}
        subtotal = 0
        for _ in range(random.randint(1, 6)):
            line, rate = random.randint(0, most), random.choice(RATES)
            subtotal += line
            taxes[rate] = taxes.get(rate, 0) + int(line * rate + Decimal("0.5"))
        fee = random.choice([0, 1, 2, random.randint(0, most // 2)])
        total, tax = subtotal + fee + sum(taxes.values()), sum(taxes.values())
        if subtotal == 0 or total == 0:
            continue
        count = random.randint(1, min(12, total))
        if random.random() < 0.5:
            totals = [total // count] * (count - 1)
        else:
            totals = [random.randint(1, max(1, total // count)) for _ in range(count - 1)]
        totals.append(total - sum(totals))
        installment_taxes = [tax * total_of_one // total for total_of_one in totals[:-1]]
        installment_fees = [fee * total_of_one // total for total_of_one in totals[:-1]]
        installment_taxes.append(tax - sum(installment_taxes))
        installment_fees.append(fee - sum(installment_fees))
        columns = zip(totals, installment_taxes, installment_fees, strict=True)
        if min(totals) > 0 and all(whole >= tax + fee for whole, tax, fee in columns):
            return Order(
                dict(sorted(taxes.items())),
                subtotal,
                fee,
                totals,
                installment_taxes,
                installment_fees,
            )


def largest_remainder(share: int, available: dict[Decimal, int]) -> dict[Decimal, int]:
    whole = sum(available.values())
    if share == 0 or whole == 0:
        return dict.fromkeys(available, 0)
    given = {rate: most * share // whole for rate, most in available.items()}
    left = share - sum(given.values())
    order = sorted(available, key=lambda rate: (-(available[rate] * share % whole), rate))
    for rate in order[:left]:
        given[rate] += 1
    return given


@dataclass
class Naive:
    """What spec 6.1 says of each piece of money, while no instalment changes."""

    order: Order
    paid: list[int] = field(default_factory=list)
    refunded: list[int] = field(default_factory=list)
    tax_in: list[int] = field(default_factory=list)
    tax_back: list[int] = field(default_factory=list)
    given: dict[Decimal, int] = field(default_factory=dict)
    returned: dict[Decimal, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.order.totals)
        self.paid, self.refunded = [0] * count, [0] * count
        self.tax_in, self.tax_back = [0] * count, [0] * count
        self.given = dict.fromkeys(self.order.taxes, 0)
        self.returned = dict.fromkeys(self.order.taxes, 0)

    def move(self, kind: str, index: int, amount: int) -> tuple[int, dict[Decimal, int]]:
        """Book money on an instalment; return its tax, and that by rate, without a sign."""
        tax, total = self.order.installment_taxes[index], self.order.totals[index]
        if kind == "payment":
            self.paid[index] += amount
            share = tax * self.paid[index] // total - self.tax_in[index]
            self.tax_in[index] += share
            room = {rate: most - self.given[rate] for rate, most in self.order.taxes.items()}
            by_rate = largest_remainder(share, room)
            for rate, tax_of_rate in by_rate.items():
                self.given[rate] += tax_of_rate
            return share, by_rate
        room = {rate: got - self.returned[rate] for rate, got in self.given.items()}
        if kind == "refund":
            self.refunded[index] += amount
            share = tax * self.refunded[index] // total - self.tax_back[index]
            self.tax_back[index] += share
            by_rate = largest_remainder(share, room)
            for rate, installment in by_rate.items():
                self.returned[rate] += installment
            return share, by_rate
        self.paid[index] -= amount
        share = self.tax_in[index] - tax * self.paid[index] // total
        self.tax_in[index] -= share
        by_rate = largest_remainder(share, room)
        for rate, installment in by_rate.items():
            self.given[rate] -= installment
        return share, by_rate
