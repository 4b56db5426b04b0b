"""Which payments Midtrans gives back, in parts or not, and for how long (gateways-2.md C1)."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateways.sandbox.accounts import MidtransAccount
from gateways.sandbox.midtrans.transactions import JAKARTA, Transaction

REFUND_KEY = re.compile(r"[A-Za-z0-9_-]{1,50}")
CANNOT_CHANGE = "Merchant cannot modify the status of the transaction"
BAD_AMOUNT = "Refund request is rejected due to invalid amount"
NO_FUNDS = "Refund request is rejected due to insufficient merchant funds"
CLOSED = "The payment provider does not take refunds at this hour"
OFF_US = "off-us"
SHOPEE = "airpay shopee"
FULL_ONLY_ISSUERS = {"bca", "bni", "bri"}  # of a ShopeePay QRIS that another bank's app reads
OPENS, CLOSES = (6, 0), (23, 50)  # ShopeePay, in Jakarta


class RefundRefused(ValueError):
    """Midtrans refuses a refund, with this code in the body."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class RefundRule:
    days: int
    partial: bool = True


RULES = {
    "credit_card": RefundRule(180),
    "akulaku": RefundRule(180),
    "gopay": RefundRule(45),
    "dana": RefundRule(45),
    "kredivo": RefundRule(14),
    "ovo": RefundRule(7, partial=False),
}


def rule_of(transaction: Transaction, account: MidtransAccount) -> RefundRule | None:
    """Return the rules of the method; None if it refunds nothing."""
    match transaction.method.payment_type:
        case "shopeepay":
            return RefundRule(365, partial=account.shopeepay_partial_refunds)
        case "qris":
            return _qris_rule(transaction)
        case payment_type:
            return RULES.get(payment_type)


def check(
    transaction: Transaction, amount: int | None, *, account: MidtransAccount, now: datetime
) -> int:
    """Check a refund and return its amount: `amount`, or all that is left.

    Raises:
        RefundRefused: state, method, time, amount, hour or funds do not allow it.
    """
    rule = rule_of(transaction, account)
    paid_at = transaction.settled_at
    if transaction.status not in {"settlement", "partial_refund"} or not rule or not paid_at:
        raise RefundRefused("412", CANNOT_CHANGE)
    if now > paid_at + timedelta(days=rule.days):
        raise RefundRefused("412", CANNOT_CHANGE)
    left = transaction.gross_amount - transaction.taken_back
    amount = left if amount is None else amount
    if not 1 <= amount <= left or (amount != transaction.gross_amount and not rule.partial):
        raise RefundRefused("414", BAD_AMOUNT)
    if _closed(transaction, account, now):
        raise RefundRefused("503", CLOSED)
    if now < paid_at + timedelta(days=account.payable_after_days):
        raise RefundRefused("414", NO_FUNDS)
    return amount


def _qris_rule(transaction: Transaction) -> RefundRule:
    off_us = transaction.proof.get("transaction_type") == OFF_US
    if transaction.method.channel == SHOPEE:
        refused = off_us and transaction.proof.get("issuer") in FULL_ONLY_ISSUERS
        return RefundRule(365, partial=not refused)
    return RefundRule(7 if off_us else 45)


def _closed(transaction: Transaction, account: MidtransAccount, now: datetime) -> bool:
    by_shopee = transaction.method.channel == SHOPEE or (
        transaction.method.payment_type == "shopeepay"
    )
    at = now.astimezone(JAKARTA)
    return account.shopeepay_hours and by_shopee and not OPENS <= (at.hour, at.minute) < CLOSES
