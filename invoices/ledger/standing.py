"""How an invoice, its instalments and its tax rates stand. Pure: knows no framework."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """What a piece of money is. Equal to the values of `invoices.models.MoneyKind`."""

    PAYMENT = "payment"
    REFUND = "refund"
    REVERSAL = "reversal"
    TRANSFER = "transfer"


class Flag(StrEnum):
    """Why finance should look. Equal to the values of `invoices.models.ReviewFlag`."""

    UNDERPAID = "underpaid"
    OVERPAID = "overpaid"
    LATE = "late"
    AFTER_CANCEL = "after_cancel"
    REVERSED = "reversed"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Shares:
    """Money, in minor units, and what of it is net amount, tax and service fee."""

    net_amount: int = 0
    tax_amount: int = 0
    service_fee_amount: int = 0

    @property
    def amount(self) -> int:
        return self.net_amount + self.tax_amount + self.service_fee_amount

    def __add__(self, other: "Shares") -> "Shares":
        return Shares(
            self.net_amount + other.net_amount,
            self.tax_amount + other.tax_amount,
            self.service_fee_amount + other.service_fee_amount,
        )

    def __neg__(self) -> "Shares":
        return Shares(-self.net_amount, -self.tax_amount, -self.service_fee_amount)

    def __sub__(self, other: "Shares") -> "Shares":
        return self + -other


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallmentStanding:
    """An instalment: what it asks for, what came in, and what was refunded."""

    id: int
    number: int
    asked: Shares
    received: Shares = Shares()  # payments less reversals, and what was transferred
    refunded: Shares = Shares()
    paid_at: datetime | None = None  # when the customer paid, as the gateway says
    settled_at: datetime | None = None  # when it was booked here

    @property
    def held(self) -> Shares:
        return self.received - self.refunded

    @property
    def due_amount(self) -> int:
        return self.asked.amount - self.received.amount

    @property
    def is_paid(self) -> bool:
        return self.due_amount == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One tax rate of an invoice: the tax of its lines, what came in, and what was refunded."""

    tax_rate: Decimal
    asked_amount: int
    received_amount: int = 0  # payments less reversals
    refunded_amount: int = 0

    @property
    def due_amount(self) -> int:
        return self.asked_amount - self.received_amount

    @property
    def held_amount(self) -> int:
        return self.received_amount - self.refunded_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an invoice stands with all that was booked on it."""

    total_amount: int
    installments: tuple[InstallmentStanding, ...]  # in order
    rates: tuple[Rate, ...]  # lowest first
    paid_amount: int = 0  # all that was received, less reversals
    overpayment_amount: int = 0  # the overpayment, as far as it is still held
    refunded_amount: int = 0
    status: str = "pending"
    ended_as: str | None = None
    review_flags: tuple[str, ...] = ()
    paid_at: datetime | None = None  # when it became fully paid

    def installment(self, installment_id: int) -> InstallmentStanding:
        return next(
            installment for installment in self.installments if installment.id == installment_id
        )

    @property
    def allocated_amount(self) -> int:
        """What the instalments have received, refunded or not."""
        return sum(installment.received.amount for installment in self.installments)

    @property
    def status_by_money(self) -> str:
        """The state, from the money first, then from how the invoice ended.

        An invoice on which money was booked is never a draft again.
        """
        if self.allocated_amount >= self.total_amount:
            return "fully_paid"
        if self.paid_amount > 0:
            return "partially_paid"
        return self.ended_as or "pending"

    @property
    def standing_flags(self) -> tuple[str, ...]:
        """The review flags, without those that the money has made untrue.

        Missing money may arrive later, and an overpayment may go back. The other flags say what
        happened, and stay (spec 6.3).
        """
        is_short = any(
            0 < installment.received.amount < installment.asked.amount
            for installment in self.installments
        )
        cured: Mapping[str, bool] = {
            Flag.UNDERPAID: not is_short,
            Flag.OVERPAID: self.overpayment_amount == 0,
        }
        return tuple(flag for flag in self.review_flags if not cured.get(flag))
