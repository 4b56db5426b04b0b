"""When gateways were last asked about payments without word; only told, never relied on."""

from datetime import UTC, datetime

from paytrust.operations import shared_state

KEY = "reconciliation:last_round"


def note(*, now: datetime) -> None:
    """Remember that a round was handed out."""
    shared_state.with_redis(lambda redis: redis.set(KEY, now.timestamp()), otherwise=None)


def last() -> datetime | None:
    """Return when the last round was handed out, or None if nobody remembers."""
    text = shared_state.with_redis(lambda redis: redis.get(KEY), otherwise=None)
    return datetime.fromtimestamp(float(str(text)), UTC) if text else None
