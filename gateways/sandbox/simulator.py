"""The simulator: all parts of one sandbox process together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateways.sandbox.accounts import Accounts
from gateways.sandbox.clock import Agenda, Clock
from gateways.sandbox.deliveries import Courier
from gateways.sandbox.faults import FaultBook
from gateways.sandbox.idempotency import LIFETIME, XENDIT_LIFETIME, IdempotencyKeys
from gateways.sandbox.identifiers import Identifiers
from gateways.sandbox.latency import Latency
from gateways.sandbox.limits import Limiter
from gateways.sandbox.midtrans.desk import MidtransDesk
from gateways.sandbox.retries import midtrans_schedule, xendit_schedule
from gateways.sandbox.store import StepLock, Store
from gateways.sandbox.tools import Tools, numbers
from gateways.sandbox.xendit.desk import XenditDesk


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line."""

    accounts: Accounts
    public_url: str  # of this process, without a slash at the end
    seed: int | None = None
    clock_file: Path | None = None  # the file that moves the merchant's clock
    store: Path | None = None  # where payments stay after the process ends


class Simulator:
    """Both gateways' books and the tools that they share."""

    def __init__(self, options: Options) -> None:
        self.accounts, self.public_url = options.accounts, options.public_url
        self.store = Store(options.store)
        self.lock = StepLock(self.store)
        self.clock = Clock(options.clock_file)
        self.agenda = Agenda(self.clock)
        self.identifiers = Identifiers(options.seed)
        self.faults = FaultBook()
        self.limiter = Limiter()
        self.latency = {"xendit": Latency(), "midtrans": Latency()}
        self.keys = {
            "xendit": IdempotencyKeys(XENDIT_LIFETIME, kind="xendit key", store=self.store),
            "midtrans": IdempotencyKeys(LIFETIME, kind="midtrans key", store=self.store),
        }
        self.courier = Courier(
            clock=self.clock,
            agenda=self.agenda,
            schedules={
                "xendit": xendit_schedule(self.accounts.xendit),
                "midtrans": midtrans_schedule(self.accounts.midtrans),
            },
            speed=lambda: self.accounts.speed,
            store=self.store,
            step=self.lock,
        )
        tools = Tools(
            accounts=self.accounts,
            clock=self.clock,
            agenda=self.agenda,
            identifiers=self.identifiers,
            faults=self.faults,
            courier=self.courier,
            public_url=options.public_url,
            lock=self.lock,
            store=self.store,
        )
        self.xendit = XenditDesk(tools)
        self.midtrans = MidtransDesk(tools)
        self._restore()
        self.agenda.start()

    def keep_clock(self) -> None:
        """Store how far this clock is ahead of the merchant's, for the next process."""
        with self.lock:
            lead = self.clock.offset - self.clock.merchants_offset()
            self.store.save("clock", "lead", lead)

    def _restore(self) -> None:
        """Continue where an earlier process with the same store has ended."""
        with self.lock:
            for lead in self.store.load("clock"):
                self.clock.shift(self.clock.merchants_offset() + lead)
            self.xendit.restore()
            self.midtrans.restore()
            for keys in self.keys.values():
                keys.restore()
            known = [*self.xendit.charges(), *self.midtrans.charges()]
            numbers.go_on_after(max((number for number, _charge in known), default=0))
            self.courier.restore()

    def charges(self) -> list[dict[str, Any]]:
        """List the charges of both gateways, the oldest first, whatever the clock showed."""
        known = [*self.xendit.charges(), *self.midtrans.charges()]
        return [charge for _number, charge in sorted(known, key=lambda pair: pair[0])]

    def reset(self, seed: int | None) -> None:
        """Delete every payment, fault and delivery, and reset the clock; accounts stay."""
        self.agenda.clear()
        self.faults.reset()
        self.limiter.reset()
        self.courier.reset()
        self.xendit.reset()
        self.midtrans.reset()
        for gateway, keys in self.keys.items():
            keys.clear()
            self.latency[gateway] = Latency()
        self.clock.reset()
        self.store.clear()
        if seed is not None:
            self.identifiers.reseed(seed)


_running: Simulator | None = None


def start(options: Options) -> Simulator:
    """Make the simulator of this process."""
    global _running  # noqa: PLW0603  # one process is one simulator
    _running = Simulator(options)
    return _running


def current() -> Simulator:
    if _running is None:
        raise RuntimeError("the sandbox has not been started in this process")
    return _running
