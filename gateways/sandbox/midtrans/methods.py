"""Midtrans's payment methods: what the customer gets, and how long each is valid."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from gateways.sandbox.identifiers import Identifiers
from gateways.sandbox.tools import UnknownMethod

QUARTER_HOUR = timedelta(minutes=15)
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Method:
    """One way to pay; `channel` is the bank, the store or the acquirer."""

    name: str
    label: str
    payment_type: str
    channel: str = ""
    lifetime: timedelta = DAY

    @property
    def by_account_number(self) -> bool:
        return self.payment_type == "bank_transfer"

    def details(self, identifiers: Identifiers) -> dict[str, Any]:
        """Return the fields that the transaction keeps from pending to its end."""
        if self.channel == "permata":
            return {"permata_va_number": f"850{identifiers.digits(12)}"}
        match self.payment_type:
            case "qris":
                details: dict[str, Any] = {"acquirer": self.channel}
            case "bank_transfer":
                number = {"bank": self.channel, "va_number": f"8123{identifiers.digits(11)}"}
                details = {"va_numbers": [number]}
            case "echannel":
                details = {"bill_key": f"99{identifiers.digits(10)}", "biller_code": "70012"}
            case "cstore":
                details = {"payment_code": f"257{identifiers.digits(11)}", "store": self.channel}
            case "credit_card":
                details = {"masked_card": "48111111-1114", "card_type": "credit"}
            case _:
                details = {}
        return details

    def message(self) -> str:
        """Return the status message of a successful charge."""
        return {
            "gopay": "GoPay transaction is created",
            "qris": "QRIS transaction is created",
            "shopeepay": "ShopeePay transaction is created",
            "echannel": "OK, Mandiri Bill transaction is successful",
            "cstore": "Success, cstore transaction is successful",
            "credit_card": "Success, Credit Card transaction is successful",
        }.get(self.payment_type) or (
            "Success, PERMATA VA transaction is successful"
            if self.channel == "permata"
            else "Success, Bank Transfer transaction is created"
        )


METHODS = {
    method.name: method
    for method in (
        Method("qris", "QRIS", "qris", "gopay", QUARTER_HOUR),
        Method("gopay", "GoPay", "gopay", lifetime=QUARTER_HOUR),
        Method("shopeepay", "ShopeePay", "shopeepay", lifetime=QUARTER_HOUR),
        Method("bca", "BCA virtual account", "bank_transfer", "bca"),
        Method("bni", "BNI virtual account", "bank_transfer", "bni"),
        Method("bri", "BRI virtual account", "bank_transfer", "bri"),
        Method("cimb", "CIMB virtual account", "bank_transfer", "cimb"),
        Method("permata", "Permata virtual account", "bank_transfer", "permata"),
        Method("echannel", "Mandiri bill", "echannel"),
        Method("indomaret", "Indomaret", "cstore", "indomaret"),
        Method("alfamart", "Alfamart", "cstore", "alfamart"),
        Method("credit_card", "Card", "credit_card"),
        Method("dana", "DANA", "dana", lifetime=QUARTER_HOUR),
        Method("ovo", "OVO", "ovo", lifetime=QUARTER_HOUR),
        Method("akulaku", "Akulaku", "akulaku"),
        Method("kredivo", "Kredivo", "kredivo"),
    )
}
ALIASES = {
    "bank_transfer": "bca",
    "va": "bca",
    "cstore": "indomaret",
    "card": "credit_card",
    "mandiri": "echannel",
    "other_qris": "qris",
}
REVERSIBLE = {"permata", "echannel", "indomaret"}


def offered(enabled: list[str]) -> dict[str, Method]:
    """Return the methods of a Snap page: all, or only those that the merchant has enabled."""
    wanted = {name.removesuffix("_va") for name in enabled}
    chosen = {
        name: method
        for name, method in METHODS.items()
        if name in wanted or method.payment_type in wanted or f"other_{name}" in wanted
    }
    return chosen or METHODS


def choose(name: str | None, enabled: list[str], *, by_account_number: bool = False) -> Method:
    """Return the method `name`, or the first one offered (a virtual account if asked for).

    Raises:
        UnknownMethod: the page does not offer it.
    """
    methods = offered(enabled)
    if not name:
        fitting = (
            one for one in methods.values() if one.by_account_number or not by_account_number
        )
        return next(fitting, next(iter(methods.values())))
    wanted = name.lower().partition("/")[0].removesuffix("_va")
    method = methods.get(wanted) or methods.get(ALIASES.get(wanted, ""))
    if method is None:
        raise UnknownMethod(f"{name} is not one of {', '.join(methods)}")
    return method


def requested(fields: dict[str, Any]) -> Method | None:
    """Return the method that a charge asks for, or None if it does not exist."""
    payment_type = fields.get("payment_type")
    options = fields.get(str(payment_type))
    options = options if isinstance(options, dict) else {}
    match payment_type:
        case "bank_transfer":
            method = METHODS.get(str(options.get("bank", "")))
            return method if method is not None and method.by_account_number else None
        case "cstore":
            method = METHODS.get(str(options.get("store", "")).lower())
            return method if method is not None and method.payment_type == "cstore" else None
        case "qris" if str(options.get("acquirer", "")) == "airpay shopee":
            return replace(METHODS["qris"], channel="airpay shopee")
        case "permata" | "qris" | "gopay" | "shopeepay" | "echannel" | "credit_card":
            return METHODS[payment_type]
    return None
