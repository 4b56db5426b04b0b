"""The buttons of a Snap page, and of the page of a single Midtrans transaction."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from gateways.sandbox import amounts
from gateways.sandbox.counter import Button, Deed, UnknownAction, View, less, lines_of, more
from gateways.sandbox.midtrans import methods
from gateways.sandbox.midtrans.ledger import Order
from gateways.sandbox.midtrans.refund_rules import RefundRefused
from gateways.sandbox.midtrans.snap import SnapOrder
from gateways.sandbox.midtrans.transactions import Transaction
from gateways.sandbox.tools import ActionRefused

if TYPE_CHECKING:
    from gateways.sandbox.simulator import Simulator

BUTTONS = (
    Button("pay", "Pay", "primary"),
    Button("partial", "Pay partially"),
    Button("over", "Overpay"),
    Button("twice", "Pay twice"),
    Button("fail", "Fail"),
    Button("challenge", "Challenge (card)"),
    Button("expire", "Expire"),
    Button("abandon", "Leave the card's check unfinished"),
    Button("cancel", "Back to the shop"),
)
AFTER_PAYMENT = (
    Button("twice", "Pay again"),
    Button("settle", "Settle (card)"),
    Button("refund", "Refund"),
    Button("reverse", "Reverse"),
    Button("chargeback", "Charge back"),
    Button("chargeback_listed", "Tell what was charged back"),
    Button("approve", "Approve (challenge)"),
    Button("deny", "Deny (challenge)"),
)
LABELS = {
    "permata_va_number": "Permata virtual account",
    "bill_key": "Bill key",
    "biller_code": "Biller code",
    "payment_code": "Payment code",
    "masked_card": "Card",
}


class MidtransCounter:
    """A page for one order; in Snap the customer chooses the method, in Core the charge has it."""

    def __init__(
        self,
        sandbox: "Simulator",
        *,
        snap_order: SnapOrder | None = None,
        transaction: Transaction | None = None,
    ) -> None:
        self._sandbox, self._desk = sandbox, sandbox.midtrans
        self._snap_order, self._core = snap_order, transaction

    def view(self) -> View:
        order, transaction = self._order(), self._current()
        status = self._snap_order.status if self._snap_order else self._must_have().status
        waits = transaction is not None and transaction.status == "pending"
        is_open = waits or (self._snap_order is not None and self._snap_order.open)
        return View(
            gateway="midtrans",
            merchant=self._sandbox.accounts.midtrans.merchant_name,
            reference=order.id,
            id=transaction.id if transaction else None,
            amount=Decimal(order.gross_amount),
            currency="IDR",
            status=status,
            description="",
            open=is_open,
            expires_at=self._deadline() if is_open else None,
            buttons=BUTTONS if is_open else (),
            after_buttons=AFTER_PAYMENT if transaction and transaction.was_paid else (),
            methods=self._methods(),
            chosen=transaction.method.label if transaction else "",
            instructions=_instructions(transaction) if transaction else (),
            paid_amount=Decimal(self._paid()),
            lines=lines_of(order.lines),
        )

    def act(self, action: str, *, amount: str | None, method: str | None) -> Deed:
        given = int(amounts.read(amount, "IDR")) if amount else None
        due = Decimal(self._order().gross_amount)
        match action:
            case "choose":
                self._choose(method, by_account_number=False)
                return Deed(self.view())
            case "pay":
                self._pay(given, method)
            case "partial":
                self._pay(given or int(less(due, "IDR")), method)
            case "over":
                self._pay(given or int(more(due, "IDR")), method)
            case "twice":
                self._pay_twice(method)
            case "challenge":
                card = self._chosen_for_payment("credit_card", by_account_number=False)
                self._desk.pay(card, challenge=True)
            case "fail":
                self._desk.fail(self._chosen_for_payment(method, by_account_number=False))
                return Deed(self.view(), error="The payment was refused.")
            case "expire":
                self._expire()
            case "cancel":
                pass  # the finish URL opens in spite of this
            case _:
                self._after(action, given)
                return Deed(self.view())
        return Deed(self.view(), redirect_url=self._finish_url())

    def _after(self, action: str, amount: int | None) -> None:
        transaction = self._must_have()
        match action:
            case "abandon":
                self._desk.expire(transaction)
            case "settle":
                self._desk.settle(transaction)
            case "approve" | "deny":
                self._desk.decide(transaction, accept=action == "approve")
            case "refund":
                self._refund(transaction, amount)
            case "reverse":
                self._desk.reverse(transaction)
            case "chargeback":
                self._desk.refunds.charge_back(transaction, amount)
            case "chargeback_listed":
                self._desk.refunds.list_chargebacks(transaction)
            case _:
                raise UnknownAction(f"unknown action {action!r}")

    def _pay(self, amount: int | None, method: str | None) -> None:
        other_amount = amount is not None and amount != self._order().gross_amount
        transaction = self._chosen_for_payment(method, by_account_number=other_amount)
        transaction.issuer = (method or "").partition("/")[2].lower()
        self._desk.pay(transaction, amount=amount)

    def _pay_twice(self, method: str | None) -> None:
        current = self._current()
        if current is None or not current.was_paid:
            current = self._chosen_for_payment(method, by_account_number=True)
            self._desk.pay(current)
        other = next(one for one in ("bni", "bca") if one != current.method.name)
        second = methods.METHODS[other]
        if self._snap_order is not None:
            transaction = self._desk.snap.add(self._snap_order, second)
        else:
            transaction = self._desk.ledger.open(self._order(), second, None)
            self._desk.announce(transaction)
        self._desk.pay(transaction)

    def _refund(self, transaction: Transaction, amount: int | None) -> None:
        try:
            self._desk.refunds.create(
                transaction, amount=amount, key=None, reason="asked for on the page"
            )
        except RefundRefused as error:
            raise ActionRefused(str(error)) from error

    def _expire(self) -> None:
        transaction = self._current()
        if transaction is not None and transaction.status == "pending":
            self._desk.expire(transaction)
            self._desk.snap.close(transaction.order_id)
        elif self._snap_order is not None:
            self._desk.snap.expire_page(self._snap_order)
        else:
            raise ActionRefused(f"the order is {self.view().status}")

    def _choose(self, method: str | None, *, by_account_number: bool) -> Transaction:
        if self._snap_order is None:
            raise ActionRefused("the method of this payment has been chosen already")
        chosen = methods.choose(
            method, self._snap_order.enabled, by_account_number=by_account_number
        )
        return self._desk.snap.choose(self._snap_order, chosen)

    def _chosen_for_payment(self, method: str | None, *, by_account_number: bool) -> Transaction:
        """Return the pending transaction, after choosing its method if none was chosen yet."""
        transaction = self._current()
        if self._snap_order is None:
            return self._must_have()
        if transaction is None or transaction.status != "pending":
            return self._choose(method, by_account_number=by_account_number)
        if method:
            wanted = methods.choose(method, self._snap_order.enabled)
            if wanted != transaction.method:
                return self._choose(method, by_account_number=by_account_number)
        return transaction

    def _current(self) -> Transaction | None:
        return self._snap_order.current if self._snap_order is not None else self._core

    def _must_have(self) -> Transaction:
        transaction = self._current()
        if transaction is None:
            raise ActionRefused("no payment method has been chosen yet")
        return transaction

    def _order(self) -> Order:
        if self._snap_order is not None:
            return self._snap_order.order
        transaction = self._must_have()
        return Order(
            id=transaction.order_id,
            gross_amount=transaction.gross_amount,
            echoed=transaction.echoed,
            lines=transaction.lines,
            finish_url=transaction.finish_url,
            notification_urls=transaction.notification_urls,
            appended_urls=transaction.appended_urls,
        )

    def _paid(self) -> int:
        of_order = self._desk.ledger.of_order(self._order().id)
        return sum(_arrived(transaction) for transaction in of_order if transaction.was_paid)

    def _deadline(self) -> datetime | None:
        transaction = self._current()
        if transaction is not None and transaction.status == "pending":
            return transaction.expires_at
        return self._snap_order.page_expires_at if self._snap_order is not None else None

    def _methods(self) -> dict[str, str]:
        if self._snap_order is None:
            return {}
        offered = methods.offered(self._snap_order.enabled)
        return {name: method.label for name, method in offered.items()}

    def _finish_url(self) -> str:
        url = self._order().finish_url
        if not url:
            return ""
        transaction = self._current()
        known = {"order_id": self._order().id}
        if transaction is not None:
            known["status_code"] = transaction.status_code(asked=False)
            known["transaction_status"] = transaction.status
        return f"{url}{'&' if '?' in url else '?'}{urlencode(known)}"


def _arrived(transaction: Transaction) -> int:
    listed = [int(Decimal(payment["amount"])) for payment in transaction.payment_amounts]
    return sum(listed) if listed else transaction.gross_amount


def _instructions(transaction: Transaction) -> tuple[tuple[str, str], ...]:
    shown = [
        (f"{number['bank'].upper()} virtual account", number["va_number"])
        for number in transaction.details.get("va_numbers", [])
    ]
    shown += [
        (label, transaction.details[name])
        for name, label in LABELS.items()
        if name in transaction.details
    ]
    return tuple(shown)
