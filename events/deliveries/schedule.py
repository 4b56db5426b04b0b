"""When a delivery is tried: pure arithmetic of moments. Spec 9.5."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

OFFSETS: Final = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Each attempt's time, counted from the first one."""
JITTER: Final = 0.1  # of the offset, either way
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)
SHORTEST_WAIT: Final = timedelta(seconds=4)  # where the worker was away past several times
GIVEN_UP_AFTER: Final = timedelta(hours=120)  # an endpoint with nothing but failures


def next_attempt(
    *,
    made: int,
    first_at: datetime,
    now: datetime,
    retry_after: timedelta | None,
    chance: float,
) -> datetime | None:
    """Return when to try again after a failure; None if that was the last attempt.

    Args:
        made: attempts so far, at least 1.
        first_at: when the first one was made.
        now: when the last one was made.
        retry_after: how long the endpoint asks us to wait.
        chance: 0 to 1, which spreads the attempts over -10 % to +10 %.

    Source: spec 9.5.
    """
    if made >= len(OFFSETS):
        return None
    offset = OFFSETS[made] * (1 + JITTER * (2 * chance - 1))
    earliest = now + max(SHORTEST_WAIT, min(retry_after or timedelta(0), LONGEST_RETRY_AFTER))
    return max(first_at + offset, earliest)


def retry_after_of(header: str | None, *, now: datetime) -> timedelta | None:
    """Read a Retry-After header: seconds, or a date; None if it is neither."""
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return timedelta(seconds=int(text))
    try:
        at = parsedate_to_datetime(text)
        return max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta(0))
    except (ValueError, OverflowError):
        return None
