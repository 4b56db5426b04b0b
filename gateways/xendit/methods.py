"""Xendit's methods: how each is named when it is asked for, and what it gives back (C1)."""

from datetime import timedelta
from typing import Final

from gateways.adapter import PaymentMethod
from gateways.refund_terms import NO_REFUND, RefundTerms

CHOICES: Final = {
    "qris": (),
    "gopay": (),
    "shopeepay": (),
    "bank_transfer": ("bca", "bni", "bri", "cimb", "permata"),
    "echannel": (),
    "cstore": ("indomaret", "alfamart"),
}

_ANY_AMOUNT, _WHOLE_ONLY = True, False
QR_ISSUERS = {"DANA", "SHOPEEPAY", "OVO", "GOPAY", "CIMB", "PERMATA", "JENIUS", "BSI"}


def _within(days: int, *, in_part: bool = _ANY_AMOUNT, several: bool = True) -> RefundTerms:
    return RefundTerms(within=timedelta(days=days), in_part=in_part, several=several)


BY_CHANNEL: Final = {
    "DANA": _within(30),
    "GOPAY": _within(45),
    "SHOPEEPAY": _within(365),
    "GRABPAY": _within(365),
    "TOUCHNGO": _within(180),
    "WECHATPAY": _within(365, in_part=_WHOLE_ONLY, several=False),
    "LINKAJA": _within(30, in_part=_WHOLE_ONLY, several=False),
    "KREDIVO": _within(14, in_part=_WHOLE_ONLY, several=False),
    "OVO": NO_REFUND,  # an invoice's is a one-time payment; only linked wallets give back
    "ASTRAPAY": NO_REFUND,
    "JENIUSPAY": RefundTerms(same_day=True, several=False),
    "INDODANA": _within(30, several=False),
    "AKULAKU": RefundTerms(several=False),
    "DD_BRI": _within(120, in_part=_WHOLE_ONLY, several=False),
    "BRI_DIRECT_DEBIT": _within(120, in_part=_WHOLE_ONLY, several=False),
}
CARD: Final = _within(365)
QR: Final = _within(7)
QR_OF_CIMB: Final = RefundTerms(within=timedelta(days=7), whole_after=timedelta(hours=24))
NEVER: Final = {
    "BANK_TRANSFER",
    "CALLBACK_VIRTUAL_ACCOUNT",
    "POOL",
    "RETAIL_OUTLET",
    "DIRECT_DEBIT",  # FPX and the like; BRI's is in BY_CHANNEL
}

PAID_BY: Final = (
    ("CREDIT_CARD", ""),
    ("QR_CODE", "QRIS"),
    ("QR_CODE", "CIMB"),
    ("QR_CODE", "BCA"),
    *(("EWALLET", name) for name in ("DANA", "GOPAY", "SHOPEEPAY", "LINKAJA", "OVO", "ASTRAPAY")),
    *(("EWALLET", name) for name in ("JENIUSPAY", "TOUCHNGO", "GRABPAY", "WECHATPAY")),
    *(("PAYLATER", name) for name in ("KREDIVO", "INDODANA", "AKULAKU")),
    ("DIRECT_DEBIT", "DD_BRI"),
    ("DIRECT_DEBIT", "FPX"),
    ("BANK_TRANSFER", ""),
    ("RETAIL_OUTLET", ""),
)


def channel_of(method: PaymentMethod) -> str:
    """Return Xendit's name for what a merchant asks for (A2)."""
    if method.type == "echannel":
        return "MANDIRI"
    return (method.bank or method.store or method.type).upper()


def refund_terms_of(method: str | None, channel: str | None) -> RefundTerms:
    """Return how a payment by a method and channel is given back; without either, not at all."""
    kind = (method or "").upper()
    named = (channel or "").upper().removeprefix("ID_").removeprefix("MY_").removeprefix("PH_")
    if kind in {"QR_CODE", "QRIS"}:
        return _qr(named)
    if kind in {"CREDIT_CARD", "CARDS"}:
        return CARD
    if kind in NEVER and named not in BY_CHANNEL:
        return NO_REFUND
    return BY_CHANNEL.get(named, NO_REFUND)


def _qr(issuer: str) -> RefundTerms:
    """By the customer's own bank or wallet; where none is named, Xendit decides."""
    if issuer in {"", "QRIS"}:
        return QR
    if issuer not in QR_ISSUERS:
        return NO_REFUND
    return QR_OF_CIMB if issuer == "CIMB" else QR
