"""Midtrans's book of transactions: changes of their state, and the notifications that follow."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from gateways.sandbox.midtrans.ledger import Ledger, Order
from gateways.sandbox.midtrans.mail import MidtransMail
from gateways.sandbox.midtrans.methods import REVERSIBLE, Method
from gateways.sandbox.midtrans.refunds import Refunds
from gateways.sandbox.midtrans.snap import SnapCounter
from gateways.sandbox.midtrans.transactions import PAID, Transaction, rupiah, written
from gateways.sandbox.tools import ActionRefused, Tools

DEFAULT_FEE = 2_000
CANNOT_CHANGE = "Merchant cannot modify the status of the transaction"


class OrderTaken(ValueError):
    """The order_id belongs to another transaction."""


class MidtransDesk:
    """Everything that can happen to a transaction. Each method is one step with the lock held."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.mail = MidtransMail(tools)
        self.refunds = Refunds(tools, self.mail)
        self.ledger = Ledger(tools, self.expire)
        self.snap = SnapCounter(tools, self.ledger, self.mail)

    def charge(self, order: Order, method: Method, expires_at: datetime | None) -> Transaction:
        """Open a pending transaction through the Core API, without a notification.

        Raises:
            OrderTaken: the order_id has a transaction that was not cancelled.
        """
        with self._tools.lock:
            if any(known.status != "cancel" for known in self.ledger.of_order(order.id)):
                raise OrderTaken(order.id)
            return self.ledger.open(order, method, expires_at)

    def restore(self) -> None:
        """Take over the orders of an earlier process, and the jobs that they wait for."""
        transactions = self.ledger.restore()
        for transaction in transactions.values():
            if transaction.status == "capture" and transaction.settles_at is not None:
                settle = partial(self._settle_if_captured, transaction)
                self._tools.agenda.at(transaction.settles_at, settle)
            for refund in transaction.refunds:
                if refund.confirmed_at is None:
                    self.refunds.confirm_later(transaction, refund)
        self.snap.restore(transactions)

    def announce(self, transaction: Transaction) -> None:
        """Send the merchant the notification that the transaction waits for the customer."""
        with self._tools.lock:
            self.mail.tell(transaction, "pending")

    def shown(self, name: str, *, stale: bool = False) -> dict[str, Any] | None:
        with self._tools.lock:
            transaction = self.ledger.find(name)
            if transaction is None:
                return None
            version = transaction.previous if stale and transaction.previous else transaction
            return version.shown(self._tools.accounts.midtrans)

    def pay(
        self, transaction: Transaction, *, amount: int | None = None, challenge: bool = False
    ) -> None:
        """Take the customer's money; if `amount` is not the order's, payment_amounts shows it.

        Raises:
            ActionRefused: the transaction is not pending.
        """
        with self._tools.lock:
            self._must_be(transaction, "pending")
            now = self._tools.clock.now()
            transaction.remember()
            self._impose_fee(transaction)
            if amount is not None and amount != transaction.gross_amount:
                arrived = {"paid_at": written(now), "amount": rupiah(amount)}
                transaction.payment_amounts.append(arrived)
            transaction.proof = self._proof(transaction)
            if transaction.method.payment_type == "credit_card":
                self._capture(transaction, challenge=challenge)
            else:
                transaction.status, transaction.settled_at = "settlement", now
            self.mail.tell(transaction, "pending" if challenge else "paid")

    def decide(self, transaction: Transaction, *, accept: bool) -> None:
        """Approve or deny a challenged card.

        Raises:
            ActionRefused: the transaction has no challenge.
        """
        with self._tools.lock:
            if transaction.status != "capture" or transaction.fraud_status != "challenge":
                raise ActionRefused(CANNOT_CHANGE)
            transaction.remember()
            transaction.fraud_status = "accept" if accept else "deny"
            transaction.status = "capture" if accept else "deny"
            self.mail.tell(transaction, "paid" if accept else "failed")
            if accept:
                self._settle_later(transaction)

    def fail(self, transaction: Transaction) -> None:
        """Refuse the payment, as the bank does."""
        self._end(transaction, "deny", "failed", {"pending"})

    def cancel(self, transaction: Transaction) -> None:
        """Cancel before settlement, as the API allows."""
        self._end(transaction, "cancel", "cancelled", {"pending", "capture"})

    def expire(self, transaction: Transaction) -> None:
        """End a pending transaction."""
        self._end(transaction, "expire", "expired", {"pending"})

    def reverse(self, transaction: Transaction) -> None:
        """Deny after settlement: the money goes back to the customer without a request."""
        if transaction.method.name not in REVERSIBLE:
            raise ActionRefused(f"{transaction.method.label} knows no reversal")
        self._end(transaction, "deny", "reversed", {"settlement"})

    def settle(self, transaction: Transaction) -> None:
        """Settle a captured card, as happens without a request on the next day."""
        with self._tools.lock:
            if transaction.status != "capture" or transaction.fraud_status != "accept":
                raise ActionRefused(CANNOT_CHANGE)
            transaction.remember()
            transaction.status, transaction.settled_at = "settlement", self._tools.clock.now()
            self.mail.tell(transaction, "paid")

    def page(self, transaction: Transaction) -> str:
        return f"{self._tools.public_url}/pay/midtrans/{transaction.id}"

    def charges(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """List each Snap order once, and every other transaction."""
        with self._tools.lock:
            yield from self.snap.charges()
            listed = self.snap.listed()
            for transaction in self.ledger.all():
                superseded = self.snap.knows(transaction.order_id) and not transaction.was_paid
                if transaction.id not in listed and not superseded:
                    yield transaction.number, self._charge(transaction)

    def reset(self) -> None:
        with self._tools.lock:
            self.ledger.reset()
            self.snap.reset()

    def _charge(self, transaction: Transaction) -> dict[str, Any]:
        return {
            "gateway": "midtrans",
            "id": transaction.id,
            "reference": transaction.order_id,
            "amount": transaction.gross_amount,
            "currency": "IDR",
            "status": transaction.status,
            "payment_url": self.page(transaction),
            "external_id": transaction.echoed.get("custom_field1"),
            "lines": list(transaction.lines),
            "refunds": transaction.taken_shown(),
        }

    def _end(self, transaction: Transaction, status: str, moment: str, allowed: set[str]) -> None:
        with self._tools.lock:
            self._must_be(transaction, *allowed)
            transaction.remember()
            transaction.status = status
            if transaction.method.payment_type == "credit_card" and status == "deny":
                transaction.proof = self._refusal()
            self.mail.tell(transaction, moment)

    def _must_be(self, transaction: Transaction, *allowed: str) -> None:
        if transaction.status not in allowed:
            raise ActionRefused(CANNOT_CHANGE)

    def _impose_fee(self, transaction: Transaction) -> None:
        rules = self._tools.faults.for_webhook(
            gateway="midtrans",
            moment="paying",
            event="settlement",
            reference=transaction.order_id,
            only="fee_imposed",
        )
        if rules:
            transaction.imposed_fee = int(rules[0].options.get("fee", DEFAULT_FEE))

    def _capture(self, transaction: Transaction, *, challenge: bool) -> None:
        transaction.status = "capture"
        transaction.fraud_status = "challenge" if challenge else "accept"
        if not challenge:
            self._settle_later(transaction)

    def _settle_later(self, transaction: Transaction) -> None:
        wait = timedelta(seconds=self._tools.accounts.midtrans.settle_after_seconds)
        transaction.settles_at = due = self._tools.clock.now() + wait
        self.ledger.keep(transaction)
        self._tools.agenda.at(due, lambda: self._settle_if_captured(transaction))

    def _settle_if_captured(self, transaction: Transaction) -> None:
        with self._tools.lock:
            captured = transaction.status in PAID - {"settlement"}
            accepted = captured and transaction.fraud_status == "accept"
            if accepted and self.ledger.knows(transaction):
                self.settle(transaction)

    def _proof(self, transaction: Transaction) -> dict[str, Any]:
        identifiers = self._tools.identifiers
        match transaction.method.payment_type:
            case "qris":
                issuer = transaction.issuer or transaction.method.channel
                on_us = issuer == transaction.method.channel
                return {
                    "transaction_type": "on-us" if on_us else "off-us",
                    "issuer": issuer,
                    "merchant_cross_reference_id": identifiers.uuid(),
                }
            case "cstore":
                return {"approval_code": identifiers.digits(20)}
            case "credit_card":
                proof = {
                    "eci": "05",
                    "channel_response_message": "Approved",
                    "channel_response_code": "00",
                    "bank": "bni",
                    "approval_code": identifiers.digits(13),
                }
                return proof | ({"three_ds_version": "2"} if transaction.three_d_secure else {})
        return {}

    def _refusal(self) -> dict[str, Any]:
        return {
            "eci": "06",
            "channel_response_message": "Do not honor",
            "channel_response_code": "05",
            "bank": "bni",
            "approval_code": self._tools.identifiers.digits(6),
        }
