"""Merchants and their customers, at a steady rate; they continue after a failure."""

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import requests

from tests.factories import invoice_body, rupiah_body

MERCHANTS: Final = 16  # threads
PATIENCE_SECONDS: Final = 150  # one order's; longer than any lease and any harm
PAID: Final = 0.85  # of the orders
REFUNDED: Final = 0.3  # of the paid orders without instalments; half of them in part
REFUNDABLE: Final = {1: "touchngo", 2: "qris"}  # by gateway: methods that give money back
IN_INSTALLMENTS: Final = 0.1
RETRIED: Final = frozenset({408, 409, 429, 500, 502, 503, 504})
CALL_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Order:
    """What a merchant sells: its number and the body of POST /invoices."""

    number: str
    body: dict[str, Any]
    is_paid: bool
    refund: dict[str, Any] | None = None  # the body of POST /invoices/{id}/refunds, if any

    @property
    def has_installments(self) -> bool:
        return "installments" in self.body


@dataclass
class Tally:
    """The answers that the merchants got, for the check."""

    made: dict[str, int] = field(default_factory=dict)  # order number -> invoice id of a 201
    refunded: dict[str, int] = field(default_factory=dict)  # order number -> refund id of a 201
    answers: Counter[int] = field(default_factory=Counter)
    given_up: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)  # answers that no call may get here
    slowest_s: float = 0.0


class Shop:
    """One tenant's calls: creates invoices and pays them, trying again as a merchant would."""

    def __init__(self, base_url: str, api_key: str, tally: Tally) -> None:
        self._url, self._key, self.tally = base_url, api_key, tally
        self._local = threading.local()

    def create(self, order: Order, *, until: float) -> dict[str, Any] | None:
        """Repeat the same call until it is answered 201 or 200; None if that never came."""
        began = time.monotonic()
        invoice = self._asked("/invoices", order.body, key=order.number, until=until)
        if invoice is not None:
            self.tally.made[order.number] = invoice["id"]
            self.tally.slowest_s = max(self.tally.slowest_s, time.monotonic() - began)
        return invoice

    def refund(self, order: Order, invoice_id: int, *, until: float) -> None:
        """Give money back, by the same call again until it is answered 201 or 200."""
        path, key = f"/invoices/{invoice_id}/refunds", f"refund-{order.number}"
        made = self._asked(path, order.refund or {}, key=key, until=until)
        if made is not None:
            self.tally.refunded[order.number] = made["id"]

    def _asked(
        self, path: str, body: dict[str, Any], *, key: str, until: float
    ) -> dict[str, Any] | None:
        while True:
            answer = self._send("POST", path, json=body, headers={"Idempotency-Key": key})
            if answer is not None:
                self.tally.answers[answer.status_code] += 1
                if answer.status_code in {200, 201}:
                    made: dict[str, Any] = answer.json()
                    return made
                if answer.status_code not in RETRIED:
                    self.tally.surprises.append(f"{path} {answer.status_code} {answer.text[:300]}")
                    return None
            if time.monotonic() > until:
                self.tally.given_up.append(key)
                return None
            time.sleep(0.5)

    def shown(self, invoice_id: int) -> dict[str, Any]:
        """Return the invoice; nothing if it cannot be had now."""
        answer = self._send("GET", f"/invoices/{invoice_id}")
        return answer.json() if answer is not None and answer.status_code == 200 else {}

    def pay(self, payment_url: str, *, until: float, method: str | None = None) -> bool:
        """Press the button until the gateway says that it heard."""
        pressed = {"action": "pay"} | ({"method": method} if method else {})
        while time.monotonic() < until:
            try:
                answer = self._session.post(payment_url, data=pressed, timeout=15)
            except requests.RequestException:
                time.sleep(0.5)
                continue
            if answer.status_code < 500:
                return True  # 409: an earlier try was heard, and its answer lost
            time.sleep(0.5)
        return False

    def _send(self, method: str, path: str, **kwargs: Any) -> requests.Response | None:
        headers = {"X-API-Key": self._key, **kwargs.pop("headers", {})}
        try:
            return self._session.request(
                method, self._url + path, headers=headers, timeout=CALL_SECONDS, **kwargs
            )
        except requests.RequestException:
            return None

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False  # never by a proxy
        session: requests.Session = self._local.session
        return session


def order_of(number: str, chance: random.Random, *, paid: float = PAID) -> Order:
    """Make an order: at either gateway, now and then in two instalments."""
    body_of = invoice_body if chance.random() < 0.6 else rupiah_body
    body = body_of(external_id=number)
    if chance.random() < IN_INSTALLMENTS and not number.startswith("probe"):
        body["installments"] = {"count": 2}
    refund: dict[str, Any] | None = None
    if chance.random() < REFUNDED and "installments" not in body:
        refund = {"reason": "other"} | ({"amount": 1000} if chance.random() < 0.5 else {})
    return Order(number, body, is_paid=chance.random() < paid, refund=refund)


class Load:
    """Orders at a steady rate, until it is stopped."""

    def __init__(self, shop: Shop, *, rate: float, seed: int) -> None:
        self._shop, self._rate = shop, rate
        self._chance = random.Random(seed)  # noqa: S311  # the same orders each time
        self._orders: queue.Queue[Order | None] = queue.Queue()
        self._later: list[tuple[float, Callable[[], bool]]] = []  # when, and whether it is done
        self._over = threading.Event()
        work = [self._keep_pace, *[self._serve] * MERCHANTS]
        self._threads = [threading.Thread(target=one, daemon=True) for one in work]

    @property
    def waiting(self) -> int:
        return self._orders.qsize()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more orders, and return when those under way have ended."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _keep_pace(self) -> None:
        began, number = time.monotonic(), 0
        while not self._over.is_set():
            number += 1
            self._over.wait(began + number / self._rate - time.monotonic())
            self._orders.put(order_of(f"order-{number}", self._chance))
        for _ in range(MERCHANTS):
            self._orders.put(None)

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            until = time.monotonic() + PATIENCE_SECONDS
            invoice = self._shop.create(order, until=until)
            if invoice is None or not invoice.get("payment_url") or not order.is_paid:
                continue
            url = invoice["payment_url"]
            method = REFUNDABLE[order.body["gateway_id"]] if order.refund else None
            self._shop.pay(url, until=until, method=method)
            if order.has_installments:
                self._do_later(partial(self._pay_second, invoice["id"], url))
            if order.refund:
                self._do_later(partial(self._refund, order, invoice["id"]))
            self._catch_up()

    def _do_later(self, act: Callable[[], bool]) -> None:
        self._later.append((time.monotonic() + 5, act))

    def _catch_up(self) -> None:
        """Do one thing that was left for later; again a while later if it could not be done."""
        try:
            due_at, act = self._later.pop(0)
        except IndexError:
            return
        now = time.monotonic()
        if (due_at > now or not act()) and now - due_at < PATIENCE_SECONDS:
            self._later.append((due_at, act))

    def _pay_second(self, invoice_id: int, first: str) -> bool:
        """Pay the next instalment of an order whose first one was paid, if its page is open."""
        url = self._shop.shown(invoice_id).get("payment_url")
        if not url or url == first:
            return False
        return self._shop.pay(url, until=time.monotonic() + 30)

    def _refund(self, order: Order, invoice_id: int) -> bool:
        """Give money of an order back, if it is paid."""
        if self._shop.shown(invoice_id).get("status") != "fully_paid":
            return False
        self._shop.refund(order, invoice_id, until=time.monotonic() + PATIENCE_SECONDS)
        return True
