"""The buttons of a payment page, and the data that the page shows."""

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
    """One part of the total; tax, fees and discounts have their own lines."""

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
        """Return the part of the amount that its lines do not explain; a gateway may allow it."""
        return self.amount - sum((line.amount for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Deed:
    """The result of an action."""

    view: View
    redirect_url: str = ""
    error: str = ""  # the customer reads it; the payment may be tried again

    def shown(self, action: str) -> dict[str, Any]:
        """Return the fields that a program gets as the answer."""
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
    """Return the lines, each with name, quantity, price and its product."""
    return tuple(
        Line(
            name=str(line["name"]),
            quantity=str(line["quantity"]),
            amount=Decimal(line["price"]) * Decimal(line["quantity"]),
        )
        for line in listed
    )


class Counter(Protocol):
    """One payment page, of either gateway."""

    def view(self) -> View: ...

    def act(self, action: str, *, amount: str | None, method: str | None) -> Deed:
        """Do what the button with that name does.

        Raises:
            UnknownAction: there is no such button.
            ActionRefused: the payment's state does not allow it.
            UnknownMethod: the page has no such method.
            InvalidAmount: not an amount in that currency.
        """


def less(amount: Decimal, currency: str) -> Decimal:
    """Return half of the amount, for the button "pay partially"."""
    return stored(amount / 2, currency)


def more(amount: Decimal, currency: str) -> Decimal:
    """Return the amount plus a tenth, for the button "overpay"."""
    tenth = stored(amount / 10, currency)
    return amount + (tenth or 1)
