"""What a customer can do on a payment page, and what the page needs to know."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from gateways.sandbox.amounts import presented, stored


class UnknownAction(ValueError):
    """The page has no such button."""


@dataclass(frozen=True, slots=True)
class Button:
    action: str
    label: str
    style: str = "secondary"


@dataclass(frozen=True, slots=True)
class Line:
    """One part of the total; tax, fees and discounts have a line too."""

    name: str
    quantity: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class View:
    """A payment as its page shows it."""

    gateway: str
    merchant: str
    reference: str
    id: str | None
    amount: Decimal
    currency: str
    status: str
    description: str
    open: bool
    expires_at: datetime | None
    buttons: tuple[Button, ...]
    after_buttons: tuple[Button, ...] = ()
    methods: Mapping[str, str] = field(default_factory=dict)  # name to label
    chosen: str = ""
    instructions: tuple[tuple[str, str], ...] = ()
    paid_amount: Decimal = Decimal(0)
    lines: tuple[Line, ...] = ()

    @property
    def unexplained(self) -> Decimal:
        """What the amount has beyond its lines; a gateway may charge what they do not say."""
        return self.amount - sum((line.amount for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Deed:
    """What an action has done."""

    view: View
    redirect_url: str = ""
    error: str = ""  # for the customer to read; the payment may be tried again

    def shown(self, action: str) -> dict[str, Any]:
        """Return what a program is told."""
        view = self.view
        return {
            "action": action,
            "outcome": "failed" if self.error else "done",
            "message": self.error,
            "gateway": view.gateway,
            "id": view.id,
            "reference": view.reference,
            "status": view.status,
            "amount": presented(view.amount),
            "currency": view.currency,
            "paid_amount": presented(view.paid_amount),
            "redirect_url": self.redirect_url,
        }


def lines_of(listed: Iterable[Mapping[str, Any]]) -> tuple[Line, ...]:
    """Return lines of name, quantity and price with what each comes to."""
    return tuple(
        Line(
            name=str(line["name"]),
            quantity=str(line["quantity"]),
            amount=Decimal(line["price"]) * Decimal(line["quantity"]),
        )
        for line in listed
    )


class Counter(Protocol):
    """One payment page, at whichever gateway."""

    def view(self) -> View: ...

    def act(self, action: str, *, amount: str | None, method: str | None) -> Deed:
        """Do what the button of that name does.

        Raises:
            UnknownAction: there is no such button.
            ActionRefused: the payment is not in a state for it.
            UnknownMethod: the page has no such method.
            InvalidAmount: not an amount in that currency.
        """


def less(amount: Decimal, currency: str) -> Decimal:
    """Return half of the amount, for "pay partially"."""
    return stored(amount / 2, currency)


def more(amount: Decimal, currency: str) -> Decimal:
    """Return a tenth more than the amount, for "overpay"."""
    tenth = stored(amount / 10, currency)
    return amount + (tenth or 1)
