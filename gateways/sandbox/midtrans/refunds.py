"""Midtrans refunds: answered at once, notified twice."""

from dataclasses import replace
from datetime import timedelta

from gateways.sandbox.midtrans.mail import MidtransMail
from gateways.sandbox.midtrans.methods import REFUNDABLE, REFUNDABLE_IN_FULL_ONLY
from gateways.sandbox.midtrans.transactions import Refund, Transaction
from gateways.sandbox.tools import ActionRefused, Tools

CANNOT_CHANGE = "Merchant cannot modify the status of the transaction"


class RefundKeyReused(ValueError):
    """A refund with that key has been made already."""


class RefundAmountRefused(ValueError):
    """More than is left, or a part where only the whole can be given back."""


class Refunds:
    def __init__(self, tools: Tools, mail: MidtransMail) -> None:
        self._tools, self._mail = tools, mail

    def create(
        self, transaction: Transaction, *, amount: int | None, key: str | None, reason: str
    ) -> Refund:
        """Give money back; all that is left unless `amount` is given.

        Raises:
            ActionRefused: not settled, or a method without refund.
            RefundKeyReused: `key` was used for this transaction before.
            RefundAmountRefused: too much, or a part of a method that refunds in full only.
        """
        tools = self._tools
        with tools.lock:
            settled = transaction.status in {"settlement", "partial_refund", "refund"}
            if not settled or transaction.method.payment_type not in REFUNDABLE:
                raise ActionRefused(CANNOT_CHANGE)
            if key is not None and any(refund.key == key for refund in transaction.refunds):
                raise RefundKeyReused("Duplicate refund ID")
            refund = Refund(
                number=len(transaction.refunds) + 1,
                amount=_checked(transaction, amount),
                key=key or tools.identifiers.uuid(),
                reason=reason,
                created_at=tools.clock.now(),
            )
            transaction.remember()
            transaction.refunds.append(refund)
            whole = transaction.refunded == transaction.gross_amount
            transaction.status = "refund" if whole else "partial_refund"
            self._mail.tell(transaction, "refunded")
        account = tools.accounts.midtrans
        wait = timedelta(seconds=account.confirm_refund_after_seconds) / tools.accounts.speed
        tools.agenda.at(tools.clock.now() + wait, lambda: self._confirm(transaction, refund))
        return refund

    def _confirm(self, transaction: Transaction, refund: Refund) -> None:
        with self._tools.lock:
            confirmed = replace(refund, confirmed_at=self._tools.clock.now())
            transaction.refunds[refund.number - 1] = confirmed
            self._mail.tell(transaction, "refunded")


def _checked(transaction: Transaction, amount: int | None) -> int:
    left = transaction.gross_amount - transaction.refunded
    amount = left if amount is None else amount
    in_full_only = transaction.method.payment_type in REFUNDABLE_IN_FULL_ONLY
    if not 1 <= amount <= left or (in_full_only and amount != transaction.gross_amount):
        raise RefundAmountRefused("Refund request is rejected due to invalid amount")
    return amount
