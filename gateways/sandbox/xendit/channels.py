"""Xendit's payment channels, and the fields that each adds to a paid invoice."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateways.sandbox.amounts import presented
from gateways.sandbox.identifiers import Identifiers
from gateways.sandbox.tools import UnknownMethod

SHOWN_TRACES = {
    "payment_method",
    "payment_channel",
    "bank_code",
    "ewallet_type",
    "payment_destination",
    "payment_details",
}


@dataclass(frozen=True, slots=True)
class Channel:
    name: str
    method: str

    def traces(self, identifiers: Identifiers, issuer: str) -> dict[str, Any]:
        """Return the fields that say how the customer paid; the issuer's app read the QR code."""
        traces: dict[str, Any] = {"payment_method": self.method, "payment_channel": self.name}
        match self.method:
            case "BANK_TRANSFER":
                return traces | {
                    "bank_code": self.name,
                    "payment_destination": identifiers.digits(16),
                    "payment_id": identifiers.uuid(),
                }
            case "EWALLET":
                return traces | {
                    "ewallet_type": self.name,
                    "payment_id": f"ewc_{identifiers.uuid()}",
                    "payment_method_id": f"pm-{identifiers.uuid()}",
                }
            case "QR_CODE":
                receipt = {"receipt_id": identifiers.digits(12), "source": issuer or "GOPAY"}
                payment_id = {"payment_id": f"qrpy_{identifiers.uuid()}"}
                return traces | payment_id | {"payment_details": receipt}
            case "CREDIT_CARD":
                return traces | {"credit_card_charge_id": identifiers.hex24()}
            case "RETAIL_OUTLET":
                return traces | {
                    "payment_destination": identifiers.digits(12),
                    "payment_id": identifiers.uuid(),
                }
        prefix = "plc_" if self.method == "PAYLATER" else "ddpy-"
        return traces | {"payment_id": f"{prefix}{identifiers.uuid()}"}


def _channels(method: str, *names: str) -> dict[str, Channel]:
    return {name: Channel(name, method) for name in names}


CARD = _channels("CREDIT_CARD", "CREDIT_CARD")
BY_CURRENCY: dict[str, dict[str, Channel]] = {
    "IDR": {
        **_channels("BANK_TRANSFER", "BCA", "BNI", "BRI", "MANDIRI", "PERMATA"),
        **_channels("RETAIL_OUTLET", "ALFAMART", "INDOMARET"),
        **_channels("EWALLET", "OVO", "DANA", "SHOPEEPAY", "GOPAY", "LINKAJA", "ASTRAPAY"),
        **_channels("EWALLET", "JENIUSPAY"),
        **_channels("QR_CODE", "QRIS"),
        **_channels("DIRECT_DEBIT", "DD_BRI", "DD_MANDIRI"),
        **_channels("PAYLATER", "KREDIVO", "INDODANA", "AKULAKU"),
        **CARD,
    },
    "MYR": {
        **_channels("EWALLET", "TOUCHNGO", "SHOPEEPAY", "GRABPAY", "WECHATPAY"),
        **_channels("DIRECT_DEBIT", "DD_MAYB2U_FPX", "DD_CIMB_FPX", "DD_RHB_FPX"),
    },
    "PHP": {
        **_channels("EWALLET", "GCASH", "PAYMAYA"),
        **_channels("RETAIL_OUTLET", "7ELEVEN"),
        **CARD,
    },
    "THB": {**_channels("QR_CODE", "PROMPTPAY"), **CARD},
    "VND": {**_channels("EWALLET", "MOMO"), **CARD},
    "USD": CARD,
}
KINDS = {
    "bank_transfer": "BANK_TRANSFER",
    "va": "BANK_TRANSFER",
    "ewallet": "EWALLET",
    "qr_code": "QR_CODE",
    "card": "CREDIT_CARD",
    "cstore": "RETAIL_OUTLET",
    "retail_outlet": "RETAIL_OUTLET",
    "direct_debit": "DIRECT_DEBIT",
    "paylater": "PAYLATER",
}


def offered(currency: str, allowed: list[str]) -> dict[str, Channel]:
    """Return the channels of an invoice: all of the currency, or those that the invoice allows."""
    channels = BY_CURRENCY[currency]
    wanted = [name.upper() for name in allowed]
    chosen = {name: channels[name] for name in wanted if name in channels}
    return chosen or {
        name: channel for name, channel in channels.items() if channel.method != "PAYLATER"
    }


def choose(method: str | None, currency: str, allowed: list[str]) -> Channel:
    """Return the channel `method`, or the first of that kind, or the first of all.

    Raises:
        UnknownMethod: the invoice has no such channel.
    """
    channels = offered(currency, allowed)
    if not method:
        return next(iter(channels.values()))
    if (named := channels.get(method.upper())) is not None:
        return named
    kind = KINDS.get(method.lower(), method.upper())
    for channel in channels.values():
        if channel.method == kind:
            return channel
    raise UnknownMethod(f"{method} is not one of {', '.join(channels)}")


def available(currency: str, allowed: list[str], amount: Decimal, holder: str) -> dict[str, Any]:
    """Return the `available_*` lists that the official model requires, even when empty."""
    names: dict[str, list[str]] = {}
    for channel in offered(currency, allowed).values():
        names.setdefault(channel.method, []).append(channel.name)
    return {
        "available_banks": [
            {
                "bank_code": bank,
                "collection_type": "POOL",
                "transfer_amount": presented(amount),
                "bank_branch": "Virtual Account",
                "account_holder_name": holder.upper(),
                "identity_amount": 0,
            }
            for bank in names.get("BANK_TRANSFER", [])
        ],
        "available_retail_outlets": [
            {"retail_outlet_name": name} for name in names.get("RETAIL_OUTLET", [])
        ],
        "available_ewallets": [{"ewallet_type": name} for name in names.get("EWALLET", [])],
        "available_qr_codes": [{"qr_code_type": name} for name in names.get("QR_CODE", [])],
        "available_direct_debits": [
            {"direct_debit_type": name} for name in names.get("DIRECT_DEBIT", [])
        ],
        "available_paylaters": [{"paylater_type": name} for name in names.get("PAYLATER", [])],
        "should_exclude_credit_card": "CREDIT_CARD" not in names,
    }
