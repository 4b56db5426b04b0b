"""Snap: tokens for orders; a transaction begins when the customer has chosen a method."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gateways.sandbox.midtrans.ledger import Ledger, Order
from gateways.sandbox.midtrans.mail import MidtransMail
from gateways.sandbox.midtrans.methods import Method
from gateways.sandbox.midtrans.transactions import Transaction
from gateways.sandbox.tools import ActionRefused, Tools, next_number

PAGE_LIFETIME = timedelta(hours=24)
FREES_ORDER_ID = {"pending", "deny", "cancel"}
UNPAID = {"pending", "deny", "expire", "cancel"}  # the customer may try again on the same page


@dataclass(frozen=True, slots=True)
class Deadlines:
    """When the page closes, and how long a payment may take after its method is chosen."""

    page: timedelta | None = None
    payment: timedelta | None = None
    starts_at: datetime | None = None

    def page_ends(self, now: datetime) -> datetime:
        """Return when the page closes: by `page_expiry`, else by `expiry`, else after 24 hours."""
        if self.page is not None:
            return now + self.page
        return self.payment_ends(now) or now + PAGE_LIFETIME

    def payment_ends(self, now: datetime) -> datetime | None:
        return None if self.payment is None else (self.starts_at or now) + self.payment


class PageRefused(ValueError):
    """The page cannot be closed; the text is the gateway's own."""


@dataclass
class SnapOrder:
    order: Order
    token: str
    created_at: datetime
    page_expires_at: datetime
    deadlines: Deadlines
    enabled: list[str]
    lapsed: bool = False
    canceled_at: datetime | None = None
    transactions: list[Transaction] = field(default_factory=list)
    number: int = field(default_factory=next_number)

    @property
    def current(self) -> Transaction | None:
        """The transaction that counts: the first paid one, or the last."""
        paid = [known for known in self.transactions if known.was_paid]
        if paid:
            return paid[0]
        return self.transactions[-1] if self.transactions else None

    @property
    def status(self) -> str:
        if self.current is not None:
            return self.current.status
        if self.canceled_at is not None:
            return "cancel"
        return "expire" if self.lapsed else "pending"

    @property
    def open(self) -> bool:
        """Return whether a customer can still choose a method, also after a refused attempt."""
        return not self.lapsed and self.canceled_at is None and self.status in UNPAID


class SnapCounter:
    """Makes tokens and pages; one order has one valid token."""

    def __init__(self, tools: Tools, ledger: Ledger, mail: MidtransMail) -> None:
        self._tools, self._ledger, self._mail = tools, ledger, mail
        self._orders: dict[str, SnapOrder] = {}
        self._by_token: dict[str, SnapOrder] = {}

    def create(self, order: Order, deadlines: Deadlines, enabled: list[str]) -> SnapOrder | None:
        """Give the order a new token, which ends its old one; None if the order_id is taken."""
        tools = self._tools
        now = tools.clock.now()
        with tools.lock:
            known = self._orders.get(order.id)
            of_order = self._ledger.of_order(order.id)
            if (known is None and of_order) or any(
                one.status not in FREES_ORDER_ID for one in of_order
            ):
                return None
            token = tools.identifiers.uuid()
            page_expires_at = deadlines.page_ends(now)
            if known is None:
                known = SnapOrder(order, token, now, page_expires_at, deadlines, enabled)
                self._orders[order.id] = known
            else:
                self._by_token.pop(known.token, None)
                known.order, known.token, known.deadlines = order, token, deadlines
                known.page_expires_at, known.enabled, known.lapsed = page_expires_at, enabled, False
                known.canceled_at = None
            self._by_token[token] = known
            self._keep(known)
        tools.agenda.at(page_expires_at, lambda: self._lapse(known, token))
        return known

    def restore(self, transactions: Mapping[str, Transaction]) -> None:
        """Take over the pages of an earlier process."""
        for known in self._tools.store.load("order", transactions):
            self._orders[known.order.id] = self._by_token[known.token] = known
            self._tools.faults.know(
                gateway="midtrans",
                reference=known.order.id,
                external_id=str(known.order.echoed.get("custom_field1", "")),
            )
            lapse = partial(self._lapse, known, known.token)
            self._tools.agenda.at(known.page_expires_at, lapse)

    def by_token(self, token: str) -> SnapOrder | None:
        """Return the order of a valid token."""
        return self._by_token.get(token)

    def by_order(self, order_id: str) -> SnapOrder | None:
        return self._orders.get(order_id)

    def knows(self, order_id: str) -> bool:
        return order_id in self._orders

    def choose(self, known: SnapOrder, method: Method) -> Transaction:
        """Open a transaction for the method that the customer chose, and send its notification.

        After a second choice the first account number still works: customers have paid both.

        Raises:
            ActionRefused: the page is closed, or the order has been paid.
        """
        with self._tools.lock:
            now = self._tools.clock.now()
            expires_at = known.deadlines.payment_ends(now)
            if known.lapsed or (expires_at is not None and expires_at <= now):
                raise ActionRefused("the payment page has expired")
            if not known.open:
                raise ActionRefused(f"the order is {known.status}")
            if (objection := known.order.objection(method)) is not None:
                raise ActionRefused(objection)
            return self.add(known, method)

    def add(self, known: SnapOrder, method: Method) -> Transaction:
        """Open one more transaction for the order, whatever the state of the others is."""
        with self._tools.lock:
            expires_at = known.deadlines.payment_ends(self._tools.clock.now())
            transaction = self._ledger.open(known.order, method, expires_at)
            transaction.three_d_secure = method.payment_type == "credit_card"
            known.transactions.append(transaction)
            self._keep(known)
            self._mail.tell(transaction, "pending")
            return transaction

    def expire_page(self, known: SnapOrder) -> None:
        """Let the page expire unused; no notification is sent.

        Raises:
            ActionRefused: it has expired already.
        """
        with self._tools.lock:
            if not known.open:
                raise ActionRefused("the payment page has expired")
            known.lapsed = True
            self._keep(known)

    def cancel(self, token: str) -> datetime:
        """Close the page of a token, on which no payment was begun; no notification is sent.

        Raises:
            PageRefused: no such token, closed already, or a method has been chosen (C4).
        """
        with self._tools.lock:
            known = self._by_token.get(token)
            if known is None:
                raise PageRefused("token not found")
            if known.canceled_at is not None:
                raise PageRefused("token already canceled")
            if known.current is not None and known.status not in UNPAID - {"pending"}:
                raise PageRefused("Transaction is on progress")
            known.canceled_at = self._tools.clock.now()
            self._keep(known)
            return known.canceled_at

    def close(self, order_id: str) -> None:
        """Close the page because the merchant has ended the order's transaction."""
        with self._tools.lock:
            if (known := self._orders.get(order_id)) is not None:
                known.lapsed = True
                self._keep(known)

    def page(self, known: SnapOrder) -> str:
        return f"{self._tools.public_url}/pay/snap/{known.token}"

    def charges(self) -> Iterator[tuple[int, dict[str, Any]]]:
        for known in self._orders.values():
            current = known.current
            yield (
                known.number,
                {
                    "gateway": "midtrans",
                    "id": None if current is None else current.id,
                    "reference": known.order.id,
                    "amount": known.order.gross_amount,
                    "currency": "IDR",
                    "status": known.status,
                    "payment_url": self.page(known),
                    "external_id": known.order.echoed.get("custom_field1"),
                    "lines": list(known.order.lines),
                    "refunds": [shown for one in known.transactions for shown in one.taken_shown()],
                },
            )

    def listed(self) -> set[str]:
        return {known.current.id for known in self._orders.values() if known.current is not None}

    def reset(self) -> None:
        self._orders.clear()
        self._by_token.clear()

    def _lapse(self, known: SnapOrder, token: str) -> None:
        with self._tools.lock:
            if known.token == token and self.knows(known.order.id):
                known.lapsed = True
                self._keep(known)

    def _keep(self, known: SnapOrder) -> None:
        self._tools.store.save("order", known.order.id, known, refers_to=Transaction)
