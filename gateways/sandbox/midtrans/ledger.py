"""The transactions of Midtrans, by id and by order."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from gateways.sandbox.midtrans.methods import Method
from gateways.sandbox.midtrans.transactions import Transaction
from gateways.sandbox.tools import Tools

BNI_PHONE = re.compile(r"(?:\+62|0)[\d -]{1,27}")


@dataclass(frozen=True, slots=True)
class Order:
    """The order that a transaction is opened for."""

    id: str
    gross_amount: int
    echoed: dict[str, Any] = field(default_factory=dict)
    lines: tuple[dict[str, Any], ...] = ()
    phone: str = ""
    for_akulaku: bool = False
    finish_url: str = ""
    notification_urls: tuple[str, ...] | None = None
    appended_urls: tuple[str, ...] = ()

    def objection(self, method: Method) -> str | None:
        """Return why the order cannot use the method; None if it can (gateways-2.md C6)."""
        if method.name == "bni" and self.phone and not BNI_PHONE.fullmatch(self.phone):
            return "BNI rejects the customer's phone number"
        if method.name == "akulaku" and not self.for_akulaku:
            return "Akulaku needs the customer, and items with ids of their own"
        return None


class Ledger:
    """Opens and finds transactions; calls `lapse` when one has waited too long."""

    def __init__(self, tools: Tools, lapse: Callable[[Transaction], None]) -> None:
        self._tools, self._lapse = tools, lapse
        self._transactions: dict[str, Transaction] = {}
        self._by_order: dict[str, list[Transaction]] = {}

    def open(self, order: Order, method: Method, expires_at: datetime | None) -> Transaction:
        """Open a pending transaction, without a notification."""
        tools = self._tools
        now = tools.clock.now()
        transaction = Transaction(
            id=tools.identifiers.uuid(),
            order_id=order.id,
            gross_amount=order.gross_amount,
            method=method,
            created_at=now,
            expires_at=expires_at or now + method.lifetime,
            details=method.details(tools.identifiers),
            echoed=order.echoed,
            lines=order.lines,
            finish_url=order.finish_url,
            notification_urls=order.notification_urls,
            appended_urls=order.appended_urls,
        )
        with tools.lock:
            self._transactions[transaction.id] = transaction
            self._by_order.setdefault(order.id, []).append(transaction)
            self.keep(transaction)
        tools.agenda.at(transaction.expires_at, lambda: self._lapse_if_known(transaction))
        return transaction

    def keep(self, transaction: Transaction) -> None:
        """Store the transaction as it is now, so that it stays after the process ends."""
        with self._tools.lock:
            self._tools.store.save("transaction", transaction.id, transaction)

    def restore(self) -> dict[str, Transaction]:
        """Take over the transactions of an earlier process, and return them by id."""
        tools = self._tools
        for transaction in tools.store.load("transaction"):
            self._transactions[transaction.id] = transaction
            self._by_order.setdefault(transaction.order_id, []).append(transaction)
            tools.faults.know(
                gateway="midtrans",
                reference=transaction.order_id,
                external_id=str(transaction.echoed.get("custom_field1", "")),
            )
            if transaction.status == "pending":
                tools.agenda.at(transaction.expires_at, partial(self._lapse_if_known, transaction))
        return self._transactions

    def find(self, name: str) -> Transaction | None:
        """Return a transaction by its id, or by order_id the one that is paid, or the last."""
        with self._tools.lock:
            if (transaction := self._transactions.get(name)) is not None:
                return transaction
            of_order = self._by_order.get(name, [])
            paid = [known for known in of_order if known.was_paid]
            counting = paid or of_order
            return counting[-1] if counting else None

    def of_order(self, order_id: str) -> list[Transaction]:
        with self._tools.lock:
            return list(self._by_order.get(order_id, []))

    def knows(self, transaction: Transaction) -> bool:
        return transaction.id in self._transactions

    def all(self) -> list[Transaction]:
        with self._tools.lock:
            return list(self._transactions.values())

    def reset(self) -> None:
        self._transactions.clear()
        self._by_order.clear()

    def _lapse_if_known(self, transaction: Transaction) -> None:
        with self._tools.lock:
            if transaction.status == "pending" and self.knows(transaction):
                self._lapse(transaction)
