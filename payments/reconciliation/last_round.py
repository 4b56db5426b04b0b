"""When gateways were last asked about payments without a notification; for display only."""

from datetime import UTC, datetime

from paytrust.operations import shared_state

KEY = "reconciliation:last_round"


def note(*, now: datetime) -> None:
    """Remember that a job gave out a round of questions."""
    shared_state.with_redis(lambda redis: redis.set(KEY, now.timestamp()), otherwise=None)


def last() -> datetime | None:
    """Return when the last round was given out, or None if that is not known."""
    text = shared_state.with_redis(lambda redis: redis.get(KEY), otherwise=None)
    return datetime.fromtimestamp(float(str(text)), UTC) if text else None
