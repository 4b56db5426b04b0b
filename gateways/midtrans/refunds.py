"""Money that goes back at Midtrans: the state decides between cancel and refund (C1)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from gateways.adapter import GatewayRejected, GatewayUnavailable, PaymentReport
from gateways.http import Answer, rejected
from gateways.refunds import (
    InsufficientGatewayBalance,
    PartialRefundNotSupported,
    RefundExceedsPayment,
    RefundOrder,
    RefundRefused,
    RefundReport,
    RefundState,
)

CODE: Final = "midtrans"
OK, DENIED, KEY_USED, WRONG_STATE, NO_FUNDS = "200", "202", "406", "412", "414"
NOT_SETTLED: Final = frozenset({"authorize", "capture", "pending"})
CANCELLED: Final = "cancel"
BAD_AMOUNT: Final = "invalid amount"

Act = Callable[[str, str, Mapping[str, Any]], Answer]
"""Asks for a change of a charge's state: the action, the charge, and the body."""
Ask = Callable[[str], PaymentReport | None]
"""Asks how a charge stands."""


def create(act: Act, ask: Ask, order: RefundOrder) -> RefundReport:
    """Refund a settled charge; cancel one that is not settled yet.

    Midtrans knows an order by its refund_key: the same key never gives back twice.
    """
    body = {
        "refund_key": order.reference,
        "amount": order.amount.minor,
        "reason": order.reason.value,
    }
    answer = act("refund", order.charge_id, body)
    code = code_of(answer)
    if code == OK:
        return _report(order, str(answer.fields.get("transaction_status", "refund")))
    if code == KEY_USED:
        return _known(ask, order)
    if code == WRONG_STATE:
        return _cancelled(act, ask, order, answer)
    raise refusal(answer)


def find(ask: Ask, order: RefundOrder) -> RefundReport | None:
    """Look for our key among a charge's refunds; a cancelled charge has given back all."""
    charge = ask(order.charge_id)
    if charge is None:
        return None
    for reversal in charge.reversals:
        if reversal.id == order.reference:
            return RefundReport(
                id=order.reference,
                amount=reversal.amount,
                state=RefundState.SUCCEEDED,
                raw_status=charge.raw_status,
                at=reversal.at,
            )
    if charge.raw_status == CANCELLED and order.is_whole:
        return _report(order, charge.raw_status)
    return None


def code_of(answer: Answer) -> str:
    """Return the code in the body, which is the one that counts (B5)."""
    return str(answer.fields.get("status_code") or answer.status)


def refusal(answer: Answer) -> RefundRefused | GatewayRejected | GatewayUnavailable:
    """Return what a refusal means; nothing went back.

    "202" is the bank's refusal, under which the charge stays settled; "414" is for funds, or,
    by another page, for the amount (C1, B4).
    """
    code, text = code_of(answer), str(answer.fields.get("status_message") or "no message")
    if code.startswith("5"):
        return GatewayUnavailable(CODE, f"it answered {code}; the outcome is unknown")
    details = {"gateway": CODE, "gateway_code": code, "gateway_message": text}
    if code == NO_FUNDS:
        too_much = BAD_AMOUNT in text.lower()
        kind = RefundExceedsPayment if too_much else InsufficientGatewayBalance
        return kind(details=details)
    status = int(code) if code.isdigit() and code != DENIED else answer.status
    return rejected(CODE, status=status, code=code, message=text)


def _known(ask: Ask, order: RefundOrder) -> RefundReport:
    """Return the refund that an earlier try made; a key without one was refused by the bank."""
    found = find(ask, order)
    if found is None:
        raise GatewayRejected(
            CODE, gateway_code=KEY_USED, gateway_message="the refund was refused by the bank"
        )
    return found


def _cancelled(act: Act, ask: Ask, order: RefundOrder, refused: Answer) -> RefundReport:
    charge = ask(order.charge_id)
    status = charge.raw_status if charge else ""
    if status == CANCELLED and order.is_whole:
        return _report(order, status)
    if status not in NOT_SETTLED:
        raise refusal(refused)
    if not order.is_whole:
        raise PartialRefundNotSupported(
            "The charge is not settled yet: until then it can only be given back as a whole.",
            details={"gateway": CODE, "gateway_code": WRONG_STATE},
        )
    answer = act("cancel", order.charge_id, {})
    if code_of(answer) != OK:
        raise refusal(answer)
    return _report(order, CANCELLED)


def _report(order: RefundOrder, raw_status: str) -> RefundReport:
    return RefundReport(
        id=order.reference,
        amount=order.amount,
        state=RefundState.SUCCEEDED,
        raw_status=raw_status,
    )
