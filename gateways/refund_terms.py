"""What a payment's method allows for refunds, known before a gateway is asked.

Pure. Each gateway's `methods` holds the facts (gateways-2.md C1); `answer` reads them for one
payment.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

JAKARTA = ZoneInfo("Asia/Jakarta")  # the hours and days of channels are meant there


class Obstacle(StrEnum):
    """Why a gateway will not give a payment back; the names are those of the API (spec 10.3)."""

    NOT_SUPPORTED = "refund_not_supported"
    WINDOW_CLOSED = "refund_window_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundTerms:
    """How one method gives money back at one gateway."""

    exists: bool = True
    in_part: bool = True
    several: bool = True  # more than one refund of a payment
    within: timedelta | None = None  # after it was paid; none: no limit is known
    same_day: bool = False  # only on the day on which it was paid, by Jakarta's clock
    hours: tuple[time, time] | None = None  # between which the channel takes refunds, Jakarta
    whole_after: timedelta | None = None  # before it, only a part can go back


NO_REFUND = RefundTerms(exists=False, in_part=False, several=False)
"""The gateway has none: a person sends the money, and the refund is recorded as manual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAnswer:
    """What one payment can give back at this moment."""

    obstacle: Obstacle | None  # none: the gateway may be asked
    manual: bool  # no call of the gateway gives it back, now or later
    in_part: bool
    in_full: bool
    several: bool
    until: datetime | None  # when the window closes; none: no end is known
    opens_at: datetime | None = None  # when the channel takes refunds again; none: now


def answer(terms: RefundTerms, *, paid_at: datetime, now: datetime) -> RefundAnswer:
    """Say what a payment with these terms can give back now.

    Args:
        terms: of the method and channel by which it was paid.
        paid_at: when the customer paid.
        now: when the refund would be sent.
    """
    until = _until(terms, paid_at)
    obstacle = None
    if not terms.exists:
        obstacle = Obstacle.NOT_SUPPORTED
    elif until is not None and now > until:
        obstacle = Obstacle.WINDOW_CLOSED
    return RefundAnswer(
        obstacle=obstacle,
        manual=not terms.exists,
        in_part=terms.in_part,
        in_full=terms.whole_after is None or now >= paid_at + terms.whole_after,
        several=terms.several,
        until=until,
        opens_at=_opens_at(terms, now),
    )


def _until(terms: RefundTerms, paid_at: datetime) -> datetime | None:
    if terms.same_day:
        midnight = datetime.combine(paid_at.astimezone(JAKARTA), time(), JAKARTA)
        return (midnight + timedelta(days=1)).astimezone(paid_at.tzinfo)
    return None if terms.within is None else paid_at + terms.within


def _opens_at(terms: RefundTerms, now: datetime) -> datetime | None:
    if terms.hours is None:
        return None
    opens, closes = terms.hours
    there = now.astimezone(JAKARTA)
    if opens <= there.time() < closes:
        return None
    day = there.date() if there.time() < opens else there.date() + timedelta(days=1)
    return datetime.combine(day, opens, JAKARTA).astimezone(now.tzinfo)
