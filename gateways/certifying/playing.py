"""What both gateways' plays share: the account that is tried, and waiting for a payment."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateways.certifying.findings import Findings
from gateways.certifying.recording import Recorder

LOOK_EVERY_SECONDS = 2.0
AMOUNT = 15_000  # rupiah: above the minimum of every method, and little if it is real


@dataclass(frozen=True, slots=True)
class Trial:
    """One run against a test account."""

    connection: dict[str, str]  # addresses and keys, by the adapter's names
    recorder: Recorder
    findings: Findings
    run: str  # names all that this run makes, letters and digits
    say: Callable[[str], None]
    wait_seconds: float  # for a person to pay; 0: no person will pay

    def until_paid(self, url: object, look: Callable[[], bool]) -> bool:
        """Ask a person to pay at an address, and look until it is paid or time is up."""
        if self.wait_seconds <= 0 or not url:
            return False
        self.say(f"Pay as a test customer within {self.wait_seconds:.0f} s: {url}")
        deadline = time.monotonic() + self.wait_seconds
        while not (paid := look()) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_SECONDS)
        return paid
