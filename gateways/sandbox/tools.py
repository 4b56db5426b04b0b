"""What the books of both gateways share."""

import itertools
from dataclasses import dataclass

from gateways.sandbox.accounts import Accounts
from gateways.sandbox.clock import Agenda, Clock
from gateways.sandbox.deliveries import Courier
from gateways.sandbox.faults import FaultBook
from gateways.sandbox.identifiers import Identifiers
from gateways.sandbox.store import StepLock, Store


class Numbers:
    """Gives payments at both gateways their numbers, in the order in which they came."""

    def __init__(self) -> None:
        self._counter = itertools.count(1)

    def next(self) -> int:
        return next(self._counter)

    def go_on_after(self, number: int) -> None:
        self._counter = itertools.count(number + 1)


numbers = Numbers()
next_number = numbers.next


@dataclass(frozen=True, slots=True)
class Tools:
    accounts: Accounts
    clock: Clock
    agenda: Agenda
    identifiers: Identifiers
    faults: FaultBook
    courier: Courier
    public_url: str
    lock: StepLock
    store: Store


class ActionRefused(Exception):
    """The payment's state does not allow the action."""


class UnknownMethod(ValueError):
    """The gateway has no such payment method for this payment."""
