"""Midtrans refunds and chargebacks: a refund is answered at once, with two notifications."""

from dataclasses import replace
from datetime import timedelta

from gateways.sandbox.midtrans import refund_rules
from gateways.sandbox.midtrans.mail import MidtransMail
from gateways.sandbox.midtrans.refund_rules import RefundRefused
from gateways.sandbox.midtrans.transactions import Refund, Transaction
from gateways.sandbox.tools import ActionRefused, Tools

DUPLICATE = "Duplicate refund ID"
DENIED = "Refund denied by the bank"


class RefundDenied(RefundRefused):
    """The bank refused: the refund has a number, and no money moved."""

    def __init__(self, number: int, key: str) -> None:
        super().__init__("202", DENIED)
        self.number, self.key = number, key


class Refunds:
    """Money that goes back to customers, by the merchant's refund or by their bank."""

    def __init__(self, tools: Tools, mail: MidtransMail) -> None:
        self._tools, self._mail = tools, mail

    def create(
        self,
        transaction: Transaction,
        *,
        amount: int | None,
        key: str | None,
        reason: str,
        denied: bool = False,
    ) -> Refund:
        """Give back `amount`, or all that is left; with `denied` the bank refuses.

        Raises:
            RefundRefused: the key was used before, or the method's rules do not allow it.
            RefundDenied: the bank refuses; the transaction stays as it is.
        """
        tools = self._tools
        with tools.lock:
            if key is not None and key in transaction.refund_keys:
                raise RefundRefused("406", DUPLICATE)
            now = tools.clock.now()
            amount = refund_rules.check(
                transaction, amount, account=tools.accounts.midtrans, now=now
            )
            key = key or tools.identifiers.uuid()
            number = len(transaction.refund_keys) + 1
            transaction.refund_keys.append(key)
            if denied:
                tools.store.save("transaction", transaction.id, transaction)
                raise RefundDenied(number, key)
            wait = timedelta(seconds=tools.accounts.midtrans.confirm_refund_after_seconds)
            refund = Refund(
                number=number,
                amount=amount,
                key=key,
                reason=reason,
                created_at=now,
                confirms_at=now + wait / tools.accounts.speed,
            )
            transaction.remember()
            transaction.refunds.append(refund)
            whole = transaction.taken_back == transaction.gross_amount
            transaction.status = "refund" if whole else "partial_refund"
            self._mail.tell(transaction, "refunded")
        self.confirm_later(transaction, refund)
        return refund

    def confirm_later(self, transaction: Transaction, refund: Refund) -> None:
        """Let the bank confirm later, with a second notification."""
        if refund.confirms_at is not None:
            self._tools.agenda.at(
                refund.confirms_at, lambda: self._confirm(transaction, refund.number)
            )

    def charge_back(self, transaction: Transaction, amount: int | None) -> None:
        """Let the customer's bank take back `amount`, or all that is left.

        Raises:
            ActionRefused: it was not paid, or less is left.
        """
        tools = self._tools
        with tools.lock:
            left = transaction.gross_amount - transaction.taken_back
            amount = left if amount is None else amount
            takes = transaction.status in {"settlement", "capture", "partial_chargeback"}
            if not takes or not 1 <= amount <= left:
                raise ActionRefused(refund_rules.CANNOT_CHANGE)
            unlisted = tools.faults.for_webhook(
                gateway="midtrans",
                moment="charging_back",
                event="chargeback",
                reference=transaction.order_id,
                only="chargeback_unlisted",
            )
            transaction.remember()
            transaction.hides_chargebacks = bool(unlisted)
            transaction.refund_keys.append("")
            transaction.refunds.append(
                Refund(
                    number=len(transaction.refund_keys),
                    amount=amount,
                    key="",
                    reason="chargeback",
                    created_at=tools.clock.now(),
                )
            )
            transaction.status = "chargeback" if amount == left else "partial_chargeback"
            self._mail.tell(transaction, "reversed")

    def list_chargebacks(self, transaction: Transaction) -> None:
        """Show the amount of a chargeback that was first reported without an amount.

        Raises:
            ActionRefused: there is no such chargeback.
        """
        with self._tools.lock:
            if not transaction.hides_chargebacks:
                raise ActionRefused("every chargeback is listed")
            transaction.remember()
            transaction.hides_chargebacks = False
            self._mail.tell(transaction, "reversed")

    def _confirm(self, transaction: Transaction, number: int) -> None:
        with self._tools.lock:
            for index, refund in enumerate(transaction.refunds):
                if refund.number == number:
                    now = self._tools.clock.now()
                    transaction.refunds[index] = replace(refund, confirmed_at=now)
                    self._mail.tell(transaction, "refunded")
