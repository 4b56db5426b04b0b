"""Midtrans's Core charges: how one method is asked for, and what the customer pays with (B3).

Core gives a number, a QR code or a link into an app, never a page that opens on any device.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from gateways.adapter import PaymentMethod, PaymentOrder, PaymentPage
from gateways.http import read_text
from gateways.midtrans import lines, messages
from gateways.midtrans.messages import JAKARTA, MINUTE, read_time
from gateways.refund_terms import NO_REFUND, RefundTerms

CHOICES: Final = {
    "qris": (),
    "gopay": (),
    "shopeepay": (),
    "bank_transfer": ("bca", "bni", "bri", "cimb", "permata"),
    "echannel": (),
    "cstore": ("indomaret", "alfamart"),
}

LONGEST_LIVES = {
    "qris": timedelta(days=7),
    "gopay": timedelta(days=7),
    "shopeepay": timedelta(days=5),
}
LONGEST_LIFE = timedelta(days=180)  # of account numbers, bills and shop codes
BILL_LABEL_LENGTH, SHOP_MESSAGE_LENGTH = 30, 20
LINK_LENGTH = 2000

# Only the answer to the charge itself shows these; its repeat under the same key does so again.
SHOWN_ONCE = frozenset({"qris", "gopay", "shopeepay"})

# What each payment_type gives back (C1). Account numbers, bills and shop codes: nothing.
HALF_A_YEAR = timedelta(days=180)
REFUNDS: Final = {
    "gopay": RefundTerms(within=timedelta(days=45)),
    "shopeepay": RefundTerms(within=timedelta(days=365), hours=(time(6), time(23, 50))),
    "dana": RefundTerms(within=timedelta(days=45)),
    "ovo": RefundTerms(within=timedelta(days=7), in_part=False, several=False),
    "akulaku": RefundTerms(within=HALF_A_YEAR),
    "kredivo": RefundTerms(within=timedelta(days=14)),
}
CARD: Final = RefundTerms(within=HALF_A_YEAR)
CARD_BANKS = frozenset({"bni", "cimb", "mandiri", "bri", "bca"})
QR_OF_GOPAY: Final = RefundTerms(within=timedelta(days=45))
QR_OF_OTHERS: Final = RefundTerms(within=timedelta(days=7))  # off-us, the shorter of two figures

PAID_BY: Final = (
    ("credit_card", "bni"),
    ("credit_card", "other banks"),
    ("gopay", ""),
    ("qris", "gopay"),
    ("qris", "others"),
    *((name, "") for name in ("shopeepay", "dana", "ovo", "akulaku", "kredivo")),
    *((name, "") for name in ("bank_transfer", "echannel", "cstore")),
)


def request_of(
    order: PaymentOrder, method: PaymentMethod, *, expires_at: datetime
) -> dict[str, Any]:
    """Shape an order as the body of `POST /v2/charge`."""
    start = order.created_at.astimezone(JAKARTA)
    body: dict[str, Any] = {
        "payment_type": method.type,
        "transaction_details": {"order_id": order.reference, "gross_amount": order.amount.minor},
        "item_details": lines.items_of(order),
        **messages.custom_fields_of(order),
        "custom_expiry": {
            "order_time": f"{start:%Y-%m-%d %H:%M:%S %z}",
            "expiry_duration": (expires_at - order.created_at.replace(microsecond=0)) // MINUTE,
            "unit": "minute",
        },
    }
    if customer := messages.customer_of(order):
        body["customer_details"] = customer
    if options := _options(order, method):
        body[method.type] = options
    return body


def headers_of(order: PaymentOrder, method: PaymentMethod) -> dict[str, str]:
    """Return the key under which Midtrans repeats its answer for five minutes (B1)."""
    if method.type not in SHOWN_ONCE:
        return {}  # not every method takes a key, and these can be asked for
    return {"Idempotency-Key": hashlib.sha256(order.reference.encode()).hexdigest()[:32]}


def end_of(order: PaymentOrder, method: PaymentMethod) -> datetime:
    """Return when the charge lapses: as asked, in whole minutes, within the method's limit."""
    start = order.created_at.replace(microsecond=0)
    longest = LONGEST_LIVES.get(method.type, LONGEST_LIFE)
    return start + min(max(order.expires_at - start, MINUTE), longest) // MINUTE * MINUTE


def page_of(message: Mapping[str, Any], *, until: datetime | None = None) -> PaymentPage | None:
    """Return what the customer pays with; None if the message does not say all of it.

    Answers to GET status and notifications show account numbers, bills and shop codes again,
    but neither `qr_string` nor `actions`.

    Args:
        message: the answer to a charge or to GET status, or a notification.
        until: when the charge lapses if the message does not say.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: it cannot be read.
    """
    expires_at = read_time(message.get("expiry_time") or message.get("expire_time")) or until
    means = _means(message)
    if not means or expires_at is None:
        return None
    kind = read_text(message, "payment_type")
    return PaymentPage(
        gateway_id=read_text(message, "transaction_id"),
        url=None,
        expires_at=expires_at,
        instructions={
            "type": "bank_transfer" if kind == "permata" else kind,
            **means,
            "expires_at": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}",
        },
    )


def refund_terms_of(method: str | None, channel: str | None) -> RefundTerms:
    """Return how a payment is given back; its channel is a card's bank or a QR code's issuer."""
    kind, named = (method or "").lower(), (channel or "").lower()
    if kind == "credit_card":
        return CARD if not named or named in CARD_BANKS else NO_REFUND
    if kind == "qris":
        return QR_OF_GOPAY if named == "gopay" else QR_OF_OTHERS
    return REFUNDS.get(kind, NO_REFUND)


def _options(order: PaymentOrder, method: PaymentMethod) -> dict[str, Any]:
    """Return what the method itself takes."""
    text = lines.plain_text(order.description)
    options: dict[str, Any] = {}
    match method.type:
        case "qris":
            options = {"acquirer": "gopay"}
        case "bank_transfer":
            options = {"bank": method.bank}
        case "echannel":
            options = {"bill_info1": "Payment:", "bill_info2": text[:BILL_LABEL_LENGTH]}
        case "cstore":
            options = {"store": method.store, "message": text[:SHOP_MESSAGE_LENGTH]}
        case "gopay" | "shopeepay" if order.success_redirect_url:
            options = {"callback_url": order.success_redirect_url}
    if "callback_url" in options and method.type == "gopay":
        options["enable_callback"] = True
    return options


def _means(message: Mapping[str, Any]) -> dict[str, str]:
    """Return the numbers, codes and links that stand in a message; none of them if one lacks."""
    if accounts := message.get("va_numbers"):
        account = accounts[0]
        return {"va_number": read_text(account, "va_number"), "bank": read_text(account, "bank")}
    if message.get("permata_va_number"):
        return {"va_number": read_text(message, "permata_va_number"), "bank": "permata"}
    if message.get("bill_key"):
        return {name: read_text(message, name) for name in ("biller_code", "bill_key")}
    if message.get("payment_code"):
        return {"payment_code": read_text(message, "payment_code")}
    links = {action["name"]: action["url"] for action in message.get("actions") or ()}
    found = {
        "qr_string": message.get("qr_string"),
        "qr_image_url": links.get("generate-qr-code-v2") or links.get("generate-qr-code"),
        "deeplink_url": links.get("deeplink-redirect"),
    }
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and 0 < len(value) <= LINK_LENGTH and value.isprintable()
    }
