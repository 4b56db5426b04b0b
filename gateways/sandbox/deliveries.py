"""Webhooks to the merchant: sent in the background, in order per payment, again when refused."""

import itertools
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any
from urllib.parse import urljoin

import requests

from gateways.sandbox.clock import Agenda, Clock
from gateways.sandbox.retries import TEMPORARY_REDIRECTS, Outcome, RetrySchedule
from gateways.sandbox.store import StepLock, Store

KEPT = 50_000  # beyond this the oldest deliveries are dropped
SENDERS = 32
ANSWER_SHOWN = 500  # characters
LAST_ATTEMPTS_SECONDS = 5.0  # how long a reset waits for attempts under way


class Status(StrEnum):
    QUEUED = "queued"
    RETRYING = "retrying"
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Parcel:
    """One HTTP request that a gateway wants to make."""

    gateway: str
    event: str
    reference: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    delay: timedelta = timedelta(0)
    lost: bool = False
    lane: str = ""  # the first attempts of one lane's parcels go one after another
    copies: int = 1  # sent at the same time


@dataclass
class Delivery:
    """A parcel and every attempt made with it."""

    id: int
    parcel: Parcel
    created_at: datetime
    status: Status = Status.QUEUED
    attempts: list[dict[str, Any]] = field(default_factory=list)
    next_attempt_at: datetime | None = None

    def shown(self) -> dict[str, Any]:
        parcel = self.parcel
        return {
            "id": self.id,
            "gateway": parcel.gateway,
            "event": parcel.event,
            "reference": parcel.reference,
            "method": parcel.method,
            "url": parcel.url,
            "headers": dict(parcel.headers),
            "body": parcel.body.decode(),
            "status": self.status,
            "attempts": list(self.attempts),
            "created_at": self.created_at,
            "next_attempt_at": self.next_attempt_at,
        }


class UnknownDelivery(LookupError):
    """There is no delivery with that number."""


class Courier:
    """Sends parcels to the merchant and keeps the log of every attempt."""

    def __init__(
        self,
        *,
        clock: Clock,
        agenda: Agenda,
        schedules: Mapping[str, RetrySchedule],
        speed: Callable[[], float],
        store: Store,
        step: StepLock,
    ) -> None:
        self._store, self._step = store, step
        self._clock, self._agenda, self._schedules, self._speed = clock, agenda, schedules, speed
        self._lock = threading.Lock()
        self._attempts_under_way = 0
        self._attempt_ended = threading.Condition(self._lock)
        self._numbers = itertools.count(1)
        self._log: OrderedDict[int, Delivery] = OrderedDict()
        self._lanes: dict[str, deque[tuple[list[Delivery], datetime]]] = {}
        self._pool = ThreadPoolExecutor(SENDERS, thread_name_prefix="sandbox-courier")

    def send(self, parcels: list[Parcel]) -> None:
        """Take the parcels and return at once; they are sent after the step has been written."""
        with self._step:
            for parcel in parcels:
                copies = [self._record(parcel) for _ in range(parcel.copies)]
                if not parcel.lost:
                    due = self._clock.now() + parcel.delay
                    self._store.then(partial(self._post_later, copies, due))

    def restore(self) -> None:
        """Take over the deliveries of an earlier process, and send again what had not arrived."""
        last = 0
        for delivery in self._store.load("delivery"):
            self._log[delivery.id] = delivery
            last = max(last, delivery.id)
            due = delivery.next_attempt_at
            if delivery.status == Status.RETRYING and due is not None:
                self._agenda.at(due, partial(self._retry, delivery, due))
            elif delivery.status == Status.QUEUED:
                self._post_later([delivery], due or delivery.created_at)
        self._numbers = itertools.count(last + 1)

    def resend(self, number: int) -> Delivery:
        """Send a delivery once more, whatever its state is.

        Raises:
            UnknownDelivery: there is none with that number.
        """
        with self._lock:
            delivery = self._log.get(number)
        if delivery is None:
            raise UnknownDelivery(f"there is no delivery {number}")
        self._pool.submit(self._attempt, delivery, self._clock.now())
        return delivery

    def log(self) -> list[dict[str, Any]]:
        with self._lock:
            return [delivery.shown() for delivery in self._log.values()]

    def reset(self) -> None:
        """Drop every parcel; attempts under way have a few seconds to end, and none begins."""
        with self._lock:
            self._log.clear()
            self._lanes.clear()
            self._attempt_ended.wait_for(
                lambda: not self._attempts_under_way, timeout=LAST_ATTEMPTS_SECONDS
            )

    def _record(self, parcel: Parcel) -> Delivery:
        with self._lock:
            status = Status.LOST if parcel.lost else Status.QUEUED
            delivery = Delivery(next(self._numbers), parcel, self._clock.now(), status)
            self._log[delivery.id] = delivery
            while len(self._log) > KEPT:
                oldest, _delivery = self._log.popitem(last=False)
                self._store.delete("delivery", str(oldest))
            if parcel.delay:
                delivery.next_attempt_at = self._clock.now() + parcel.delay
            self._keep(delivery)
        return delivery

    def _keep(self, delivery: Delivery) -> None:
        self._store.save("delivery", str(delivery.id), delivery)

    def _post_later(self, copies: list[Delivery], due: datetime) -> None:
        if due <= self._clock.now():
            self._queue(copies, due)
            return
        self._agenda.at(due, lambda: self._queue(copies, due))

    def _queue(self, copies: list[Delivery], due: datetime) -> None:
        lane = copies[0].parcel.lane
        with self._lock:
            waiting = self._lanes.get(lane)
            if waiting is not None:
                waiting.append((copies, due))
                return
            self._lanes[lane] = deque([(copies, due)])
        self._pool.submit(self._drain, lane)

    def _drain(self, lane: str) -> None:
        while True:
            with self._lock:
                waiting = self._lanes.get(lane)
                if not waiting:
                    self._lanes.pop(lane, None)
                    return
                (first, *others), due = waiting.popleft()
            for delivery in others:
                self._pool.submit(self._attempt, delivery, due)
            self._attempt(first, due)

    def _attempt(self, delivery: Delivery, due: datetime) -> None:
        """Make an attempt and arrange the next one.

        The next time counts from when this one was due, so that no attempt is skipped if the clock
        moved meanwhile.
        """
        schedule = self._schedules[delivery.parcel.gateway]
        with self._lock:
            if delivery.id not in self._log:
                return
            self._attempts_under_way += 1
        outcome = self._post(delivery.parcel, schedule)
        with self._lock:
            self._attempts_under_way -= 1
            self._attempt_ended.notify_all()
            known = delivery.id in self._log
            delivery.attempts.append(
                {
                    "number": len(delivery.attempts) + 1,
                    "at": due,
                    "status_code": outcome.status_code,
                    "answer": outcome.answer,
                    "error": outcome.error,
                }
            )
        pause = schedule.pause_after(outcome, len(delivery.attempts))
        delivery.next_attempt_at = None
        if outcome.accepted:
            delivery.status = Status.DELIVERED
        elif pause is None or not known:
            delivery.status = Status.GAVE_UP
        else:
            delivery.status = Status.RETRYING
            again = delivery.next_attempt_at = due + pause / self._speed()
            self._agenda.at(again, lambda: self._retry(delivery, again))
        with self._step:
            if known:
                self._keep(delivery)

    def _retry(self, delivery: Delivery, due: datetime) -> None:
        if delivery.status == Status.RETRYING:
            self._pool.submit(self._attempt, delivery, due)

    def _post(self, parcel: Parcel, schedule: RetrySchedule) -> Outcome:
        url = parcel.url
        try:
            for _ in range(schedule.redirects_followed + 1):
                with _session() as session:
                    response = session.request(
                        parcel.method,
                        url,
                        data=parcel.body,
                        headers=dict(parcel.headers),
                        timeout=schedule.timeout_seconds(),
                        allow_redirects=False,
                    )
                target = response.headers.get("Location")
                if response.status_code not in TEMPORARY_REDIRECTS or not target:
                    break
                url = urljoin(url, target)
        except requests.Timeout as error:
            return Outcome(error=type(error).__name__, timed_out=True)
        except requests.RequestException as error:
            return Outcome(error=type(error).__name__)
        return Outcome(status_code=response.status_code, answer=response.text[:ANSWER_SHOWN])


def _session() -> requests.Session:
    """Return a session for one use; the merchant may have closed a kept connection."""
    session = requests.Session()
    session.trust_env = False  # no proxy between two processes of one machine
    session.headers = requests.structures.CaseInsensitiveDict({"Connection": "close"})
    return session
