"""Midtrans transactions, and how answers and notifications show them."""

import copy
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from gateways.sandbox.accounts import MidtransAccount
from gateways.sandbox.midtrans.methods import Method
from gateways.sandbox.tools import next_number

JAKARTA = timezone(timedelta(hours=7))
PAID = {"settlement", "capture"}
TAKEN_BACK = {"refund", "partial_refund", "chargeback", "partial_chargeback"}
FOUND = "Success, transaction is found"
NOTIFIED = "midtrans payment notification"


def written(at: datetime) -> str:
    """Return Jakarta's local time without an offset, whatever the machine's time zone is."""
    return at.astimezone(JAKARTA).strftime("%Y-%m-%d %H:%M:%S")


def rupiah(amount: int) -> str:
    return f"{amount}.00"


def signature(order_id: str, status_code: str, gross_amount: str, server_key: str) -> str:
    text = f"{order_id}{status_code}{gross_amount}{server_key}"
    return hashlib.sha512(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Refund:
    number: int
    amount: int
    key: str  # empty: a chargeback
    reason: str
    created_at: datetime
    confirms_at: datetime | None = None
    confirmed_at: datetime | None = None

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "refund_chargeback_id": self.number,
            "refund_amount": rupiah(self.amount),
            "created_at": written(self.created_at),
            "reason": self.reason,
        }
        if self.key:
            shown |= {"refund_key": self.key, "refund_method": "online"}
        if self.confirmed_at is not None:
            shown["bank_confirmed_at"] = written(self.confirmed_at)
        return shown


@dataclass
class Transaction:
    id: str
    order_id: str
    gross_amount: int
    method: Method
    created_at: datetime
    expires_at: datetime
    details: dict[str, Any]
    echoed: dict[str, Any]  # custom_field1 to custom_field3
    lines: tuple[dict[str, Any], ...] = ()
    finish_url: str = ""
    notification_urls: tuple[str, ...] | None = None  # used instead of the account's
    appended_urls: tuple[str, ...] = ()
    status: str = "pending"
    fraud_status: str = "accept"
    three_d_secure: bool = False
    settled_at: datetime | None = None
    payment_amounts: list[dict[str, str]] = field(default_factory=list)
    proof: dict[str, Any] = field(default_factory=dict)  # fields that the payment itself adds
    refunds: list[Refund] = field(default_factory=list)  # and chargebacks
    refund_keys: list[str] = field(default_factory=list)  # of all attempts
    hides_chargebacks: bool = False
    issuer: str = ""  # whose app read the QR code, if it is not the acquirer's
    number: int = field(default_factory=next_number)
    imposed_fee: int = 0
    settles_at: datetime | None = None  # when a captured card settles
    previous: "Transaction | None" = None

    @property
    def was_paid(self) -> bool:
        return self.status in PAID | TAKEN_BACK

    @property
    def taken_back(self) -> int:
        return sum(refund.amount for refund in self.refunds)

    def taken_shown(self) -> list[dict[str, Any]]:
        """Return refunds and chargebacks as the control API lists them, in whole rupiah."""
        return [
            {
                "id": refund.key or f"chargeback-{refund.number}",
                "amount": refund.amount,
                "status": "SUCCEEDED" if refund.key else "CHARGED_BACK",
            }
            for refund in self.refunds
        ]

    def remember(self) -> None:
        """Keep the present state as the previous one. Call this before a change."""
        self.previous = self.pictured(previous=None)

    def pictured(self, **changes: object) -> "Transaction":
        """Return a copy in another state."""
        picture = copy.copy(self)
        picture.refunds, picture.proof = list(self.refunds), dict(self.proof)
        for name, value in changes.items():
            setattr(picture, name, value)
        return picture

    def status_code(self, *, asked: bool) -> str:
        """Return the code of the state: an expiry is 407 in an answer and 202 in a notification."""
        match self.status:
            case "pending":
                return "201"
            case "capture" if self.fraud_status == "challenge":
                return "201"
            case "expire" if asked:
                return "407"
            case "deny" | "cancel" | "expire":
                return "202"
        return "200"

    def basics(self, account: MidtransAccount, code: str, message: str) -> dict[str, Any]:
        """Return the fields of every answer about a transaction."""
        body: dict[str, Any] = {
            "status_code": code,
            "status_message": message,
            "transaction_id": self.id,
            "order_id": self.order_id,
            "merchant_id": account.merchant_id,
            "gross_amount": rupiah(self.gross_amount + self.imposed_fee),
            "currency": "IDR",
            "payment_type": self.method.payment_type,
            "transaction_time": written(self.created_at),
            "transaction_status": self.status,
        }
        if self.method.payment_type != "cstore":
            body["fraud_status"] = self.fraud_status
        return body

    def shown(self, account: MidtransAccount) -> dict[str, Any]:
        """Return the answer to GET status, with the signature over its own code."""
        body = self.basics(account, self.status_code(asked=True), FOUND)
        if self.status == "expire":
            return sign(body, account.server_key)
        body |= self._particulars() | {"expiry_time": written(self.expires_at)}
        return sign(body, account.server_key)

    def notification(self, account: MidtransAccount) -> dict[str, Any]:
        """Return the signed body that is sent for the present state."""
        body = self.basics(account, self.status_code(asked=False), NOTIFIED)
        body |= self._particulars()
        lives = self.status in {"pending", "expire"}
        if lives or (self.status == "settlement" and self.method.by_account_number):
            body["expiry_time"] = written(self.expires_at)
        return sign(body, account.server_key)

    def _particulars(self) -> dict[str, Any]:
        fields = self.details | self.proof | self.echoed
        if self.method.by_account_number or self.payment_amounts:
            fields["payment_amounts"] = list(self.payment_amounts)
        if self.settled_at is not None and self.status in {"settlement"} | TAKEN_BACK:
            fields["settlement_time"] = written(self.settled_at)
        listed = [one for one in self.refunds if one.key or not self.hides_chargebacks]
        if listed:
            fields["refund_amount"] = rupiah(sum(refund.amount for refund in listed))
            fields["refunds"] = [refund.shown() for refund in listed]
        if self.imposed_fee:
            fields["metadata"] = {"extra_info": {"gross_amount_info": self._fee_shown()}}
        return fields

    def _fee_shown(self) -> dict[str, str]:
        return {
            "original_amount": str(self.gross_amount),
            "gross_amount": str(self.gross_amount + self.imposed_fee),
            "customer_imposed_payment_fee": str(self.imposed_fee),
        }


def sign(body: dict[str, Any], server_key: str) -> dict[str, Any]:
    """Sign the order, the code and the amount exactly as they are in the body."""
    body["signature_key"] = signature(
        body["order_id"], body["status_code"], body["gross_amount"], server_key
    )
    return body
