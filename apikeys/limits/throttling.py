"""How often a key may be used, and how often an address may fail to authenticate.

A window slides: it holds the times of the requests that passed in its last seconds. So there is no
moment at which twice the limit can pass. A refused request is not counted.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apikeys.keys import access
from apikeys.models import ApiKey
from paytrust.operations import metrics
from paytrust.operations.metrics import Metric
from paytrust.operations.outage import Switch
from paytrust.web.client_address import client_address_of, network_of

if TYPE_CHECKING:  # at run time DRF's settings import this module while it is being loaded
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)

WINDOW_SECONDS: Final = 60  # spec 7.5
MICROSECONDS: Final = 1_000_000
AWAY_SECONDS: Final = 0.1  # Redis is close by; a payment waits for it no longer than this
PAUSE_SECONDS: Final = 1.0  # after a failure Redis is not asked for so long


class RateLimiter(Protocol):
    """Counts what passes in a sliding window, per bucket."""

    def take(
        self, bucket: str, *, limit: int, seconds: int, only_look: bool = False
    ) -> access.Standing | None:
        """Let one request of the bucket pass if fewer than `limit` did in the last `seconds`.

        With `only_look` nothing is counted. Returns None if the limiter cannot answer; the caller
        then lets the request pass.
        """
        ...


class MemoryLimiter:
    """Windows in this process. Exact for one process; each other process has its own."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, at_most: int = 10_000
    ) -> None:
        self._clock, self._at_most = clock, at_most
        self._windows: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def take(
        self, bucket: str, *, limit: int, seconds: int, only_look: bool = False
    ) -> access.Standing | None:
        now = self._clock()
        with self._lock:
            window = self._windows.pop(bucket, None) or deque[float]()
            while window and window[0] <= now - seconds:
                window.popleft()
            allowed = len(window) < limit
            if allowed and not only_look:
                window.append(now)
            if window:
                self._windows[bucket] = window  # the last used is last
            if len(self._windows) > self._at_most:
                del self._windows[next(iter(self._windows))]
        oldest = window[0] if window else now
        return access.Standing(
            allowed=allowed,
            limit=limit,
            remaining=limit - len(window),
            reset_seconds=math.ceil(oldest + seconds - now),
        )


class RedisLimiter:
    """Windows in Redis or Valkey, by its clock: right across processes and hosts, in one call."""

    # The list holds the moments in microseconds, oldest first; it vanishes when all are past.
    # A clock set back must not disturb their order.
    SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = tonumber(redis.call('LINDEX', KEYS[1], 0))
while oldest and oldest <= now - length do
    redis.call('LPOP', KEYS[1])
    oldest = tonumber(redis.call('LINDEX', KEYS[1], 0))
end
local taken = redis.call('LLEN', KEYS[1])
if taken >= limit then
    return {0, 0, (oldest or now) + length - now}
end
if ARGV[3] == 'look' then
    return {1, limit - taken, (oldest or now) + length - now}
end
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], length / 1000)
return {1, limit - taken - 1, (oldest or now) + length - now}
"""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_connect_timeout=AWAY_SECONDS,
            socket_timeout=AWAY_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._take = self._redis.register_script(self.SCRIPT)

    def take(
        self, bucket: str, *, limit: int, seconds: int, only_look: bool = False
    ) -> access.Standing | None:
        allowed, remaining, reset = self._take(
            keys=[f"paytrust:rate:{bucket}"],
            args=[limit, seconds * MICROSECONDS, "look" if only_look else "take"],
        )
        return access.Standing(
            allowed=bool(allowed),
            limit=limit,
            remaining=remaining,
            reset_seconds=math.ceil(reset / MICROSECONDS),
        )


class OpenWhenAway:
    """Lets everything pass while a limiter is away: payments matter more than limits (7.5)."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter
        self.switch = Switch(
            "rate limiter away, requests pass uncounted", pause_seconds=PAUSE_SECONDS
        )
        self._lock = threading.Lock()
        self.let_through = 0  # requests that passed uncounted and are not in /metrics yet

    def take(
        self, bucket: str, *, limit: int, seconds: int, only_look: bool = False
    ) -> access.Standing | None:
        standing = self.switch.run(
            lambda: self._limiter.take(bucket, limit=limit, seconds=seconds, only_look=only_look),
            otherwise=None,
        )
        if standing is not None:
            if self.let_through:
                self.report()
        elif not only_look:
            with self._lock:
                self.let_through += 1
        return standing

    def report(self) -> None:
        """Add what was let through to the counter of all processes, once Redis is back."""
        with self._lock:
            if self.let_through and metrics.count("rate_limiter_let_through", by=self.let_through):
                self.let_through = 0


@cache
def limiter() -> RateLimiter:
    """Return this process's limiter, as RATE_LIMIT_BACKEND says."""
    if settings.RATE_LIMIT_BACKEND == "memory":
        return MemoryLimiter()
    return OpenWhenAway(RedisLimiter(settings.REDIS_URL))


def collect(_now: datetime) -> Iterator[Metric]:
    """Yield the state of this process's limiter; all processes share one count of what passed."""
    mine = limiter()
    if not isinstance(mine, OpenWhenAway):
        return
    mine.report()
    is_up = float(not mine.switch.is_away)
    yield Metric("rate_limiter_up", is_up, help="0 while requests pass uncounted")
    yield Metric(
        "rate_limiter_unreported",
        mine.let_through,
        help="requests that passed uncounted, not yet among those let through",
    )


class KeyThrottle(BaseThrottle):
    """1000 requests per API key in any 60 s (FR-038), unless set otherwise."""

    def __init__(self) -> None:
        self._standing: access.Standing | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, ApiKey):  # operators are not limited
            return True
        self._standing = limiter().take(
            f"key:{request.auth.key_id}", limit=settings.RATE_LIMIT_REQUESTS, seconds=WINDOW_SECONDS
        )
        access.note_standing(request, self._standing)
        return self._standing is None or self._standing.allowed

    def wait(self) -> float | None:
        return self._standing.reset_seconds if self._standing else None


class _Blameless:
    """Addresses that had no wrong key a moment ago: Redis is not asked again at once.

    So wrong keys that another process has counted are seen up to a second later.
    """

    SECONDS: Final = 1.0
    AT_MOST: Final = 10_000

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def __contains__(self, bucket: str) -> bool:
        return time.monotonic() < self._until.get(bucket, 0.0)

    def add(self, bucket: str) -> None:
        if len(self._until) >= self.AT_MOST:
            self._until.clear()
        self._until[bucket] = time.monotonic() + self.SECONDS

    def discard(self, bucket: str) -> None:
        self._until.pop(bucket, None)


blameless = _Blameless()


def refuse_flood(request: Request, *, of: str = "failures") -> None:
    """Refuse an address that tries wrong keys, before any work on another key.

    `of` names what is tried: each kind of proof has its own count.

    Raises:
        Throttled: too many wrong keys came from there in the last minute.
    """
    _failure(request, of, only_look=True)


def count_failure(request: Request, *, of: str = "failures") -> None:
    """Count a wrong key against the caller's address; a right key is never counted.

    Raises:
        Throttled: too many wrong keys came from there in the last minute.
    """
    _failure(request, of, only_look=False)


def take_sign_in(request: HttpRequest) -> access.Standing | None:
    """Count a try to sign in against the caller's address, before its password is hashed."""
    return take_by_address(request, "sign-in", limit=settings.SIGN_IN_LIMIT)


def take_by_address(request: HttpRequest, what: str, *, limit: int) -> access.Standing | None:
    """Count something that costs much against the caller's address; so many pass in a minute."""
    return limiter().take(bucket_of(request, what), limit=limit, seconds=WINDOW_SECONDS)


def bucket_of(request: HttpRequest, what: str) -> str:
    """Return the name under which an address is counted: all of an IPv6 /64 are one."""
    address = client_address_of(request)
    return f"{what}:{network_of(address) if address else 'local'}"


def _failure(request: Request, of: str, *, only_look: bool) -> None:
    bucket = bucket_of(request._request, of)  # noqa: SLF001  # DRF's wrapper hides it
    if only_look and bucket in blameless:
        return
    standing = limiter().take(
        bucket,
        limit=settings.FAILED_AUTHENTICATION_LIMIT,
        seconds=WINDOW_SECONDS,
        only_look=only_look,
    )
    if not only_look:
        blameless.discard(bucket)
    elif standing is not None and standing.remaining == standing.limit:
        blameless.add(bucket)
    if standing is not None and not standing.allowed:
        log.warning("too many wrong keys", bucket=bucket)
        raise Throttled(wait=standing.reset_seconds)
