"""Midtrans's messages: requests for Snap pages, answers and notifications.

Rupiah only (B1): amounts are sent as integers and arrive as "150000.00". Times have no offset and
are Asia/Jakarta.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from gateways import redirects
from gateways.adapter import (
    Finality,
    PaymentOrder,
    PaymentReport,
    PaymentState,
    Reversal,
)
from gateways.http import UNREADABLE, read_text
from gateways.midtrans import lines
from paytrust.money import EXPONENTS, Money

JAKARTA = ZoneInfo("Asia/Jakarta")
CURRENCY = "IDR"
MINUTE = timedelta(minutes=1)
LONGEST_LIFE, SHORTEST_LIFE = timedelta(days=7), timedelta(minutes=5)  # of a Snap page, B2
TEXT_LENGTH, BCA_NAME_LENGTH = 255, 30

STATES = {
    "pending": PaymentState.PENDING,
    "authorize": PaymentState.PENDING,
    "settlement": PaymentState.PAID,
    "refund": PaymentState.PAID,  # paid, and what went back is in the reversals
    "partial_refund": PaymentState.PAID,
    "chargeback": PaymentState.PAID,
    "partial_chargeback": PaymentState.PAID,
    "deny": PaymentState.FAILED,
    "failure": PaymentState.FAILED,
    "cancel": PaymentState.CANCELLED,
    "expire": PaymentState.EXPIRED,
}
CAPTURES = {"accept": PaymentState.PAID, "deny": PaymentState.FAILED}  # else a review is pending
STATUS_CODES = {  # what a notification's status_code is by its transaction_status (B7, part D)
    "settlement": "200",
    "refund": "200",
    "partial_refund": "200",
    "chargeback": "200",
    "partial_chargeback": "200",
    "pending": "201",
    "deny": "202",
    "cancel": "202",
    "expire": "202",
    "failure": "202",
}
CAPTURE_CODES = {"accept": "200", "challenge": "201", "deny": "202"}


def request_of(order: PaymentOrder, *, expires_at: datetime) -> dict[str, Any]:
    """Shape an order as the body of `POST /snap/v1/transactions` (B2).

    Page and payment end at the same moment, `expires_at`.
    """
    start = order.created_at.astimezone(JAKARTA)
    minutes = (expires_at - order.created_at.replace(microsecond=0)) // MINUTE
    body: dict[str, Any] = {
        "transaction_details": {"order_id": order.reference, "gross_amount": order.amount.minor},
        "item_details": lines.items_of(order),
        **custom_fields_of(order),
        "credit_card": {"secure": True},
        "expiry": {
            "start_time": f"{start:%Y-%m-%d %H:%M:%S %z}",
            "duration": minutes,
            "unit": "minutes",
        },
        "page_expiry": {"duration": minutes, "unit": "minutes"},
    }
    if customer := customer_of(order):
        body["customer_details"] = customer
    if finish := redirects.for_web(order.success_redirect_url):
        body["callbacks"] = {"finish": finish}
    return body


def replacing_request(*, reference: str, amount: Money) -> dict[str, Any]:
    """Shape the order for a page that only ends an older one of the same reference (B2)."""
    return {
        "transaction_details": {"order_id": reference, "gross_amount": amount.minor},
        "expiry": {"duration": SHORTEST_LIFE // MINUTE, "unit": "minutes"},
        "page_expiry": {"duration": SHORTEST_LIFE // MINUTE, "unit": "minutes"},
    }


def end_of(order: PaymentOrder) -> datetime:
    """Return when the order's page closes: as asked, but 5 minutes to 7 days from now."""
    start = order.created_at.replace(microsecond=0)
    life = min(max(order.expires_at - start, SHORTEST_LIFE), LONGEST_LIFE)
    return start + life // MINUTE * MINUTE


def report_of(message: Mapping[str, Any], *, reference: str) -> PaymentReport:
    """Shape a status answer or a notification; both have the same fields (B4, B7).

    Args:
        message: the object as it came.
        reference: whose payment was asked for. For BI-SNAP and DANA the order_id may hold the
            transaction id; then this one is used.

    Raises:
        AttributeError, KeyError, TypeError, ValueError, ArithmeticError: it cannot be read.
    """
    status = read_text(message, "transaction_status").lower()  # capitals for DANA
    gateway_id, order_id = read_text(message, "transaction_id"), read_text(message, "order_id")
    state = _state(status, message)
    amount, imposed = _amounts(message)
    was_paid = state in {PaymentState.PAID, PaymentState.REVERSED}
    paid_at = message.get("settlement_time") or message.get("transaction_time")
    return PaymentReport(
        reference=reference if order_id == gateway_id else order_id,
        gateway_id=gateway_id,
        state=state,
        raw_status=status,
        amount=amount,
        paid_amount=_paid(message, amount, imposed) if was_paid else None,
        paid_at=read_time(paid_at) if was_paid else None,
        method=message.get("payment_type"),
        finality=Finality.PROMISED if status == "capture" else Finality.PAID,
        channel=_channel(message),
        of_attempt=True,
        reversals=_reversals(state, message, amount),
    )


def check_consistency(message: Mapping[str, Any]) -> None:
    """Compare a notification's transaction_status with its status_code.

    The signature covers the code but not the status, so this check finds a changed status (0.4).

    Raises:
        KeyError: one of the two is missing.
        ValueError: they contradict each other.
    """
    status, code = str(message["transaction_status"]).lower(), str(message["status_code"])
    expected = STATUS_CODES.get(status, code)
    if status == "capture":
        expected = CAPTURE_CODES.get(_fraud_status(message), code)
    if code != expected:
        raise ValueError(f"transaction_status {status} does not go with status_code {code}")


def customer_of(order: PaymentOrder) -> dict[str, str]:
    """Return who pays; only an Indonesian phone is sent, because others are refused (C6)."""
    if order.customer is None:
        return {}
    of_bca = order.method is not None and order.method.bank == "bca"
    limit = BCA_NAME_LENGTH if of_bca else TEXT_LENGTH
    phone = order.customer.phone or ""
    named = {
        "first_name": lines.plain_text(order.customer.name or "", limit=limit),
        "email": order.customer.email,
        "phone": phone if phone.startswith("+62") else None,
    }
    return {key: value for key, value in named.items() if value}


def custom_fields_of(order: PaymentOrder) -> dict[str, str]:
    """Return the merchant's own order number, which the dashboard and notifications show."""
    return {"custom_field1": lines.plain_text(order.order_number)} if order.order_number else {}


def _state(status: str, message: Mapping[str, Any]) -> PaymentState:
    if status == "capture":
        return CAPTURES.get(_fraud_status(message), PaymentState.PENDING)
    if status == "deny" and message.get("settlement_time"):
        return PaymentState.REVERSED  # Permata, Mandiri bill, Indomaret: within minutes (B6)
    return STATES.get(status, PaymentState.UNKNOWN)


def _fraud_status(message: Mapping[str, Any]) -> str:
    """Return the fraud status; shops leave it out, which does not mean `deny` (B6)."""
    return str(message.get("fraud_status") or "accept").lower()


def _amounts(message: Mapping[str, Any]) -> tuple[Money, int]:
    """Return what was ordered, and the fee that Midtrans imposed on the customer on top."""
    gross = _money(message["gross_amount"], message)
    try:
        info = message["metadata"]["extra_info"]["gross_amount_info"]
        ordered = _money(info["original_amount"], message)
    except UNREADABLE:  # no fee was imposed; metadata may hold anything else
        return gross, 0
    imposed = gross.minor - ordered.minor
    return (ordered, imposed) if 0 <= imposed < gross.minor else (gross, 0)


def _paid(message: Mapping[str, Any], amount: Money, imposed: int) -> Money:
    """Return what arrived, without an imposed fee; open-amount accounts list each transfer."""
    transfers = message.get("payment_amounts") or []
    if not transfers:
        return amount
    arrived = sum(_money(transfer["amount"], message).minor for transfer in transfers)
    return Money(arrived - imposed, amount.currency)


def _reversals(
    state: PaymentState, message: Mapping[str, Any], amount: Money
) -> tuple[Reversal, ...]:
    """Return refunds by their key, so that the two notifications of one are one.

    What was taken back as a whole, by the bank or by the gateway, has only its kind as a key.
    """
    status = str(message["transaction_status"]).lower()
    refunds = tuple(
        Reversal(
            id=str(refund.get("refund_key") or refund["refund_chargeback_id"]),
            amount=_money(refund["refund_amount"], message),
            kind=_kind_of(refund, status),
            at=read_time(refund.get("created_at")),
            confirmed=bool(refund.get("bank_confirmed_at")),
        )
        for refund in message.get("refunds") or []
        if refund.get("refund_key") or status != "chargeback"  # that one is added below
    )
    kind = "reversal" if state == PaymentState.REVERSED else None
    if status == "chargeback" and not any(one.kind == "chargeback" for one in refunds):
        kind = "chargeback"  # without a list it is the whole payment
    if kind is None:
        return refunds
    return (*refunds, Reversal(id=kind, amount=amount, kind=kind, at=None, confirmed=True))


def _kind_of(refund: Mapping[str, Any], status: str) -> str:
    """Return the kind: an entry with a key is the merchant's refund, also before a chargeback."""
    if status in {"chargeback", "partial_chargeback"} and not refund.get("refund_key"):
        return status
    return "refund"


def _channel(message: Mapping[str, Any]) -> str | None:
    accounts = message.get("va_numbers") or [{}]
    for value in (
        accounts[0].get("bank"),
        message.get("store"),
        message.get("issuer"),
        message.get("bank"),
        "permata" if message.get("permata_va_number") else None,
        "mandiri" if message.get("bill_key") else None,
    ):
        if value:
            return str(value)
    return None


def _money(amount: object, message: Mapping[str, Any]) -> Money:
    """Read rupiah: "150000.00", or without decimals inside metadata."""
    currency = str(message.get("currency") or CURRENCY)
    if currency not in EXPONENTS:
        raise ValueError(f"the currency {currency} is not served")
    return Money.from_whole(Decimal(str(amount)), currency)


def read_time(text: str | None) -> datetime | None:
    """Read a time; without an offset it is Jakarta's."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=JAKARTA)).astimezone(UTC)
