"""What the books of both gateways work with."""

import itertools
import threading
from dataclasses import dataclass

from gateways.sandbox.accounts import Accounts
from gateways.sandbox.clock import Agenda, Clock
from gateways.sandbox.deliveries import Courier
from gateways.sandbox.faults import FaultBook
from gateways.sandbox.identifiers import Identifiers

next_number = itertools.count(1).__next__
"""Numbers payments at both gateways in the order in which they came."""


@dataclass(frozen=True, slots=True)
class Tools:
    accounts: Accounts
    clock: Clock
    agenda: Agenda
    identifiers: Identifiers
    faults: FaultBook
    courier: Courier
    public_url: str
    lock: threading.RLock


class ActionRefused(Exception):
    """The payment is in a state that does not allow what somebody has asked for."""


class UnknownMethod(ValueError):
    """The gateway has no such payment method for this payment."""
