"""How many calls an account may still make at its gateway; all processes share the count.

A gateway's rate limit is a budget, not an outage (spec 12). Each account has one for each kind of
call: a number of calls in any minute, from the gateway's own headers or else from a setting. Calls
that somebody waits for come first: lower priorities leave a part of the budget unused and are
spread evenly. Tenants that share an account share its budget. The state is in Redis and may be
lost; without Redis nothing is refused. See ADR 22.
"""

import math
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import redis
import structlog

from gateways.adapter import GatewayBusy
from paytrust.operations import metrics, shared_state
from paytrust.operations.metrics import Metric

log = structlog.get_logger(__name__)


class Priority(StrEnum):
    """Why a gateway is called, the most urgent first."""

    MERCHANT = "merchant"  # somebody waits for the answer: create, expire
    REFUND = "refund"
    CONFIRMATION = "confirmation"
    RECONCILIATION = "reconciliation"


SHARES: Final = {
    Priority.MERCHANT: 1.0,
    Priority.REFUND: 0.9,
    Priority.CONFIRMATION: 0.75,
    Priority.RECONCILIATION: 0.5,
}
"""How much of a budget each may use up; the rest is kept for those before it."""
FAIR_SHARE: Final = 0.9  # of a share; the rest is for tenants that have made few calls so far
FEW_CALLS: Final = 0.05  # of the budget: as many a tenant may always make
PATIENCE_SECONDS: Final = 2.0  # how long a call for a waiting merchant waits for budget
LOOK_AGAIN_SECONDS: Final = 0.25
WINDOW_MS: Final = 60_000
EVEN_MS: Final = 10_000  # lower priorities use their share evenly over stretches of this
KEPT_MS: Final = 180_000  # without any call
KNOWN: Final = "paytrust:budgets"  # a set of the budgets there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The account that makes calls, and the tenant that they are for."""

    gateway: str
    account: str
    calls_per_minute: int  # where the gateway says no other; 0: no figure
    priority: Priority
    tenant_id: int | None  # none: the account is one tenant's own, and not shared


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)

# Returns for how many milliseconds the call may not be made; 0: it may, and is counted.
_TAKE: Final = """
local calls, state, tenants, own = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = redis.call('HMGET', state, 'limit', 'remaining', 'reset_at', 'free_at')
local free_at = tonumber(known[4] or '0')
if free_at > now then return free_at - now end
local limit, share = tonumber(known[1] or ARGV[1]), tonumber(ARGV[2])
if limit <= 0 then return 0 end
local window, even, kept = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local reset_at = tonumber(known[3] or '0')
local counted_there = known[2] and reset_at > now
if counted_there and tonumber(known[2]) - 1 < limit * (1 - share) then return reset_at - now end
local function leaves(key, keep, stretch, from)
    local first = redis.call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', keep, 1)
    return first[2] and math.max(1, first[2] + stretch - now) or 1
end
redis.call('ZREMRANGEBYSCORE', calls, 0, now - window)
local used, most = redis.call('ZCARD', calls), math.max(1, math.floor(limit * share))
if used >= most then return leaves(calls, used - most, window, now - window) end
if share < 1 then
    local lately, evenly = redis.call('ZCOUNT', calls, now - even, '+inf'), most * even / window
    if lately >= math.max(1, evenly) then return leaves(calls, 0, even, now - even) end
end
if ARGV[6] ~= '' then
    redis.call('ZADD', tenants, now, ARGV[6])
    redis.call('ZREMRANGEBYSCORE', tenants, 0, now - window)
    redis.call('ZREMRANGEBYSCORE', own, 0, now - window)
    local mine, fair = redis.call('ZCARD', own), math.max(1, math.floor(most * ARGV[7]))
    local fair_each = math.max(1, math.floor(fair / redis.call('ZCARD', tenants)))
    if mine >= limit * ARGV[8] and (used >= fair or mine >= fair_each) then
        return leaves(own, math.max(0, mine - fair_each), window, now - window)
    end
    redis.call('ZADD', own, now, ARGV[9])
    redis.call('PEXPIRE', own, kept)
    redis.call('PEXPIRE', tenants, kept)
end
redis.call('ZADD', calls, now, ARGV[9])
redis.call('PEXPIRE', calls, kept)
if counted_there then redis.call('HINCRBY', state, 'remaining', -1) end
redis.call('SADD', KEYS[5], ARGV[10])
return 0
"""

# Answers come in another order than their calls: within one window the lowest figure counts.
_HEED: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'remaining', 'reset_at')
local remaining, reset_at = tonumber(ARGV[2]), now + tonumber(ARGV[3])
if known[1] and math.abs(tonumber(known[2] or '0') - reset_at) < 1500 then
    remaining = math.min(remaining, tonumber(known[1]))
end
redis.call('HSET', KEYS[1], 'limit', ARGV[1], 'remaining', remaining, 'reset_at', reset_at)
redis.call('HDEL', KEYS[1], 'refusals')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
"""

# Returns for how many milliseconds no call may be made.
_REFUSED: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local refusals = redis.call('HINCRBY', KEYS[1], 'refusals', 1)
local pause = tonumber(ARGV[1])
if pause < 0 then pause = math.min(60000, 1000 * 2 ^ math.min(refusals, 6)) end
local free_at = math.max(tonumber(redis.call('HGET', KEYS[1], 'free_at') or '0'), now + pause)
redis.call('HSET', KEYS[1], 'free_at', string.format('%.0f', free_at))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return math.floor(free_at - now)
"""


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """Make the calls inside for this caller, from its budget."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


def patience() -> float:
    """Return for how many seconds the present caller waits for budget."""
    caller = _caller.get()
    return PATIENCE_SECONDS if caller and caller.priority == Priority.MERCHANT else 0.0


def take(endpoint: str, *, until: float) -> None:
    """Count one call; if the budget is used up, wait until the call may be made.

    Without a caller, as in scripts that speak to an adapter directly, nothing is counted.

    Args:
        endpoint: the kind of call, such as create or get.
        until: the end of the caller's patience, by time.monotonic().

    Raises:
        GatewayBusy: the budget is used up for longer than that; nothing was sent.
    """
    caller = _caller.get()
    if caller is None:
        return
    while wait_ms := shared_state.with_redis(
        lambda client: _evaluated(client, caller, endpoint), otherwise=0
    ):
        if time.monotonic() + wait_ms / 1000 > until:
            metrics.count("gateway_busy", gateway=caller.gateway, priority=caller.priority.value)
            raise GatewayBusy(caller.gateway, retry_after_seconds=wait_ms / 1000)
        time.sleep(min(wait_ms / 1000, LOOK_AGAIN_SECONDS))


def heed(endpoint: str, headers: Mapping[str, str]) -> None:
    """Store what a gateway's answer says about its limit, if it says anything."""
    caller = _caller.get()
    limit, remaining, reset = (
        _number(headers.get(f"Rate-Limit-{name}")) for name in ("Limit", "Remaining", "Reset")
    )
    if caller is None or not limit or remaining is None or reset is None:
        return
    shared_state.with_redis(
        lambda client: client.eval(
            _HEED,
            1,
            _key(caller, endpoint, "state"),
            f"{limit:.0f}",
            f"{remaining:.0f}",
            f"{reset * 1000:.0f}",
            str(KEPT_MS),
        ),
        otherwise=None,
    )


def refused(gateway: str, endpoint: str, headers: Mapping[str, str]) -> GatewayBusy:
    """Stop calls of this kind for as long as a gateway's 429 says; return what to raise.

    A gateway that does not say is asked again after 2 seconds, then 4, up to a minute.
    """
    given = _number(headers.get("Rate-Limit-Reset")) or _number(headers.get("Retry-After"))
    caller = _caller.get()
    otherwise = 2.0 if given is None else given
    metrics.count("gateway_calls_over_limit", gateway=gateway)
    log.warning("over the gateway's limit", gateway=gateway, endpoint=endpoint, free_in=given)
    if caller is None:
        return GatewayBusy(gateway, retry_after_seconds=otherwise)
    pause_ms = shared_state.with_redis(
        lambda client: int(
            str(
                client.eval(
                    _REFUSED,
                    1,
                    _key(caller, endpoint, "state"),
                    "-1" if given is None else f"{given * 1000:.0f}",
                    str(KEPT_MS),
                )
            )
        ),
        otherwise=int(otherwise * 1000),
    )
    return GatewayBusy(gateway, retry_after_seconds=pause_ms / 1000)


def used_lately(caller: Caller, endpoints: Sequence[str]) -> tuple[int, int]:
    """Return the calls of the last ten seconds, and the limit a minute; 0: none is known."""
    nothing: list[Any] = []

    def look(client: redis.Redis) -> list[Any]:
        since = (time.time() * 1000) - EVEN_MS
        asked = client.pipeline(transaction=False)
        for endpoint in endpoints:
            asked.zcount(_key(caller, endpoint, "calls"), since, "+inf")
            asked.hget(_key(caller, endpoint, "state"), "limit")
        return list(asked.execute())

    found = shared_state.with_redis(look, otherwise=nothing)
    limits = [int(limit) for limit in found[1::2] if limit]
    return sum(map(int, found[::2])), min(limits, default=caller.calls_per_minute)


def reset(caller: Caller) -> None:
    """Delete what is known of an account's budgets."""

    def remove(client: redis.Redis) -> None:
        for key in client.scan_iter(f"paytrust:budget:{caller.gateway}:{caller.account}:*"):
            client.delete(key)

    shared_state.with_redis(remove, otherwise=None)


def collect(_now: datetime) -> Iterator[Metric]:
    """Yield what is left of each budget that a recent call used."""
    nothing: list[tuple[str, Any, Any]] = []
    for name, used, known in shared_state.with_redis(_budgets, otherwise=nothing):
        gateway, account, endpoint, assumed = name.split("|")
        limit = int(known[0] or assumed)
        labels = {"gateway": gateway, "account": account, "endpoint": endpoint}
        left = limit - used
        if known[1] and float(known[2] or 0) > time.time() * 1000:
            left = min(left, int(known[1]))
        yield Metric("gateway_budget", limit, labels, "calls a minute that the gateway allows")
        yield Metric("gateway_budget_left", max(left, 0), labels, "calls that may be made now")


def _budgets(client: redis.Redis) -> list[tuple[str, Any, Any]]:
    found = []
    since = time.time() * 1000 - WINDOW_MS
    for name in sorted(str(one) for one in client.smembers(KNOWN)):
        prefix = _prefix(*name.split("|")[:3])
        used = client.zcount(f"{prefix}:calls", since, "+inf")
        state = client.hmget(f"{prefix}:state", ["limit", "remaining", "reset_at"])
        if used or state[0]:
            found.append((name, used, state))
        else:
            client.srem(KNOWN, name)
    return found


def _evaluated(client: redis.Redis, caller: Caller, endpoint: str) -> int:
    tenant = "" if caller.tenant_id is None else str(caller.tenant_id)
    answer = client.eval(
        _TAKE,
        5,
        _key(caller, endpoint, "calls"),
        _key(caller, endpoint, "state"),
        _key(caller, endpoint, "tenants"),
        _key(caller, endpoint, f"of:{tenant}"),
        KNOWN,
        str(caller.calls_per_minute),
        str(SHARES[caller.priority]),
        str(WINDOW_MS),
        str(EVEN_MS),
        str(KEPT_MS),
        tenant,
        str(FAIR_SHARE),
        str(FEW_CALLS),
        secrets.token_hex(8),
        f"{caller.gateway}|{caller.account}|{endpoint}|{caller.calls_per_minute}",
    )
    return math.ceil(float(str(answer)))


def _key(caller: Caller, endpoint: str, what: str) -> str:
    return f"{_prefix(caller.gateway, caller.account, endpoint)}:{what}"


def _prefix(gateway: str, account: str, endpoint: str) -> str:
    return f"paytrust:budget:{gateway}:{account}:{endpoint}"


def _number(text: str | None) -> float | None:
    """Read a header's figure; seconds may have a fraction."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= 86_400 else None
