"""The state of each gateway, shared by all processes; calls are refused while it is down.

Each account has its own state. After five failed calls in a row its calls are refused at once,
except one probe after 1 second, then after 2, 4, and so on up to half a minute. The first probe
that succeeds lets all calls pass. The state is in Redis. Without Redis nothing is refused:
payments matter more than the load of a gateway. See ADR 8.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

import redis

from gateways.adapter import GatewayBusy, GatewayTimeout, GatewayUnavailable
from paytrust.operations import metrics, shared_state
from paytrust.operations.metrics import Metric

Result = TypeVar("Result")

PLATFORM: Final = "platform"  # the name of the platform's account in the environment
FAILURES_UNTIL_DOWN: Final = 5  # in a row
FIRST_PAUSE_SECONDS: Final = 1  # before the first probe; each that fails doubles it
LONGEST_PAUSE_SECONDS: Final = 30
PROBE_SECONDS: Final = 30  # longer than any call; a probe that died is replaced after it
SLOW_SECONDS: Final = 3.0  # a gateway that answers more slowly is degraded
DELETED_AFTER_SECONDS: Final = 3600  # without any call
SEEN_SECONDS: Final = 2.0  # for so long a process uses the state that its last call read


class Status(StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a gateway; nothing is known without Redis or calls."""

    consecutive_failures: int = 0
    latency_ms: float | None = None  # moving average of the calls that succeeded

    @property
    def status(self) -> Status:
        if self.consecutive_failures >= FAILURES_UNTIL_DOWN:
            return Status.DOWN
        slow = self.latency_ms is not None and self.latency_ms > SLOW_SECONDS * 1000
        return Status.DEGRADED if self.consecutive_failures or slow else Status.UP


_last_seen: dict[str, tuple[float, bool]] = {}
"""By key: when (time.monotonic()) this process last heard, and whether it was down."""

# Returns 0 if the call may be made, else for how many milliseconds it may not.
_ENTER: Final = """
local failures = tonumber(redis.call('HGET', KEYS[1], 'failures') or '0')
if failures < tonumber(ARGV[1]) then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local left = tonumber(redis.call('HGET', KEYS[1], 'probe_at') or '0') - now
if left > 0 then return left end
redis.call('HSET', KEYS[1], 'probe_at', now + tonumber(ARGV[2]), 'probing', 1)
return 0
"""

# Calls that began before the gateway was down fail after it; only a probe lengthens the pause.
# Returns how many calls have failed in a row.
_RECORD: Final = """
local ok, ms, of_gateway = ARGV[1] == 'ok', tonumber(ARGV[2]), '{gateway="' .. ARGV[3] .. '"'
redis.call('HINCRBY', KEYS[2], 'gateway_calls' .. of_gateway .. ',outcome="' .. ARGV[1] .. '"}', 1)
redis.call('HINCRBYFLOAT', KEYS[2], 'gateway_call_seconds' .. of_gateway .. '}', ms / 1000)
if ok then
    local average = tonumber(redis.call('HGET', KEYS[1], 'latency_ms') or ms) * 0.9 + ms * 0.1
    redis.call('HSET', KEYS[1], 'failures', 0, 'latency_ms', string.format('%.1f', average))
    redis.call('HDEL', KEYS[1], 'probing')
    redis.call('EXPIRE', KEYS[1], ARGV[5])
    return 0
end
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local pause = nil
if failures == tonumber(ARGV[4]) then
    pause = tonumber(ARGV[6])
elseif redis.call('HDEL', KEYS[1], 'probing') == 1 then
    pause = tonumber(redis.call('HGET', KEYS[1], 'pause') or ARGV[6])
    pause = math.min(pause * 2, tonumber(ARGV[7]))
end
if pause then
    local clock = redis.call('TIME')
    local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
    redis.call('HSET', KEYS[1], 'pause', pause, 'probe_at', now + pause)
end
redis.call('EXPIRE', KEYS[1], ARGV[5])
return failures
"""


def watched(gateway: str, call: Callable[[], Result], *, account: str = PLATFORM) -> Result:
    """Make a call by an account and store its outcome; refuse it while the gateway is down.

    Each account has its own state: failures of one tenant's own account do not stop other tenants'
    calls. While nothing fails this costs one round trip to Redis.

    Raises:
        GatewayUnavailable: the gateway is down, and was not called.
        Every error of `call`.
    """
    _require_up(gateway, account)
    started = time.monotonic()
    try:
        result = call()
    except GatewayBusy:  # a limit is no failure, and a call not sent is no success
        raise
    except (GatewayTimeout, GatewayUnavailable):
        _record(gateway, account, "failed", started)
        raise
    except Exception:  # it answered, though it refused
        _record(gateway, account, "ok", started)
        raise
    _record(gateway, account, "ok", started)
    return result


def health_of(gateway: str, *, account: str = PLATFORM) -> Health:
    """Return the state of a gateway for an account."""
    nothing: list[Any] = [None, None]
    failures, latency_ms = shared_state.with_redis(
        lambda client: client.hmget(_key(gateway, account), ["failures", "latency_ms"]),
        otherwise=nothing,
    )
    return Health(int(failures or 0), float(latency_ms) if latency_ms else None)


def collect(
    accounts: Callable[[], Iterable[tuple[str, str]]],
) -> Callable[[datetime], Iterator[Metric]]:
    """Make the collector of these accounts' metrics; calls are counted as they are made.

    Args:
        accounts: returns a gateway's code and an account's name for each account in use.
    """

    def collector(_now: datetime) -> Iterator[Metric]:
        for gateway, account in accounts():
            health = health_of(gateway, account=account)
            labels = {"gateway": gateway, "account": account}
            yield Metric(
                "gateway_up",
                float(health.status != Status.DOWN),
                labels,
                "0 while calls to the gateway are refused",
            )
            yield Metric(
                "gateway_consecutive_failures",
                health.consecutive_failures,
                labels,
                "calls that failed in a row",
            )
            yield Metric(
                "gateway_latency_seconds",
                (health.latency_ms or 0) / 1000,
                labels,
                "moving average of the calls that succeeded",
            )

    return collector


def reset(gateway: str, *, account: str = PLATFORM) -> None:
    """Delete what is known of an account's calls to the gateway."""
    _last_seen.pop(_key(gateway, account), None)
    shared_state.with_redis(lambda client: client.delete(_key(gateway, account)), otherwise=0)


def _require_up(gateway: str, account: str) -> None:
    seen_at, was_down = _last_seen.get(_key(gateway, account), (0.0, True))
    if not was_down and time.monotonic() - seen_at < SEEN_SECONDS:
        return
    wait_ms = shared_state.with_redis(lambda client: _enter(client, gateway, account), otherwise=0)
    if wait_ms:
        raise GatewayUnavailable(
            gateway,
            f"it failed {FAILURES_UNTIL_DOWN} times in a row and was not asked; "
            f"it is tried again in {math.ceil(wait_ms / 1000)} s",
        )


def _enter(client: redis.Redis, gateway: str, account: str) -> int:
    answer = client.eval(
        _ENTER, 1, _key(gateway, account), str(FAILURES_UNTIL_DOWN), str(PROBE_SECONDS * 1000)
    )
    return int(str(answer))


def _record(gateway: str, account: str, outcome: str, started: float) -> None:
    ms = (time.monotonic() - started) * 1000

    def record(client: redis.Redis) -> int:
        answer = client.eval(
            _RECORD,
            2,
            _key(gateway, account),
            metrics.COUNTERS,
            outcome,
            f"{ms:.1f}",
            gateway,
            str(FAILURES_UNTIL_DOWN),
            str(DELETED_AFTER_SECONDS),
            str(FIRST_PAUSE_SECONDS * 1000),
            str(LONGEST_PAUSE_SECONDS * 1000),
        )
        return int(str(answer))

    failures = shared_state.with_redis(record, otherwise=0)
    _last_seen[_key(gateway, account)] = (time.monotonic(), failures >= FAILURES_UNTIL_DOWN)


def _key(gateway: str, account: str = PLATFORM) -> str:
    return f"paytrust:gateway:{gateway}:{account}"
