"""Which payments Xendit gives back, in parts or not, and for how long (gateways-2.md C1)."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from gateways.sandbox.xendit.invoices import Payment

JAKARTA = timezone(timedelta(hours=7))
DAY = timedelta(hours=24)
MOST_REFUNDS = 10  # of one payment; the gateway has a limit and does not publish it
VOID_UNTIL = (23, 50)  # Jakarta's time on the day of the payment
QRIS_ISSUERS = {"DANA", "SHOPEEPAY", "OVO", "GOPAY", "CIMB", "PERMATA", "JENIUS", "BSI"}


class RefundRefused(ValueError):
    """Xendit refuses a refund, with this HTTP status and error_code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class RefundRule:
    """The rules of a channel; `days` None is no limit, 0 is the day of the payment."""

    days: int | None
    partial: bool = True
    several: bool = True

    def allows_day(self, paid_at: datetime, now: datetime) -> bool:
        if self.days is None:
            return True
        if self.days == 0:
            return now.astimezone(JAKARTA).date() == paid_at.astimezone(JAKARTA).date()
        return now <= paid_at + timedelta(days=self.days)


RULES = {
    "CREDIT_CARD": RefundRule(365),
    "QRIS": RefundRule(7),
    "DANA": RefundRule(30),
    "GOPAY": RefundRule(45),
    "SHOPEEPAY": RefundRule(365),
    "GRABPAY": RefundRule(365),
    "TOUCHNGO": RefundRule(180),
    "WECHATPAY": RefundRule(365, partial=False),
    "LINKAJA": RefundRule(30, partial=False),
    "KREDIVO": RefundRule(14, partial=False),
    "JENIUSPAY": RefundRule(0, several=False),
    "INDODANA": RefundRule(30, several=False),
    "AKULAKU": RefundRule(None, several=False),
    "DD_BRI": RefundRule(120, partial=False),
    # No source gives a rule for these; they get the widest rule of their kind.
    "GCASH": RefundRule(180),
    "PAYMAYA": RefundRule(180),
    "MOMO": RefundRule(180),
}


def check(payment: Payment, amount: Decimal, *, left: Decimal, made: int, now: datetime) -> None:
    """Check a refund of one payment, of which `made` refunds have not failed.

    Raises:
        RefundRefused: the method, the day, the amount or the number of refunds does not allow it.
    """
    rule = RULES.get(payment.channel.name)
    if rule is None or not _issuer_takes_back(payment):
        raise RefundRefused(
            403, "REFUND_NOT_SUPPORTED", "The payment channel does not support refunds."
        )
    if not rule.allows_day(payment.paid_at, now):
        raise RefundRefused(
            400, "INELIGIBLE_TRANSACTION_STATUS", "The payment is too old to be refunded."
        )
    if amount > left or amount <= 0:
        raise RefundRefused(
            400, "REFUND_AMOUNT_EXCEEDED", "The refund amount exceeds the amount that was paid."
        )
    if amount != payment.amount and not rule.partial:
        raise RefundRefused(
            403, "PARTIAL_REFUND_NOT_SUPPORTED", "The payment channel refunds in full only."
        )
    if made >= (MOST_REFUNDS if rule.several else 1):
        raise RefundRefused(
            400, "PARTIAL_REFUND_COUNTS_EXCEEDED", "There were too many refunds of this payment."
        )
    if payment.issuer == "CIMB" and amount == payment.amount and now < payment.paid_at + DAY:
        raise RefundRefused(
            400, "TEMPORARILY_UNAVAILABLE", "CIMB refunds in full only after 24 hours."
        )


def check_void(payment: Payment, *, now: datetime) -> None:
    """Check that a wallet's charge can be cancelled as a whole, on its own day before 23:50.

    Raises:
        RefundRefused: the day has ended.
    """
    at, paid_at = now.astimezone(JAKARTA), payment.paid_at.astimezone(JAKARTA)
    if at.date() != paid_at.date() or (at.hour, at.minute) >= VOID_UNTIL:
        raise RefundRefused(
            400, "INELIGIBLE_TRANSACTION_STATUS", "The charge can no longer be voided."
        )


def _issuer_takes_back(payment: Payment) -> bool:
    return payment.channel.name != "QRIS" or payment.issuer in QRIS_ISSUERS
