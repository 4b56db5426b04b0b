"""Reports of gateways, for tests of what PayTrust does with them."""

from typing import Any

from gateways.adapter import PaymentReport, PaymentState, Reversal
from invoices.models import PaymentRequest
from paytrust.money import Money
from tests.apikeys.factories import NOON


def report(
    payment_request: PaymentRequest,
    state: PaymentState = PaymentState.PAID,
    *,
    paid: int | None = None,
    notified: int | None = None,
    charge: str | None = None,
    refunds: dict[str, int] | None = None,
    **fields: Any,
) -> PaymentReport:
    """Say that `paid` minor units (all, unless given) arrived on a charge, and what went back.

    Of them, `notified` are what the notification reported.
    """
    currency = payment_request.currency_code
    whole = {PaymentState.PAID, PaymentState.REVERSED}
    paid = payment_request.amount if paid is None and state in whole else paid
    return PaymentReport(
        **{
            "reference": payment_request.reference,
            "gateway_id": charge or payment_request.gateway_payment_id or "charge",
            "state": state,
            "raw_status": str(state),
            "amount": Money(payment_request.amount, currency),
            "paid_amount": None if paid is None else Money(paid, currency),
            "paid_at": NOON,
            "notified_amount": None if notified is None else Money(notified, currency),
            "reversals": tuple(
                refund(key, amount, currency) for key, amount in (refunds or {}).items()
            ),
            **fields,
        }
    )


def refund(key: str, amount: int, currency: str = "MYR", kind: str = "refund") -> Reversal:
    return Reversal(id=key, amount=Money(amount, currency), kind=kind, at=NOON, confirmed=False)
