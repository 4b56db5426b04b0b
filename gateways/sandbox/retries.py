"""The times at which each gateway sends a webhook again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from gateways.sandbox.accounts import MidtransAccount, XenditAccount

TEMPORARY_REDIRECTS = {307, 308}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt: an answer's status code, a time-out, or a broken connection."""

    status_code: int | None = None
    answer: str = ""
    error: str = ""
    timed_out: bool = False

    @property
    def accepted(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Pauses before each retry, at normal speed, and how many retries each outcome gets."""

    pauses: tuple[timedelta, ...]
    timeout_seconds: Callable[[], float]
    earned: Callable[[Outcome], int]
    redirects_followed: int = 0

    def pause_after(self, outcome: Outcome, attempts: int) -> timedelta | None:
        """Return how long to wait after attempt number `attempts`, or None for no more attempts."""
        retries_done = attempts - 1
        if outcome.accepted or retries_done >= min(self.earned(outcome), len(self.pauses)):
            return None
        return self.pauses[retries_done]


XENDIT_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (15, 45, 120, 180, 360, 720))
MIDTRANS_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (2, 10, 30, 90, 210))
MIDTRANS_EARNED = {500: 1, 503: 4, 400: 2, 404: 2, 301: 0, 302: 0, 303: 0}


def xendit_schedule(account: XenditAccount) -> RetrySchedule:
    """Six retries in 24 hours; sources disagree about time-outs (gateway-facts.md A10)."""

    def earned(outcome: Outcome) -> int:
        return 0 if outcome.timed_out and not account.retry_timeouts else len(XENDIT_PAUSES)

    return RetrySchedule(
        pauses=XENDIT_PAUSES,
        timeout_seconds=lambda: account.webhook_timeout_seconds,
        earned=earned,
    )


def midtrans_schedule(account: MidtransAccount) -> RetrySchedule:
    """The status code decides how many retries there are (gateway-facts.md B7)."""

    def earned(outcome: Outcome) -> int:
        return MIDTRANS_EARNED.get(outcome.status_code or 0, len(MIDTRANS_PAUSES))

    return RetrySchedule(
        pauses=MIDTRANS_PAUSES,
        timeout_seconds=lambda: account.webhook_timeout_seconds,
        earned=earned,
        redirects_followed=5,
    )
